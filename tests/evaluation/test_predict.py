import tracemalloc

import cv2
import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from splitlab.evaluation.predict import letterbox, predict, predict_in_batches
from splitlab.geometry import rle_area, rle_to_mask
from splitlab.models.contract import Detections, DetectSettings

SIZE, MAP = 128, 32


class BrightSquareFinder(nn.Module):
    """Finds the one bright region of a letterboxed photo, as a model with perfect eyes would."""

    cuts_masks = True

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def detect(self, images, settings):
        return [self._find(image) for image in images]

    def _find(self, image):
        bright = image[0] > 0.75
        rows, columns = torch.nonzero(bright.any(1)).flatten(), torch.nonzero(bright.any(0)).flatten()
        box = torch.tensor([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]]).float()
        small = torch.nn.functional.avg_pool2d(bright[None].float(), SIZE // MAP)
        return Detections(box, torch.tensor([0.9]), torch.tensor([0]), small - 0.5)


def photo(height, width, top, left, bottom, right):
    image = np.full((height, width, 3), 20, np.uint8)
    image[top:bottom, left:right] = 250
    return image


@pytest.mark.parametrize(
    ("height", "width"), [(128, 128), (300, 200), (200, 300), (640, 100), (50, 70)], ids=lambda side: str(side)
)
def test_boxes_and_masks_come_back_to_the_photos_own_pixels(height, width):
    top, left, bottom, right = height // 4, width // 4, height * 3 // 4, width // 2
    found = predict(BrightSquareFinder(), [photo(height, width, top, left, bottom, right)], SIZE, DetectSettings())[0]
    pixel = max(height, width) / SIZE
    assert np.abs(found.boxes[0] - [left, top, right, bottom]).max() <= 1.5 * max(pixel, 1)
    mask = rle_to_mask(found.masks[0])
    assert mask.shape == (height, width)
    truth = np.zeros((height, width), bool)
    truth[top:bottom, left:right] = True
    edge = 2 * SIZE / MAP * pixel * ((bottom - top) + (right - left))
    assert (mask ^ truth).sum() <= 0.25 * edge + 4


def test_one_photo_alone_and_in_a_batch_with_others_gives_equal_detections():
    photos = [photo(90, 120, 20, 30, 60, 80), photo(200, 100, 50, 20, 150, 60), photo(64, 64, 8, 8, 40, 40)]
    together = list(predict_in_batches(BrightSquareFinder(), iter(photos), SIZE, DetectSettings(), batch_size=2))
    for one, among_others in zip(photos, together, strict=True):
        alone = predict(BrightSquareFinder(), [one], SIZE, DetectSettings())[0]
        assert (alone.boxes == among_others.boxes).all()
        assert alone.masks == among_others.masks


def test_a_detection_tells_class_score_box_and_mask():
    found = predict(BrightSquareFinder(), [photo(64, 64, 8, 8, 40, 40)], SIZE, DetectSettings())[0]
    (row,) = found.to_json(["cat"])
    assert row["class"] == "cat"
    assert row["score"] == pytest.approx(0.9)
    assert row["box"] == pytest.approx([8, 8, 40, 40], abs=1)
    assert row["mask"]["size"] == [64, 64]


class MapGiver(nn.Module):
    """Gives the same map for every photo, with a box that is much smaller than what lies over 0."""

    def __init__(self, logits, cuts_masks, box=(40.0, 40.0, 60.0, 70.0)):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.logits, self.cuts_masks, self.box = torch.as_tensor(logits), cuts_masks, box

    def detect(self, images, settings):
        count = len(self.logits)
        boxes = torch.tensor([self.box] * count)
        found = Detections(boxes, torch.full((count,), 0.9), torch.zeros(count, dtype=torch.int64), self.logits)
        return [found for _ in images]


def waves(count=1):
    """Smooth maps of several islands over 0, some of them at the border."""
    rng = np.random.default_rng(5)
    noise = ndimage.gaussian_filter(rng.standard_normal((count, MAP, MAP)), (0, 3, 3), mode="nearest")
    return (noise - 0.5 * noise.std()).astype(np.float32)


def upsampled(logit, height, width):
    """The whole photo's mask, each pixel's middle interpolated between the middles of the map's cells."""
    _, place = letterbox(np.zeros((height, width, 3), np.uint8), SIZE)
    rows, columns = (
        ((np.arange(side) + 0.5) * place.ratio + margin) * MAP / SIZE - 0.5
        for side, margin in ((height, place.top), (width, place.left))
    )
    return ndimage.map_coordinates(logit, np.meshgrid(rows, columns, indexing="ij"), order=1, mode="nearest") > 0


def masks_of(model, height, width):
    return predict(model.eval(), [np.zeros((height, width, 3), np.uint8)], SIZE, DetectSettings())[0].masks


@pytest.mark.parametrize(("height", "width"), [(128, 128), (300, 200), (50, 70), (37, 900)])
def test_masks_that_are_not_cut_are_the_whole_map_scaled_to_the_photo(height, width):
    logits = waves(3)
    for logit, mask in zip(logits, masks_of(MapGiver(logits, cuts_masks=False), height, width), strict=True):
        expected = upsampled(logit, height, width)
        assert 0.05 < expected.mean() < 0.95
        # OpenCV places pixels to a 32nd of a cell.
        assert (rle_to_mask(mask) ^ expected).mean() < 0.01


def test_masks_that_are_cut_are_the_same_inside_the_box_and_nothing_outside():
    logits = waves()
    (whole,), (cut,) = (masks_of(MapGiver(logits, cuts), SIZE, SIZE) for cuts in (False, True))
    expected = np.zeros((SIZE, SIZE), bool)
    expected[40:70, 40:60] = rle_to_mask(whole)[40:70, 40:60]
    assert (rle_to_mask(cut) == expected).all()
    assert rle_area(cut) < rle_area(whole)


@pytest.mark.parametrize("tile_pixels", [64, 1000])
def test_a_mask_made_tile_by_tile_is_the_same(tile_pixels, monkeypatch):
    model = MapGiver(waves(2), cuts_masks=False)
    at_once = masks_of(model, 90, 120)
    monkeypatch.setattr("splitlab.evaluation.predict._TILE_PIXELS", tile_pixels)
    monkeypatch.setattr("splitlab.evaluation.predict._TILE_SIDE", 50)
    for one, other in zip(at_once, masks_of(model, 90, 120), strict=True):
        assert (rle_to_mask(one) ^ rle_to_mask(other)).sum() <= 4


def test_whole_masks_of_a_large_photo_hold_one_mask_and_one_tile_in_memory():
    height, width = 3000, 4000
    model = MapGiver(np.ones((4, MAP, MAP), np.float32), cuts_masks=False)
    photo = np.zeros((height, width, 3), np.uint8)
    tracemalloc.start()
    try:
        masks = predict(model, [photo], SIZE, DetectSettings())[0].masks
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [rle_area(mask) for mask in masks] == [height * width] * 4
    assert peak < 3 * height * width


@pytest.mark.parametrize("cuts_masks", [True, False])
def test_a_map_with_nothing_over_0_costs_no_pixel(cuts_masks, monkeypatch):
    monkeypatch.setattr(cv2, "warpAffine", None)
    masks = masks_of(MapGiver(np.full((2, MAP, MAP), -1.0, np.float32), cuts_masks), 60, 5_000)
    assert [(mask["size"], rle_area(mask)) for mask in masks] == [([60, 5_000], 0.0)] * 2


def test_a_photo_longer_than_opencv_can_warp_gets_its_masks():
    (mask,) = masks_of(MapGiver(np.ones((1, MAP, MAP), np.float32), cuts_masks=False), 2, 70_000)
    assert rle_area(mask) == 2 * 70_000
