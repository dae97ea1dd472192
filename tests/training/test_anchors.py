import numpy as np
import pytest
import torch

from splitlab.models.registry import build_model
from splitlab.training.anchors import _best_possible_recall, box_sizes, fit_anchors

STANDARD = build_model("yolov5n-seg", 1, 640).anchor_sizes.double().numpy()


def yolov5_recall(sizes, anchors):
    """YOLOv5's own few lines (`check_anchors`)."""
    ratio = torch.tensor(sizes)[:, None] / torch.tensor(anchors)[None]
    worst = torch.min(ratio, 1 / ratio).min(2)[0]
    return float((worst.max(1)[0] > 1 / 4.0).double().mean())


def long_boxes(count=400):
    """Boxes thirty times as wide as high, which no standard anchor can answer for, and of many sizes."""
    height = np.random.default_rng(0).uniform(4, 20, count)
    return np.stack([height * 30, height], axis=1)


def test_the_models_anchors_are_yolov5s_in_pixels_and_can_be_changed():
    assert STANDARD[0].tolist() == [10, 13]
    assert STANDARD[-1].tolist() == [373, 326]
    model = build_model("yolov5n-seg", 1, 640)
    model.set_anchor_sizes(torch.tensor(STANDARD * 2))
    assert model.anchor_sizes.numpy() == pytest.approx(STANDARD * 2)
    assert model.head.anchors[1, 0].tolist() == pytest.approx([60 / 16, 122 / 16])


@pytest.mark.parametrize("seed", range(3))
def test_the_best_possible_recall_is_yolov5s(seed):
    sizes = np.exp(np.random.default_rng(seed).normal(4, 1.5, (500, 2)))
    assert _best_possible_recall(sizes, STANDARD) == pytest.approx(yolov5_recall(sizes, STANDARD))


def test_one_anchor_reaches_boxes_within_a_factor_of_four():
    sizes = np.array([[10.0, 10], [39, 10], [41, 10], [10, 2.4], [10, 2.6]])
    assert _best_possible_recall(sizes, np.array([[10.0, 10]])) == pytest.approx(3 / 5)


def test_anchors_that_serve_are_kept():
    fit = fit_anchors(np.random.default_rng(0).uniform(20, 300, (500, 2)), STANDARD)
    assert fit.are_standard
    assert np.array(fit.anchors) == pytest.approx(STANDARD[STANDARD.prod(axis=1).argsort()])


def test_anchors_that_serve_badly_are_fitted_to_the_boxes():
    fit = fit_anchors(long_boxes(), STANDARD)
    assert fit.of_standard < 0.1
    assert fit.best_possible_recall == 1
    assert fit.best_possible_recall == _best_possible_recall(long_boxes(), np.array(fit.anchors))
    areas = np.prod(fit.anchors, axis=1)
    assert (np.diff(areas) >= 0).all()
    assert "fitted ones 100.0%" in str(fit)
    assert fit_anchors(long_boxes(), STANDARD) == fit


def test_boxes_that_are_all_equal_and_none_at_all_are_no_trouble():
    equal = fit_anchors(np.full((50, 2), [400.0, 4.0]), STANDARD)
    assert equal.best_possible_recall == 1
    assert len(equal.anchors) == 9
    assert fit_anchors(np.zeros((0, 2)), STANDARD).are_standard


def test_box_sizes_are_those_of_images_scaled_to_the_training_size(tiny):
    image = tiny.train.images[0]
    left, top, right, bottom = image.objects[0].box
    assert box_sizes([image], 128) == pytest.approx(np.array([[(right - left) * 2, (bottom - top) * 2]]))
