import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitlab.app.lessons.curves import _least_hours, _meeting_full
from splitlab.budget.cost import VOC2012, Prices, box_hours, cost_hours, equal_cost_weak, mask_hours
from splitlab.budget.law import PAPER_CURVES, EquiscoreLaw
from splitlab.budget.planner import tangent_full
from splitlab.errors import BudgetError

LAWS = st.builds(EquiscoreLaw, st.floats(0.05, 5), st.floats(50, 20_000))
PRICES = st.builds(Prices, st.floats(1, 400), st.floats(1, 3000))


@given(law=LAWS, prices=PRICES, more=st.floats(1.001, 20))
def test_where_they_meet_lies_on_the_line_and_on_the_curve(law, prices, more):
    hours = more * _least_hours(law, prices)
    met = _meeting_full(law, prices, hours)
    assert met is not None
    for full in met:
        assert equal_cost_weak(full, hours, prices) == pytest.approx(float(law.weak(full)), rel=1e-6)
    assert met[0] < tangent_full(law, prices) < met[1]


@given(law=LAWS, prices=PRICES, less=st.floats(0.01, 0.999))
def test_fewer_hours_than_the_touching_line_meet_nothing(law, prices, less):
    assert _meeting_full(law, prices, less * _least_hours(law, prices)) is None


@given(law=LAWS, prices=PRICES)
def test_the_touching_line_costs_what_the_cheapest_point_costs_in_two_equal_halves(law, prices):
    full = tangent_full(law, prices)
    weak = float(law.weak(full))
    assert cost_hours(full, weak, prices) == pytest.approx(_least_hours(law, prices))
    assert mask_hours(full, prices) == pytest.approx(box_hours(weak, prices))
    assert _meeting_full(law, prices, _least_hours(law, prices)) == pytest.approx((full, full), rel=1e-3)


def test_on_voc_the_line_touches_at_77_7_hours():
    assert _least_hours(PAPER_CURVES[0].law, VOC2012) == pytest.approx(77.7, abs=0.05)


@pytest.mark.parametrize("hours", [0, -1, np.nan, np.inf])
def test_hours_that_are_none_are_refused(hours):
    with pytest.raises(BudgetError, match="above 0"):
        _meeting_full(PAPER_CURVES[0].law, VOC2012, hours)
