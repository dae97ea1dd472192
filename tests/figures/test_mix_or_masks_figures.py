import numpy as np
import pytest

from splitlab.budget.cost import ImagePool, Prices
from splitlab.budget.label_prices import price_presets
from splitlab.budget.law import PAPER_CURVES
from splitlab.budget.mix_or_masks import equal_score, mix_or_masks, share_by_law
from splitlab.budget.published import published_surface
from splitlab.figures.mix_or_masks import costs_by_ratio, pays_from, preset_ratios, turning_line

LAW = PAPER_CURVES[0].law


def named(figure, name):
    return [trace for trace in figure.data if trace.name and trace.name.startswith(name)]


@pytest.mark.parametrize("ratio", [1.0, 2.0, 6.0, 10.0])
def test_the_line_turns_about_masks_alone_with_the_ratio_as_its_slope(ratio):
    figure = turning_line(LAW, mix_or_masks(LAW, Prices(10, 10 * ratio), 10731))
    (line,) = named(figure, "cost of masks alone")
    assert (line.x[-1], line.y[-1]) == (LAW.phi0, 0)
    assert (line.y[-2] - line.y[-1]) / (line.x[-1] - line.x[-2]) == pytest.approx(ratio)
    assert bool(named(figure, "cheapest mixed split")) == (ratio > 4)


def test_the_dashed_line_touches_the_curve_at_half_of_phi0():
    figure = turning_line(LAW, mix_or_masks(LAW, Prices(10, 20), 10731))
    (dashed,) = named(figure, "the same at 4.0")
    x = np.linspace(1, LAW.phi0, 5000)
    above = LAW.weak(x) - np.interp(x, dashed.x, dashed.y)
    assert above.min() == pytest.approx(0, abs=0.01)
    assert x[above.argmin()] == pytest.approx(LAW.phi0 / 2, abs=1)


def test_costs_by_ratio_are_never_above_masks_alone_and_mark_the_users_ratio():
    score = equal_score(published_surface("VOC2012", "YOLOv5", "ap70"), 50.0, ImagePool(10731))
    figure = costs_by_ratio(score, LAW, 6.3)
    for trace in figure.data:
        assert max(trace.y) <= 100 + 1e-9
    (mine,) = named(figure, "your ratio of 6.3")
    assert mine.y[0] == pytest.approx(100 * score.share(6.3))
    (law,) = named(figure, "by the law")
    pays = np.array(law.x) > 4
    assert (np.array(law.y)[pays] < 100).all()
    assert (np.array(law.y)[~pays] == 100).all()
    assert law.y[-1] == pytest.approx(100 * share_by_law(LAW, 10731, law.x[-1]))
    assert len(costs_by_ratio(score, None, 60.0).data) == 2


def test_the_ratio_from_which_a_split_pays_is_least_in_the_middle():
    figure = pays_from(LAW, 0.25)
    curve, mine = figure.data
    assert curve.x[np.argmin(curve.y)] == pytest.approx(50, abs=0.2)
    assert mine.y[0] == pytest.approx(16 / 3)


def test_bars_of_presets_change_colour_at_4k():
    presets = sorted(price_presets().values(), key=lambda preset: preset.ratio)
    (bars,) = preset_ratios(presets, LAW).data
    colours = {ratio > 4: colour for ratio, colour in zip(bars.x, bars.marker.color, strict=True)}
    assert len(set(colours.values())) == 2
