import numpy as np
import pytest
import torch

from splitlab.app.compare.presets import _attention_picture
from splitlab.evaluation.model_internals import attention_over
from splitlab.evaluation.predict import predict
from splitlab.models.contract import DetectSettings
from splitlab.models.registry import build_model

ALL = DetectSettings(min_score=0.0)


@pytest.fixture(scope="module")
def detr():
    torch.manual_seed(0)
    return build_model("detr-lite0-few", 2, 64).eval()


def photo(height, width):
    return np.random.default_rng(0).integers(0, 255, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("size", [(40, 90), (90, 40), (64, 64), (1200, 2), (2, 1200)])
def test_every_detection_has_a_map_over_the_photo(detr, size):
    image = photo(*size)
    maps = attention_over(detr, image, 64, ALL)
    assert len(maps) == len(predict(detr, [image], 64, ALL)[0].scores)
    assert all(map_.shape == size and map_.min() >= 0 and map_.max() == pytest.approx(1) for map_ in maps)


def test_a_map_lights_the_place_that_the_model_looked_at(detr, monkeypatch):
    cells = torch.zeros(1, 4, 4)
    cells[0, 0, 3] = 1.0  # the square's upper right
    monkeypatch.setattr(type(detr), "attention", lambda *_: [cells])
    (lit,) = attention_over(detr, photo(64, 64), 64, ALL)
    assert np.unravel_index(lit.argmax(), lit.shape)[0] < 16
    assert np.unravel_index(lit.argmax(), lit.shape)[1] >= 48


def test_a_model_without_a_decoder_has_none():
    model = build_model("yolov5n-seg", 2, 64).eval()
    assert attention_over(model, photo(64, 64), 64, ALL) is None


def test_the_picture_is_dark_where_nothing_was_looked_at_and_the_photo_stays():
    image = np.full((40, 60, 3), 200, np.uint8)
    attention = np.zeros((40, 60), np.float32)
    attention[:, 30:] = 1
    picture = _attention_picture(image, attention, (5, 5, 20, 20), "#ff0000")
    assert (picture[30, 45] == 200).all()
    assert (picture[30, 25] == 50).all()
    assert (picture[5, 10] == (255, 0, 0)).all()
    assert (image == 200).all()
