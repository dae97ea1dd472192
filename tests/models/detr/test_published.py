import numpy as np
import pytest
import torch

from splitlab.errors import CheckpointError
from splitlab.models.detr.published import _find_detr, _resnet_weights
from splitlab.models.detr.seg import DETRSeg, build_detr
from splitlab.models.detr.sizes import SIZES, Norm
from splitlab.models.foreign.reader import start_from
from splitlab.models.registry import weights_of
from tests.models.detr.small import TINY


def published(size="detr-r50", class_count=91):
    """The tensors of a published file with masks, without the memory they would take."""
    with torch.device("meta"):
        state = build_detr(size, class_count, Norm.FROZEN).state_dict()
    return {name: np.broadcast_to(np.float32(0), tuple(tensor.shape)) for name, tensor in state.items()}


def without_masks(weights):
    return {name.removeprefix("detr."): t for name, t in weights.items() if name.startswith("detr.")}


def test_size_classes_and_masks_are_told_from_the_tensors():
    weights = published(class_count=250)
    found = _find_detr(weights)
    assert (found.model, found.class_count, found.has_masks) == ("detr-r50", 250, True)
    assert found.weights.keys() == weights.keys()
    boxes = _find_detr(without_masks(weights))
    assert (boxes.model, boxes.class_count, boxes.has_masks) == ("detr-r50", 250, False)
    assert boxes.weights.keys() < weights.keys()


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(SIZES, "tiny", TINY)
    torch.manual_seed(0)
    return DETRSeg(TINY, 3, Norm.FROZEN)


def test_box_weights_start_a_model_and_leave_its_mask_head(tiny):
    torch.manual_seed(1)
    other = DETRSeg(TINY, 3, Norm.FROZEN)
    found = _find_detr(without_masks(weights_of(tiny)))
    report = start_from(other, found.weights)
    assert all(name.startswith(("bbox_attention.", "mask_head.")) for name in report.left)
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(tiny.eval().detr(images).boxes, other.eval().detr(images).boxes)


def test_other_classes_leave_the_class_scores_alone(tiny):
    other = DETRSeg(TINY, 5, Norm.FROZEN)
    report = start_from(other, _find_detr(weights_of(tiny)).weights)
    assert report.left == ["detr.class_embed.weight", "detr.class_embed.bias"]


def test_weights_of_plain_batch_norms_are_found_too():
    weights = published("detr-r18-small", 3)
    weights["detr.backbone.0.body.bn1.num_batches_tracked"] = np.int64(7)
    assert _find_detr(weights).model == "detr-r18-small"


def test_a_resnet_classifier_fills_the_backbone(tiny):
    names = {name.removeprefix("detr.backbone.0.body.") for name in tiny.state_dict() if ".body." in name}
    body = dict(tiny.detr.features.body.state_dict())
    assert names == body.keys()
    classifier = {name: np.asarray(tensor) + 1 for name, tensor in body.items()}
    classifier |= {"fc.weight": np.zeros((1000, 512)), "bn1.num_batches_tracked": np.int64(1)}
    before = tiny.detr.features.body.conv1.weight.detach().clone()
    report = start_from(tiny, _resnet_weights(classifier))
    assert len(report.copied) == len(body)
    assert torch.allclose(tiny.detr.features.body.conv1.weight.detach(), before + 1)


def changed(weights, **changes):
    return {name: tensor for name, tensor in {**weights, **changes}.items() if tensor is not None}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"detr.class_embed.bias": None}, "class_embed.bias is missing"),
        ({"detr.class_embed.bias": np.zeros(1)}, "0 classes"),
        ({"detr.class_embed.bias": np.zeros(10**6)}, "999999 classes"),
        ({"detr.query_embed.weight": np.zeros((300, 256))}, "query_embed.weight has shape"),
        ({"mask_head.lay1.bias": None}, "mask_head.lay1.bias is missing"),
        ({"detr.transformer.level_embed": np.zeros(4)}, "level_embed"),
    ],
)
def test_other_tensors_are_answered(changes, said):
    with pytest.raises(CheckpointError, match=said):
        _find_detr(changed(published(), **changes))
