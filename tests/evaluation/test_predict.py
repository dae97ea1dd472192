import numpy as np
import pytest
import torch
from torch import nn

from splitlab.evaluation.predict import predict, predict_in_batches
from splitlab.geometry import rle_to_mask
from splitlab.models.contract import Detections, DetectSettings

SIZE, MAP = 128, 32


class BrightSquareFinder(nn.Module):
    """Finds the one bright region of a letterboxed photo, as a model with perfect eyes would."""

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
