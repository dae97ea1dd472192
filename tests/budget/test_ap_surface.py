import math
from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from splitlab.budget.surface import ApSurface
from splitlab.errors import BudgetError

surfaces = st.builds(
    ApSurface,
    level=st.floats(-4, 3),
    log_mask_gain=st.floats(-4, 0.5),
    log_image_gain=st.floats(-4, 0.5),
    log_knee=st.floats(3, 9),
    saturation=st.one_of(st.just(0.0), st.floats(1e-6, 2)),
)
falling = st.builds(lambda surface, loss: replace(surface, mixing_loss=loss), surfaces, st.floats(0, 2))
images = st.integers(0, 50_000)


def plain_ap(surface, full, weak):
    """The formula of the module's docstring, term by term."""

    def returns(x):
        s = surface.saturation
        return math.log(x) if s == 0 else (1 - x**-s) / s

    m, n, knee = (math.exp(v) for v in (surface.log_mask_gain, surface.log_image_gain, surface.log_knee))
    logit = surface.level + m * returns(full / 400) + n * returns(1 + (full + weak) / knee)
    logit -= surface.mixing_loss * full / 400 if weak else 0
    return 50 * (1 + math.tanh(logit / 2))  # the sigmoid, safe from overflow


@given(falling, st.integers(1, 50_000), images)
def test_the_surface_is_the_formula_it_states(surface, full, weak):
    expected = plain_ap(surface, full, weak)
    assert surface.ap(full, weak) == pytest.approx(expected, abs=1e-3, rel=1e-3)


def test_at_the_reference_without_returns_of_images_the_level_alone_decides():
    surface = ApSurface(level=0.0, log_mask_gain=-1, log_image_gain=-30, log_knee=6, saturation=0)
    assert surface.ap(400, 0) == pytest.approx(50)


@given(surfaces, images, images, st.integers(0, 5000))
def test_more_masks_or_more_boxes_never_score_less_and_no_score_leaves_0_to_100(surface, full, weak, more):
    here = float(surface.ap(full, weak))
    assert 0 <= here <= 100
    assert surface.ap(full + more, weak) >= here - 1e-9
    assert surface.ap(full, weak + more) >= here - 1e-9


@given(surfaces, st.integers(1, 20_000), st.integers(1, 20_000))
def test_turning_a_box_image_into_a_mask_image_never_scores_less(surface, full, weak):
    assert surface.ap(full + 1, weak - 1) >= surface.ap(full, weak) - 1e-9


@given(surfaces, images)
def test_without_a_mask_no_number_of_boxes_scores(surface, weak):
    assert surface.ap(0, weak) == 0
    assert surface.weak_for(1.0, 0) == math.inf
    assert not surface.slopes(0, weak).any()


@given(falling, st.integers(1, 20_000), images)
def test_the_slopes_are_the_differences_of_the_score(surface, full, weak):
    vector, step = np.array(astuple(surface)), 1e-5
    for index, slope in enumerate(surface.slopes(full, weak)):
        move = step * np.eye(6)[index]
        if index == 4:  # the saturation cannot be below 0, so the difference is taken beside the point
            vector = vector + move
        up, down = (ApSurface.from_vector(vector + sign * move).ap(full, weak) for sign in (1, -1))
        assert slope == pytest.approx((up - down) / (2 * step), abs=0.02, rel=0.02)


@given(falling, st.integers(1, 20_000), st.floats(0.5, 99.5))
@example(ApSurface(0.0, 0.0, -1.0, 3.0, 6.103515625e-05), 1, 8.0)  # hardly any saturation
def test_the_boxes_asked_for_reach_the_score_and_one_fewer_does_not(surface, full, target):
    weak = float(surface.weak_for(target, full))
    if weak == math.inf:
        assert surface.ap(full, 1e300) <= target + 1e-6
    elif weak > 1e12:
        assert surface.ap(full, weak) == pytest.approx(target, abs=0.01)
    else:
        assert surface.ap(full, math.ceil(weak)) >= target - 1e-6
        if weak >= 1:
            assert surface.ap(full, weak - 1) <= target
    if weak > 0:
        assert surface.ap(full, 0) <= target + 1e-6


@given(falling, st.integers(1, 20_000), st.integers(1, 20_000), st.integers(0, 5000))
def test_a_surface_falls_with_the_first_boxes_at_most(surface, full, weak, more):
    assert surface.ap(full, weak + more) >= surface.ap(full, weak) - 1e-9


def test_what_boxes_cost_is_proportional_to_the_masks_in_logits():
    surface = ApSurface(level=0.0, log_mask_gain=-30, log_image_gain=-30, log_knee=6, saturation=0, mixing_loss=1.0)
    assert surface.ap([100, 400], 0) == pytest.approx([50, 50])
    assert surface.ap([100, 400], [1, 1000]) == pytest.approx([100 / (1 + math.exp(0.25)), 100 / (1 + math.e)])


def test_scores_come_in_the_shape_the_splits_are_broadcast_to():
    surface = ApSurface(-0.6, -1.8, -1.6, 5.4, 0.1)
    full, weak = np.array([[200], [400], [800]]), np.array([0, 1000])
    assert surface.ap(full, weak).shape == (3, 2)
    assert surface.slopes(full, weak).shape == (3, 2, 6)
    assert surface.weak_for(50, full).shape == (3, 1)
    assert surface.ap(full, weak)[1, 1] == surface.ap(400, 1000)


@pytest.mark.parametrize(("full", "weak"), [(-1, 0), (10, -1), (np.nan, 0)])
def test_a_negative_number_of_images_is_refused(full, weak):
    with pytest.raises(BudgetError, match="negative number of images"):
        ApSurface(0, -1, -1, 6, 0).ap(full, weak)


@pytest.mark.parametrize("target", [0, 100, -5, np.nan])
def test_a_score_that_no_model_has_cannot_be_asked_for(target):
    with pytest.raises(BudgetError, match="between 0 and 100"):
        ApSurface(0, -1, -1, 6, 0).weak_for(target, 400)
