import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from splitlab.budget.cost import CITYSCAPES, VOC2012, Prices, cost_hours, equal_cost_weak
from splitlab.budget.law import PAPER_CURVES, EquiscoreLaw
from splitlab.budget.planner import allowed_full, cheapest_point, tangent_full
from splitlab.errors import BudgetError

laws = st.builds(EquiscoreLaw, k=st.floats(0.05, 5), phi0=st.integers(50, 5000).map(float))
prices = st.builds(Prices, st.floats(1, 500), st.floats(1, 2000))
EVERYTHING = 10**9


def test_the_cheapest_split_of_voc2012_is_584_3671_at_half_the_money_each():
    point = cheapest_point(PAPER_CURVES[0].law, VOC2012, images=10731)
    assert (point.full, point.weak, point.decided_by) == (584, 3671, "prices")
    assert point.hours == pytest.approx(77.7, abs=0.05)
    assert point.mask_share == pytest.approx(0.5, abs=0.001)
    assert point.weak / point.full == pytest.approx(6.29, abs=0.01)


def test_on_cityscapes_the_images_run_out_before_the_tangent_point():
    law = PAPER_CURVES[1].law
    assert tangent_full(law, CITYSCAPES) == pytest.approx(258, abs=0.5)
    point = cheapest_point(law, CITYSCAPES, images=2975)
    assert point.decided_by == "images"
    assert point.full > 258
    assert 2973 <= point.full + point.weak <= 2975
    assert cheapest_point(law, CITYSCAPES, images=3100).decided_by == "prices"


def test_masks_as_cheap_as_boxes_stop_at_the_end_of_the_law():
    law = EquiscoreLaw(k=1, phi0=1464)
    point = cheapest_point(law, Prices(100, 100), images=EVERYTHING)
    assert (point.decided_by, point.full) == ("law", int(law.valid_full[1]))


@given(laws, prices, st.integers(100, 50_000))
def test_no_other_allowed_whole_number_of_masks_is_cheaper_on_the_curve(law, own, images):
    low, high = law.valid_full
    allowed = [f for f in range(int(np.ceil(low)), int(high) + 1) if f + law.weak(f) <= images]
    assume(allowed)
    point = cheapest_point(law, own, images)
    assert point.full in allowed
    costs = {f: cost_hours(f, float(law.weak(f)), own) for f in allowed}
    assert costs[point.full] == pytest.approx(min(costs.values()), rel=1e-12)
    assert point.full + point.weak <= images
    assert 0 <= point.weak - law.weak(point.full) < 1 or point.weak == pytest.approx(float(law.weak(point.full)))


@given(laws, st.integers(100, 50_000))
def test_the_allowed_part_of_the_curve_is_all_that_fits_law_and_images(law, images):
    low, high = law.valid_full
    fits = [f for f in range(int(np.ceil(low)), int(high) + 1) if f + law.weak(f) <= images]
    assume(fits)
    assert allowed_full(law, images) == (fits[0], fits[-1])


@given(laws, prices, st.floats(0.5, 2))
def test_the_line_of_equal_cost_touches_the_curve_from_below_and_splits_the_money_in_half(law, own, step):
    touch = tangent_full(law, own)
    weak = float(law.weak(touch))
    hours = cost_hours(touch, weak, own)
    assert touch * own.mask_seconds == pytest.approx(weak * own.box_seconds)
    assert equal_cost_weak(touch, hours, own) == pytest.approx(weak)
    beside = touch * step
    assert equal_cost_weak(beside, hours, own) <= law.weak(beside) + 1e-6 * weak


@given(laws, prices, st.floats(0.1, 10))
def test_only_the_ratio_of_the_prices_moves_the_tangent_point(law, own, factor):
    dearer = Prices(own.box_seconds * factor, own.mask_seconds * factor)
    assert tangent_full(law, dearer) == pytest.approx(tangent_full(law, own))


def test_too_few_images_for_the_curve_are_answered_with_how_many_it_needs():
    with pytest.raises(BudgetError, match=r"within 1,000 images: it needs 3,467"):
        cheapest_point(PAPER_CURVES[0].law, VOC2012, images=1000)


def test_a_phi0_without_a_whole_image_on_the_curve_is_refused():
    with pytest.raises(BudgetError, match="phi0 of at least 10"):
        cheapest_point(EquiscoreLaw(k=1, phi0=1), VOC2012, images=1000)
