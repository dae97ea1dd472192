"""Files of DETR and of ResNet classifiers, written here as their authors save them, become checkpoints of ours."""

import argparse

import numpy as np
import pytest
import torch
import torchvision

from splitlab.checkpoints.checkpoint import read_card, read_weights
from splitlab.data.classes import TABLES
from splitlab.errors import CheckpointError
from splitlab.models.detr.published import find_foreign_detr
from splitlab.models.detr.seg import DETRSeg
from splitlab.models.detr.sizes import SIZES, Norm
from splitlab.models.foreign.reader import start_from
from splitlab.models.imports import import_checkpoint
from splitlab.models.registry import build_for_training, load_model
from tests.models.detr.small import TINY

MASK_PARTS = ("bbox_attention.", "mask_head.")


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(SIZES, "detr-r18-small", TINY)
    torch.manual_seed(0)
    return DETRSeg(TINY, 91, Norm.FROZEN).eval()


def save(path, state, **others):
    torch.save({"model": state, "epoch": 299, "args": argparse.Namespace(lr=1e-4), **others}, path)
    return path


def without_masks(model):
    return {name.removeprefix("detr."): t for name, t in model.state_dict().items() if not name.startswith(MASK_PARTS)}


def test_a_published_file_is_imported_and_answers_as_its_model(tiny, tmp_path):
    file = save(tmp_path / "detr.pth", tiny.state_dict(), optimizer={"state": {}})
    folder = import_checkpoint(file, tmp_path / "mine")
    card = read_card(folder)
    assert (card.model, card.image_size) == ("detr-r18-small", 800)
    assert "mask_head" not in card.trained_by
    model, _ = load_model(folder)
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        for name, tensor in tiny.outputs(images).items():
            assert torch.allclose(model.outputs(images)[name], tensor, atol=0.05, rtol=0.01), name


def test_coco_s_names_stand_at_their_ids(tiny, tmp_path):
    card = read_card(import_checkpoint(save(tmp_path / "detr.pth", tiny.state_dict()), tmp_path / "mine"))
    names = card.class_names
    assert names == list(TABLES["coco91"])
    assert len(names) == 91
    assert [names[number] for number in (0, 1, 12, 17, 18, 90)] == ["N/A", "person", "N/A", "cat", "dog", "toothbrush"]
    assert len(set(names)) == 81


def test_other_classes_are_numbered(monkeypatch, tmp_path):
    monkeypatch.setitem(SIZES, "detr-r18-small", TINY)
    file = save(tmp_path / "detr.pth", DETRSeg(TINY, 3, Norm.FROZEN).state_dict())
    assert read_card(import_checkpoint(file, tmp_path / "mine")).class_names == ["class_0", "class_1", "class_2"]


def test_a_file_without_a_mask_head_loads_and_says_that_its_masks_are_random(tiny, tmp_path):
    folder = import_checkpoint(save(tmp_path / "detr.pth", without_masks(tiny)), tmp_path / "mine")
    assert "random" in read_card(folder).trained_by["mask_head"]
    model, _ = load_model(folder)
    for name, tensor in tiny.detr.state_dict().items():
        assert torch.allclose(model.detr.state_dict()[name], tensor, atol=1e-3), name


def test_a_resnet_classifier_starts_the_backbone(tmp_path):
    torch.manual_seed(0)
    source = torchvision.models.resnet18(num_classes=5)
    torch.save(source.state_dict(), tmp_path / "resnet18.pth")
    folder = import_checkpoint(tmp_path / "resnet18.pth", tmp_path / "mine")
    card, weights = read_card(folder), read_weights(folder)
    assert (card.model, card.finds_objects, len(card.class_names)) == ("resnet18-cls", False, 5)
    model = build_for_training("detr-r18-small", 3, 64, 0, weights)
    assert model.pretrained_prefix == "detr.backbone."
    report = start_from(model, weights)
    assert all(name.startswith("detr.backbone.0.body.") for name in report.copied)
    found = model.detr.features.body.layer4[1].conv2.weight.detach()
    assert torch.allclose(found, source.layer4[1].conv2.weight.detach(), atol=1e-3)


def test_a_resnet_of_another_size_is_refused(tmp_path):
    torch.save(torchvision.models.resnet34(num_classes=2).state_dict(), tmp_path / "resnet34.pth")
    with pytest.raises(CheckpointError, match=r"resnet34\.pth: it is a ResNet, but not one of"):
        import_checkpoint(tmp_path / "resnet34.pth", tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e6])
def test_numbers_that_cannot_be_stored_are_named(tiny, tmp_path, value):
    state = tiny.state_dict()
    state["mask_head.lay1.bias"] = torch.full((136,), value)
    with pytest.raises(
        CheckpointError, match=r"mask_head\.lay1\.bias has numbers (that are NaN or infinite|over 65504)"
    ):
        import_checkpoint(save(tmp_path / "detr.pth", state), tmp_path / "mine")


@pytest.mark.parametrize("tree", [None, [], {"model": []}, {"model": {"a": np.zeros(1)}}, {"fc.bias": 3}])
def test_what_is_neither_is_left_to_others(tree):
    assert find_foreign_detr(tree) is None


@pytest.mark.parametrize(
    "tree",
    [
        {"class_embed.bias": np.zeros(0)},
        {"model": {"class_embed.bias": np.zeros(4), "x": np.array("text")}},
        {"fc.bias": np.zeros(5000), "layer4.0.conv1.weight": np.zeros(1)},
        {"fc.bias": np.zeros(5), "layer4.0.conv1.weight": np.zeros(1)},
    ],
)
def test_broken_ones_are_answered(tree):
    with pytest.raises(CheckpointError):
        find_foreign_detr(tree)
