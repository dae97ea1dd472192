import numpy as np
import pandas as pd
import pytest

from splitlab.budget.cost import VOC2012, ImagePool, cost_hours
from splitlab.budget.law import PAPER_CURVES
from splitlab.budget.plan_in_words import plan_limit
from splitlab.budget.planner import best_splits, budget_line, cheapest_point, plan_for_hours
from splitlab.budget.published import published_surface
from splitlab.figures.lesson_scores import one_budget
from splitlab.figures.plan import equiscore_curve, hours_curve, plan_chart

POOL = ImagePool(10731)


@pytest.fixture(scope="module")
def fitted():
    return published_surface("VOC2012", "YOLOv5", "ap70")


def named(figure, name):
    return next(trace for trace in figure.data if trace.name is not None and trace.name.startswith(name))


def test_the_best_split_is_the_highest_point_of_its_line_and_in_the_flat_region(fitted):
    plan = plan_for_hours(fitted, VOC2012, 80, POOL)
    figure = plan_chart(budget_line(fitted, VOC2012, 80, POOL), plan, "AP", spends_from=0)
    line, best = named(figure, "expected AP"), named(figure, "best split")
    assert best.y[0] >= max(line.y) - 1e-9
    flat = figure.layout.shapes[0]
    assert flat.x0 <= best.x[0] <= flat.x1


def test_splits_that_leave_hours_unspent_are_dotted_and_the_axis_says_what_ends_them(fitted):
    pool = ImagePool(3000)
    line, plan = budget_line(fitted, VOC2012, 80, pool, points=10**6), plan_for_hours(fitted, VOC2012, 80, pool)
    spends_from = plan_limit(fitted, VOC2012, 80, pool, plan.best).spends_from
    for figure in (plan_chart(line, plan, "AP", spends_from), one_budget(line, plan.best, "AP", spends_from)):
        dotted = named(figure, "every image has a label")
        assert dotted.line.dash == "dot"
        assert max(dotted.x) == min(named(figure, "expected AP").x) == spends_from
        assert "until the hours or the images end" in figure.layout.xaxis.title.text
    whole = plan_chart(budget_line(fitted, VOC2012, 80, POOL), plan, "AP", spends_from=0)
    assert not any(trace.line.dash == "dot" for trace in whole.data)
    assert "the rest of the hours goes into boxes" in whole.layout.xaxis.title.text


def test_the_band_holds_the_line(fitted):
    curve = best_splits(fitted, VOC2012, np.linspace(20, 190, 10), POOL)
    figure = hours_curve(curve, 80, "AP")
    lower, upper, line = figure.data
    assert (np.array(lower.y) < np.array(line.y)).all()
    assert (np.array(line.y) < np.array(upper.y)).all()
    assert upper.fill == "tonexty"


def test_the_line_of_equal_cost_touches_the_curve_and_never_crosses_it():
    law = PAPER_CURVES[0].law
    cheapest = cheapest_point(law, VOC2012, 10731)
    points = pd.DataFrame({"full": [400], "weak": [5000], "ap": [49.9], "used": [True]})
    figure = equiscore_curve(law, points, cheapest, VOC2012, 10731)
    curve, cost = named(figure, "equal score"), named(figure, "equal cost")
    on_cost = np.interp(curve.x, cost.x, cost.y)
    # Whole images put the point at most one box above the curve.
    assert (np.array(curve.y) >= on_cost - 1.0).all()
    assert min(np.array(curve.y) - on_cost) < 2.0
    assert cost_hours(0.0, float(cost.y[0]), VOC2012) == pytest.approx(cheapest.hours)


def test_the_law_is_solid_only_where_it_holds():
    law = PAPER_CURVES[0].law
    points = pd.DataFrame({"full": [400], "weak": [5000], "ap": [49.9], "used": [False]})
    figure = equiscore_curve(law, points, None, VOC2012, 10731)
    solid = [trace for trace in figure.data if trace.line.dash == "solid"]
    assert len(solid) == 1
    assert (solid[0].x[0], solid[0].x[-1]) == pytest.approx(law.valid_full)
    assert named(figure, "left out").marker.symbol == "circle-open"
