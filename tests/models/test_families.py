"""What is said of a family without building a model is what its models do."""

import subprocess
import sys

import pytest
import torch

from splitlab.errors import SettingsError
from splitlab.families import FAMILIES, LITE0, MODELS, family_of
from splitlab.models.contract import DetectSettings, SegmentationModel
from splitlab.models.detr.sizes import SIZES
from splitlab.models.registry import build_for_training, build_model

SMALL = ("yolov5n-seg", LITE0, "yolo11n-seg", "detr-lite0-few")


@pytest.fixture(params=SMALL)
def name(request):
    return request.param


def test_every_family_is_tried_here():
    assert {family_of(name).title for name in SMALL} == {family.title for family in FAMILIES}


def test_a_family_says_what_its_models_do(name):
    family, model = family_of(name), build_model(name, 2, 64).eval()
    images = torch.zeros(1, 3, 64, 64)
    assert family.two_stages == (len(model.stages) > 1)
    assert family.cuts_masks is model.cuts_masks
    with torch.inference_mode():
        assert family.has_attention == (model.attention(images, DetectSettings()) is not None)
        assert family.has_prototypes == ("coefficients" in model.outputs(images))
    assert family.has_downloads == (type(model).start_pretrained is not SegmentationModel.start_pretrained)


def test_a_backbone_ships_where_two_seeds_give_it_the_same_weights(name):
    def of_backbone(seed):
        state = build_for_training(name, 2, 64, seed).state_dict()
        return next((tensor for key, tensor in state.items() if "conv_stem" in key), None)

    first, second = of_backbone(0), of_backbone(1)
    ships = first is not None and torch.equal(first, second)
    assert (name in family_of(name).shipped_backbones) is ships


def test_every_name_is_of_one_family_and_can_be_built_or_is_refused():
    for name in MODELS:
        assert [name in family.models for family in FAMILIES].count(True) == 1
        assert name in family_of(name).models
    assert set(SIZES) <= set(MODELS)
    with pytest.raises(SettingsError, match="There is no model 'yolov9n-seg'"):
        build_model("yolov9n-seg", 2, 64)


def test_a_name_of_no_family_can_do_nothing_special():
    family = family_of("sam-b")
    assert family.cuts_masks
    assert not any((family.two_stages, family.can_refine_boxes, family.has_downloads, family.models))


def test_families_are_read_without_torch():
    code = "import sys, splitlab.families; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
