import hashlib

import pytest
import torch

from splitlab.errors import SettingsError
from splitlab.models.detr.seg import DetrStage, build_detr
from splitlab.models.detr.sizes import SIZES, Norm

# Tensors, and sha256 over their names and shapes (91 classes), first 16 digits; checked against an independent DETR.
WITH_MASKS = (490, "b68a564eae06a9ad")
BOXES_ONLY = (458, "63301b8d452c1af8")
# What the published training logs of DETR-R50 on COCO call "number of params".
PUBLISHED_PARAMETERS = 41302368


def fingerprint(state):
    lines = sorted(f"{name} {tuple(tensor.shape)}" for name, tensor in state.items())
    return len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@pytest.fixture(scope="module")
def r50():
    with torch.device("meta"):
        return build_detr("detr-r50", 91)


def test_names_and_shapes_are_the_published_ones(r50):
    state = r50.state_dict()
    assert fingerprint(state) == WITH_MASKS
    assert fingerprint({name: t for name, t in state.items() if name.startswith("detr.")}) == BOXES_ONLY


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("detr.backbone.0.body.conv1.weight", (64, 3, 7, 7)),
        ("detr.backbone.0.body.layer4.2.bn3.running_var", (2048,)),
        ("detr.backbone.0.body.layer2.0.downsample.1.weight", (512,)),
        ("detr.transformer.encoder.layers.5.self_attn.in_proj_weight", (768, 256)),
        ("detr.transformer.decoder.layers.0.multihead_attn.out_proj.bias", (256,)),
        ("detr.transformer.decoder.layers.5.linear1.weight", (2048, 256)),
        ("detr.transformer.decoder.norm.weight", (256,)),
        ("detr.class_embed.weight", (92, 256)),
        ("detr.bbox_embed.layers.2.weight", (4, 256)),
        ("detr.query_embed.weight", (100, 256)),
        ("detr.input_proj.weight", (256, 2048, 1, 1)),
        ("bbox_attention.k_linear.weight", (256, 256)),
        ("mask_head.lay1.weight", (264, 264, 3, 3)),
        ("mask_head.lay5.weight", (16, 32, 3, 3)),
        ("mask_head.gn5.bias", (16,)),
        ("mask_head.adapter1.weight", (128, 1024, 1, 1)),
        ("mask_head.adapter3.weight", (32, 256, 1, 1)),
        ("mask_head.out_lay.weight", (1, 16, 3, 3)),
    ],
)
def test_a_tensor_has_its_published_shape(r50, name, shape):
    assert tuple(r50.state_dict()[name].shape) == shape


def test_the_number_of_learnt_parameters_is_the_published_one(r50):
    r50.set_stage(DetrStage.BOXES)
    assert sum(p.numel() for p in r50.parameters() if p.requires_grad) == PUBLISHED_PARAMETERS


def test_both_norms_load_each_other_and_give_equal_outputs():
    learnt = build_detr("detr-r18-small", 3, Norm.LEARNT).eval()
    for name, buffer in learnt.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.uniform_(0.5, 1.5)
    frozen = build_detr("detr-r18-small", 3, Norm.FROZEN).eval()
    frozen.load_state_dict(dict(learnt.state_dict()))
    learnt.load_state_dict(dict(frozen.state_dict()))
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        (ours, masks), (theirs, other_masks) = learnt(images), frozen(images)
    assert torch.allclose(ours.logits, theirs.logits, atol=1e-5)
    assert torch.allclose(masks, other_masks, atol=1e-4)


@pytest.mark.parametrize("name", SIZES)
def test_a_backbone_gives_four_maps_of_its_strides_and_masks_a_quarter_of_the_image(name):
    model = build_detr(name, 3).eval()
    features = model.detr.features
    with torch.inference_mode():
        maps = features(torch.rand(1, 3, 64, 96))
        logits = model(torch.rand(1, 3, 64, 96))[1]
    strides = (4, 8, 16, SIZES[name].last_stride)
    expected = [(c, 64 // s, 96 // s) for c, s in zip(features.channels, strides, strict=True)]
    assert [tuple(one.shape[1:]) for one in maps] == expected
    assert logits.shape[-2:] == (16, 24)


def test_lite0_takes_the_package_s_weights_under_frozen_norms():
    backbone = build_detr("detr-lite0-small", 3).detr.features
    before = backbone.body.features.bn1.running_var.clone()
    backbone.body.load_imagenet_weights()
    assert not torch.equal(backbone.body.features.bn1.running_var, before)
    images = torch.rand(2, 3, 64, 64)
    backbone.eval()
    with torch.inference_mode():
        ours = backbone(images)
        theirs = backbone.body(images)
    assert all(torch.equal(one, other) for one, other in zip(ours[1:], theirs, strict=True))


def test_pretrained_backbones_freeze_their_stem_and_name_their_prefix():
    frozen, learnt = (build_detr("detr-r18-small", 3, norm) for norm in (Norm.FROZEN, Norm.LEARNT))
    assert frozen.pretrained_prefix == "detr.backbone."
    assert learnt.pretrained_prefix == ""
    body = frozen.detr.features.body
    assert not body.conv1.weight.requires_grad
    assert not body.layer1[0].conv1.weight.requires_grad
    assert body.layer2[0].conv1.weight.requires_grad
    assert learnt.detr.features.body.conv1.weight.requires_grad


def test_an_unknown_size_is_answered():
    with pytest.raises(SettingsError, match="detr-r9000"):
        build_detr("detr-r9000", 3)
