import cv2
import numpy as np
import pytest

from splitlab.data.dataset import ImageLabels
from splitlab.evaluation.predict import letterbox
from splitlab.training.mixed_batches import PhotoCache


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def trained_on(photo, size, folder):
    path = folder / "photo.png"
    cv2.imwrite(str(path), cv2.cvtColor(photo, cv2.COLOR_RGB2BGR))
    return PhotoCache(size).get(ImageLabels(1, path, photo.shape[1], photo.shape[0], ()))


@pytest.mark.parametrize(
    ("height", "width", "size"), [(64, 128, 64), (90, 125, 128)], ids=["Cityscapes: halved", "VOC2012: grown"]
)
def test_photos_of_the_papers_data_are_scaled_as_by_the_authors_linear_interpolation(height, width, size, tmp_path):
    photo = noise(height, width)
    found = trained_on(photo, size, tmp_path)
    authors = cv2.resize(photo, (found.shape[1], found.shape[0]), interpolation=cv2.INTER_LINEAR)
    assert found.shape[1] == size
    assert np.abs(found.astype(int) - authors).max() <= 1


def test_a_photo_that_shrinks_to_a_quarter_takes_the_mean_of_its_pixels(tmp_path):
    photo = noise(128, 256)
    blocks = photo.reshape(32, 4, 64, 4, 3).mean(axis=(1, 3))
    assert np.abs(trained_on(photo, 64, tmp_path) - blocks).max() <= 1


def test_a_model_is_trained_on_the_pixels_that_it_is_shown_later(tmp_path):
    photo = noise(96, 300)
    square, place = letterbox(photo, 64)
    assert (square[place.inside] == trained_on(photo, 64, tmp_path)).all()
