"""AP on resampled images: equal to pycocotools' on the images as drawn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitlab.evaluation.curves import _precision_of_overlaps
from splitlab.evaluation.matches import ImageOverlaps
from splitlab.evaluation.resampled_ap import ap_of_draws, image_draws

CLASSES = 3


def made_image(rng, number, detections, objects):
    """One image with random overlaps; scores of all images differ, as ties have no fixed order."""
    return ImageOverlaps(
        image_id=number,
        places=np.arange(detections),
        classes=rng.integers(0, CLASSES, detections),
        scores=rng.permutation(np.linspace(0.01, 0.99, 997))[:detections],
        truth_classes=rng.integers(0, CLASSES, objects),
        crowds=rng.random(objects) < 0.2,
        iou=rng.random((detections, objects)),
    )


def of_coco(images, min_iou):
    return _precision_of_overlaps(images, CLASSES, [min_iou]).mean_ap()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), min_iou=st.sampled_from([0.5, 0.7, 0.75]))
def test_each_sample_has_the_ap_that_pycocotools_gives_to_its_images(seed, min_iou):
    rng = np.random.default_rng(seed)
    images = [made_image(rng, at, rng.integers(0, 7), rng.integers(0, 5)) for at in range(6)]
    weights = np.vstack([np.ones(6, np.int64), rng.multinomial(6, np.full(6, 1 / 6), 3)])
    found = ap_of_draws(images, weights, min_iou)
    for draw, times in enumerate(weights):
        drawn = [image for image, count in zip(images, times, strict=True) for _ in range(count)]
        expected = of_coco(drawn, min_iou)
        assert np.isnan(found[draw]) if expected is None else found[draw] == pytest.approx(expected, abs=1e-6)


def test_samples_are_drawn_with_replacement_and_the_same_each_time():
    draws = image_draws(50, 20, 1)
    assert (draws.sum(axis=1) == 50).all()
    assert draws.max() > 1
    assert (draws == image_draws(50, 20, 1)).all()
    assert not (draws == image_draws(50, 20, 2)).all()


def test_without_objects_there_is_no_ap_and_without_detections_it_is_0():
    rng = np.random.default_rng(0)
    ones = np.ones((1, 2), np.int64)
    assert np.isnan(ap_of_draws([made_image(rng, at, 3, 0) for at in range(2)], ones, 0.5)).all()
    bare = [made_image(rng, at, 0, 2) for at in range(2)]
    bare = [ImageOverlaps(**{**vars(image), "crowds": np.zeros(2, bool)}) for image in bare]
    assert ap_of_draws(bare, ones, 0.5).tolist() == [0.0]
