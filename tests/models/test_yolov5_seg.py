import hashlib
import math

import pytest
import torch

from splitlab.errors import SettingsError
from splitlab.families import LITE0
from splitlab.models.contract import DetectSettings
from splitlab.models.registry import build_for_training, build_model
from splitlab.models.yolov5.seg import _ANCHORS_AT_640, _STRIDES

# sha256 over the names and shapes of the official models' state dicts (80 classes), first 16 digits, and their length.
OFFICIAL = {
    "n": (367, "924c284eeddc6549"),
    "s": (367, "ac5dbf3371e1d434"),
    "m": (499, "654ad84296262d37"),
    "l": (631, "076ad0504881820b"),
    "x": (763, "04c23cb972415d64"),
}


@pytest.mark.parametrize("letter", OFFICIAL)
def test_names_and_shapes_are_the_official_ones(letter):
    with torch.device("meta"):
        state = build_model(f"yolov5{letter}-seg", 80, 640).state_dict()
    lines = sorted(f"{name} {tuple(tensor.shape)}" for name, tensor in state.items())
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
    assert (len(state), digest) == OFFICIAL[letter]


def test_anchors_are_scaled_to_the_image_size_and_kept_in_cells():
    anchors = build_model("yolov5n-seg", 3, 320).head.anchors
    for level, stride in enumerate(_STRIDES):
        pixels = anchors[level] * stride
        assert torch.allclose(pixels, torch.tensor(_ANCHORS_AT_640[level]) / 2, atol=1e-4)


@pytest.mark.parametrize("name", ["yolov5n-seg", LITE0])
def test_three_levels_and_prototypes_have_the_shapes_of_the_head(name):
    model = build_model(name, class_count=3, image_size=96).eval()
    levels, prototypes = model(torch.rand(2, 3, 96, 96))
    assert [tuple(level.shape) for level in levels] == [(2, 3, side, side, 5 + 3 + 32) for side in (12, 6, 3)]
    assert prototypes.shape == (2, 32, 24, 24)


@pytest.mark.parametrize("name", ["yolov5n-seg", LITE0])
def test_detections_are_sorted_bounded_and_of_known_classes(name):
    torch.manual_seed(0)
    model = build_model(name, class_count=3, image_size=96).eval()
    with torch.inference_mode():
        found = model.detect(torch.rand(2, 3, 96, 96), DetectSettings(min_score=0.0, max_detections=7))
    for one in found:
        assert len(one.scores) == 7
        assert (one.scores.diff() <= 0).all()
        assert one.classes.max() < 3
        assert one.mask_logits.shape == (7, 24, 24)


def test_a_model_that_finds_nothing_says_so():
    model = build_model("yolov5n-seg", 3, 64).eval()
    with torch.inference_mode():
        found = model.detect(torch.zeros(1, 3, 64, 64), DetectSettings(min_score=0.99))
    assert found[0].boxes.shape == (0, 4)
    assert found[0].mask_logits.shape[0] == 0


@pytest.mark.parametrize("size", [64, 512, 640, 1024])
@pytest.mark.parametrize("classes", [1, 20])
def test_biases_of_yolov5_start_as_published_for_640_px_whatever_the_image_size(size, classes):
    check_start(build_model("yolov5n-seg", classes, size).head, (80, 40, 20), classes)


@pytest.mark.parametrize("size", [64, 224])
def test_biases_of_the_lite0_variant_follow_the_image_size(size):
    check_start(build_model("yolov5n-lite0-seg", 3, size).head, (size // 8, size // 16, size // 32), 3)


def check_start(head, cells_of_levels, classes):
    for conv, cells in zip(head.m, cells_of_levels, strict=True):
        # YOLOv5 adds to what torch starts a convolution with, which is at most 1 / sqrt(inputs).
        most = conv.in_channels**-0.5
        bias = conv.bias.detach().view(3, -1)
        assert (bias[:, 4] - math.log(8 / cells**2)).abs().max() <= most
        assert (bias[:, 5 : 5 + classes] - math.log(0.6 / (classes - 0.99999))).abs().max() <= most
        assert bias[:, :4].abs().max() <= most


def test_equal_seeds_start_with_equal_weights():
    first, same, other = (build_for_training("yolov5n-seg", 3, 64, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["model.0.conv.weight"], other["model.0.conv.weight"])


def test_the_lite0_backbone_starts_with_imagenet_weights_that_tell_pictures_apart():
    model = build_for_training(LITE0, 3, 96, seed=0)
    blank = build_model(LITE0, 3, 96)
    name = "backbone.features.conv_stem.weight"
    assert not torch.equal(model.state_dict()[name], blank.state_dict()[name])
    # Running statistics of a trained network are not those of a new one.
    assert model.state_dict()["backbone.features.bn1.running_var"].std() > 0.1


@pytest.mark.parametrize(("name", "size"), [("yolov9-seg", 640), ("yolov5n-seg", 100)])
def test_an_unknown_model_or_a_size_that_does_not_divide_is_answered(name, size):
    with pytest.raises(SettingsError, match=f"{name}|{size}"):
        build_model(name, 3, size)
