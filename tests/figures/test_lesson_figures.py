import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitlab.app.lessons.curves import _meeting_full
from splitlab.app.lessons.labels import _weak_gains
from splitlab.app.lessons.splits import _extreme_splits
from splitlab.budget.cost import CITYSCAPES, VOC2012
from splitlab.budget.law import PAPER_CURVES, fit_law
from splitlab.budget.published import method_rows, published_results
from splitlab.figures.lesson_scores import _apart, by_threshold, extremes_chart, growing_lines, pair_slopes
from splitlab.figures.lessons import equal_area, hours_along, own_points, price_bars, sliding_line, split_hours
from splitlab.figures.palette import _LETTERS, projected

LAW = PAPER_CURVES[0].law
VOC = method_rows(published_results(), "VOC2012", "YOLOv5")


def named(figure, name):
    return next(trace for trace in figure.data if trace.name is not None and trace.name.startswith(name))


@pytest.mark.parametrize("prices", [VOC2012, CITYSCAPES])
def test_box_pieces_are_as_long_together_as_the_mask_bar(prices):
    masks, *pieces = price_bars(prices).data
    assert sum(piece.x[0] for piece in pieces) == pytest.approx(masks.x[0])
    assert len(pieces) == int(prices.mask_to_box) + 1


def test_published_bars_are_outlined_and_measured_ones_filled():
    rows = pd.DataFrame(
        {
            "name": ["a", "b"], "source": ["published", "measured"], "mask_hours": [1.0, 2.0],
            "box_hours": [3.0, 4.0], "told": ["", ""],
        }
    )  # fmt: skip
    published, measured = split_hours(rows).data[0].marker.color
    assert published.endswith("0.12)")
    assert measured.endswith("1.0)")


def test_slopes_of_published_pairs_are_dotted_and_open():
    pairs = _weak_gains(VOC, "ap70").head(2)
    both = pd.concat([pairs, pairs.assign(source="measured")])
    styles = [(trace.line.dash, trace.marker.symbol[0]) for trace in pair_slopes(both, "AP").data]
    assert styles == [("dot", "circle-open")] * 2 + [("solid", "circle")] * 2


def test_names_of_slopes_stand_beside_their_ends_and_none_over_another():
    pairs = _weak_gains(VOC, "ap70").head(3)
    figure = pair_slopes(pd.concat([pairs, pairs.assign(source="measured")]), "AP")
    low, high = figure.layout.yaxis.range
    for end in ("right", "left"):
        heights = sorted(note.y for note in figure.layout.annotations if note.xanchor == end)
        assert len(heights) == 6
        # Two lines of letters take about 36 of 300 pixels.
        assert min(np.diff(heights)) >= (high - low) * 36 / 300


def test_heights_that_touch_are_moved_apart_around_their_middle_and_others_stay():
    assert _apart(np.array([50.0, 10.0, 50.0, 90.0]), 4.0) == pytest.approx([48.0, 10.0, 52.0, 90.0])


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8), st.floats(0.1, 20))
def test_heights_keep_their_order_and_their_mean(heights, least):
    moved = _apart(np.array(heights), least)
    order = np.argsort(heights, kind="stable")
    assert (np.diff(moved[order]) >= least - 1e-6).all()
    assert moved.mean() == pytest.approx(np.mean(heights))


def test_points_beyond_the_reach_are_faint():
    figure = growing_lines(VOC, "ap70", "weak", 3000, "AP", filled=False)
    for trace in figure.data:
        assert trace.opacity == 1.0 or max(trace.x) > 3000
        if trace.opacity == 1.0:
            assert max(trace.x) <= 3000


def test_an_arrow_leads_to_what_beats_an_extreme_and_none_where_nothing_does():
    extremes = _extreme_splits(VOC, "ap70", 10731)
    picked = extremes[(extremes["full"] == 1464) & (extremes["weak"] == 0)].iloc[0]
    (arrow,) = extremes_chart(VOC, "ap70", extremes, picked, "AP", filled=False).layout.annotations
    assert arrow.x <= arrow.ax
    assert arrow.y >= arrow.ay
    streets = method_rows(published_results(), "Cityscapes", "YOLOv5")
    extremes = _extreme_splits(streets, "ap50_95", 2975)
    unbeaten = extremes[~extremes["beaten"].astype(bool)].iloc[0]
    assert not extremes_chart(streets, "ap50_95", extremes, unbeaten, "AP", filled=False).layout.annotations


def test_a_strict_score_is_never_above_a_lenient_one():
    for trace in by_threshold(VOC).data:
        assert list(trace.y) == sorted(trace.y, reverse=True)


def test_the_curve_through_taken_points_is_their_law():
    points = VOC.rename(columns={"ap70": "ap"})[["full", "weak", "ap"]].query("weak > 0 and full < 1464")
    points = points.assign(taken=points["ap"].between(49.5, 50.5))
    taken = points[points["taken"]]
    fit = fit_law(taken["full"], taken["weak"], phi0=1464)
    figure = own_points(points, fit, filled=False)
    curve = named(figure, "W =")
    assert np.allclose(np.array(curve.x) * np.array(curve.y), fit.law.k * 1464**2)
    assert len(named(figure, "chosen").x) == len(taken)
    assert not any(trace.name and trace.name.startswith("W =") for trace in own_points(points, None, filled=False).data)


def test_the_sliding_line_meets_the_curve_only_with_enough_hours():
    enough, too_few = (sliding_line(LAW, VOC2012, hours, _meeting_full(LAW, VOC2012, hours)) for hours in (100, 60))
    assert len(named(enough, "on both").x) == 2
    assert not any(trace.name == "on both" for trace in too_few.data)


def test_hours_along_the_curve_are_least_where_masks_and_boxes_cross():
    figure = hours_along(LAW, VOC2012, 584)
    total, masks, boxes = (np.array(named(figure, name).y) for name in ("together", "for masks", "for boxes"))
    assert np.allclose(total, masks + boxes)
    assert abs(int(total.argmin()) - int(np.abs(masks - boxes).argmin())) <= 1


def test_the_rectangle_has_the_area_of_the_square():
    square, yours = equal_area(20, 75).data[:2]
    assert max(square.x) * max(square.y) == pytest.approx(max(yours.x) * max(yours.y))
    assert max(square.x) + max(square.y) <= max(yours.x) + max(yours.y)


def test_letters_are_large_and_the_figure_handed_in_stays_as_it_is():
    figure = price_bars(VOC2012)
    before = figure.to_json()
    assert projected(figure).layout.font.size == _LETTERS
    assert figure.to_json() == before
