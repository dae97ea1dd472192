"""Lessons 6 and 7: the equiscore hyperbola, and its cheapest split: half of the hours on masks, half on boxes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pandas as pd
import streamlit as st

from splitlab.app.lessons.lesson import ScreenView, Verdict, read_lesson
from splitlab.app.lessons.rows import (
    Series,
    all_series,
    as_hours,
    curve_rows,
    measured_alike,
    pick_series,
    say_measured,
    your_hours,
)
from splitlab.app.widgets.budget_choices import read_splits, toggle_clicked_splits
from splitlab.app.widgets.sources import published
from splitlab.app.widgets.text import as_plain
from splitlab.budget.cost import VOC2012, Prices, box_hours, cost_hours, mask_hours, mask_share
from splitlab.budget.law import PAPER_CURVES, EquiscoreLaw, LawFit, PaperCurve, fit_law
from splitlab.budget.planner import CheapestPoint, cheapest_point
from splitlab.budget.published import TRAINING_IMAGES, method_rows
from splitlab.errors import BudgetError
from splitlab.figures.lessons import equal_area, hours_along, law_point, own_points, sliding_line, split_hours
from splitlab.figures.palette import projected
from splitlab.figures.plan import equiscore_curve
from splitlab.shown_numbers import hours_and_sum, shown

_Split = tuple[int, int]
# Scores within this many AP count as equal.
_MOST_APART = 1.0
# Share of |W| by which a point may lie off its curve.
_MOST_OFF = 0.25
_LEAST_POINTS = 3
# Share of the least hours by which a touching line, or a right answer, may be off.
_TOUCHES = 0.01
_CURVES = {f"{curve.method} on {curve.dataset}": curve for curve in PAPER_CURVES}
_CURVE = PAPER_CURVES[0]
_LAW, _IMAGES = _CURVE.law, TRAINING_IMAGES[_CURVE.dataset]
_FEWEST, _MOST = 200, 800


def _your_points(view: ScreenView) -> None:
    series = pick_series(view, "points_of")
    points = _with_boxes(series)
    view.say(series=as_plain(series.name))
    if points.empty:
        view.say("no_points")
        return
    middle = points.iloc[len(points) // 2]
    fit = _chosen_curve(view, series, points, "taken", [(int(middle["full"]), int(middle["weak"]))])
    view.say(score=series.score)
    scores = points.loc[points["taken"], "ap"]
    if fit is None:
        view.say("none_chosen")
        return
    view.say("one_chosen" if len(scores) == 1 else "several_chosen", chosen=len(scores), area=_area(fit.law))
    view.say(lowest=shown(scores.min()), highest=shown(scores.max()))


def _the_law(view: ScreenView) -> None:
    curve = _CURVES[view.choose("law_of", list(_CURVES))]
    full = round(curve.law.phi0 * view.slider("tau", 14, 54, 27) / 100)
    view.say(**_product_at(curve, full))
    rows = method_rows(published(), curve.dataset, curve.method).set_index(["full", "weak"])[curve.metric]
    view.chart("law_point", law_point(curve, full, {split: float(rows.loc[split]) for split in curve.splits}))
    view.say(k=f"{curve.law.k:.2f}", phi0=f"{curve.law.phi0:,.0f}", score=f"{curve.score:g}")


def _product_at(curve: PaperCurve, full: int) -> dict[str, int]:
    """Return a split on a curve, rounded (full, weak), its product, and the curve's constant (area)."""
    weak = round(float(curve.law.weak(full)))
    return {"full": full, "weak": weak, "product": full * weak, "area": _area(curve.law)}


def _area(law: EquiscoreLaw) -> int:
    return round(law.k * law.phi0**2)


def _its_limits(view: ScreenView) -> None:
    voc, streets = PAPER_CURVES[0], PAPER_CURVES[1]
    alone, few, off = int(voc.law.phi0), 20, streets.off_curve[0]
    view.say(alone=alone, alone_boxes=_boxes(voc.law, alone), alone_score=_score_of(voc, (alone, 0)))
    view.say(few=few, few_boxes=_boxes(voc.law, few), images=TRAINING_IMAGES[voc.dataset])
    view.say(streets=streets.dataset, streets_score=f"{streets.score:g}")
    view.say(off=f"{off[0]:,}/{off[1]:,}", off_score=_score_of(streets, off), off_boxes=_boxes(streets.law, off[0]))
    measured = [series for series in all_series().values() if series.is_measured]
    if measured:
        view.say(usable="; ".join(f"{as_plain(series.name)}: {len(_with_boxes(series))}" for series in measured))
    else:
        view.say("nothing_measured")


def _boxes(law: EquiscoreLaw, full: int) -> str:
    return f"{float(law.weak(full)):,.0f}"


def _score_of(curve: PaperCurve, split: _Split) -> float:
    rows = method_rows(published(), curve.dataset, curve.method)
    return float(rows.loc[(rows["full"] == split[0]) & (rows["weak"] == split[1]), curve.metric].item())


def _find_a_curve(view: ScreenView) -> None:
    view.say(least_points=_LEAST_POINTS, most_apart=f"{_MOST_APART:g}", most_off=f"{_MOST_OFF:.0%}")
    series = pick_series(view, "search_curve")
    points = _with_boxes(series)
    if points.empty:
        view.say("no_points")
        return
    fit = _chosen_curve(view, series, points, "mine", [])
    view.judge(_judge_curve(points.loc[points["taken"], ["full", "weak", "ap"]], fit))
    view.say(series=as_plain(series.name), score=series.score)


def _judge_curve(taken: pd.DataFrame, fit: LawFit | None) -> Verdict:
    """Judge whether splits have one score and lie on one hyperbola.

    Args:
        taken: Splits with the columns full, weak, ap.
        fit: The law fitted to them; None if it cannot be fitted.
    """
    sizes = taken["full"].nunique()
    if fit is None or sizes < _LEAST_POINTS:
        return Verdict(False, "too_few", {"sizes": sizes})
    apart = float(taken["ap"].max() - taken["ap"].min())
    values = {"apart": shown(apart, 2).removesuffix("0")}
    # Rounded, because differences of scores with one decimal are not exact.
    if round(apart, 6) > _MOST_APART:
        return Verdict(False, "apart", values)
    off = (fit.points["ratio"] - 1).abs()
    worst = fit.points.iloc[int(off.argmax())]
    split = f"{worst['full']:,.0f}/{worst['weak']:,.0f}"
    if off.max() > _MOST_OFF:
        return Verdict(False, "off_curve", {"split": split, "off": f"{worst['ratio'] - 1:+.0%}"})
    law = {"area": _area(fit.law), "k": f"{fit.law.k:.2f}"}
    return Verdict(True, "curve", {"split": split, "off": f"{off.max():.0%}", **law, **values})


def _with_boxes(series: Series) -> pd.DataFrame:
    """Return the splits a curve can use: with boxes, and with fewer masks than the largest number tried."""
    means = series.rows.groupby(["full", "weak"])[series.metric].mean().reset_index()
    rows = means.rename(columns={series.metric: "ap"})
    return rows[(rows["weak"] > 0) & (rows["full"] > 0) & (rows["full"] < _phi0(series))].reset_index(drop=True)


def _phi0(series: Series) -> float:
    return float(series.rows["full"].max())


def _chosen_curve(
    view: ScreenView, series: Series, points: pd.DataFrame, key: str, start: Sequence[_Split]
) -> LawFit | None:
    """Read the chosen splits from the link, mark and draw them, and return the law fitted to them."""
    known = list(zip(points["full"].tolist(), points["weak"].tolist(), strict=True))
    asked = st.query_params.get(key)
    taken = list(start) if asked is None else read_splits(asked, known)
    points["taken"] = [split in taken for split in known]
    try:
        fit = fit_law([full for full, _ in taken], [weak for _, weak in taken], phi0=_phi0(series))
    except BudgetError:
        fit = None
    chart = f"{key}_chart"
    view.slot(chart)[0].plotly_chart(
        projected(own_points(points, fit, filled=series.is_measured)),
        key=chart,
        on_select=partial(toggle_clicked_splits, chart, key, taken),
        selection_mode="points",
        config={"displayModeBar": False},
        alt="Images with boxes against images with masks of splits of equal score, and the law fitted to the chosen",
    )
    return fit


def _slide_the_line(view: ScreenView) -> None:
    hours = view.slider("line", 50.0, 110.0, 100.0, 0.5, format="%.1f h")
    least = _least_hours(_LAW, VOC2012)
    touches = abs(hours - least) <= _TOUCHES * least
    hours = least if touches else hours
    met = _meeting_full(_LAW, VOC2012, hours)
    view.say(hours=hours, score=f"{_CURVE.score:g}")
    if met is None:
        view.say("below")
    elif touches:
        view.say("touches")
        _show_chip(view, "touching_chip", round(met[0]), VOC2012, hours)
    else:
        view.say("cuts", fewer=f"{met[0]:,.0f}", more=f"{met[1]:,.0f}")
    view.chart("sliding_line", sliding_line(_LAW, VOC2012, hours, met))


def _least_hours(law: EquiscoreLaw, prices: Prices) -> float:
    """Return the hours of the line that touches the curve: 2 sqrt(cF cW k phi0^2).

    On the curve the product of mask hours and box hours is constant; their sum is least where both are equal.
    """
    return 2 * math.sqrt(_product(law, prices))


def _meeting_full(law: EquiscoreLaw, prices: Prices, hours: float) -> tuple[float, float] | None:
    """Return |F| of the two splits on the curve that cost `hours`, fewer masks first; equal if the line touches.

    They are not rounded or limited to the law's range. Return None if the line stays below the curve.

    Raises:
        BudgetError: The hours are not a number above 0.
    """
    if not (math.isfinite(hours) and hours > 0):
        raise BudgetError(f"a line of equal cost at {hours} hours: give a number above 0.")
    inside = hours * hours / 4 - _product(law, prices)
    # A touching line must not be lost to rounding.
    if inside < -1e-9 * hours * hours:
        return None
    root = math.sqrt(max(inside, 0.0))
    return prices.masks_for(hours / 2 - root), prices.masks_for(hours / 2 + root)


def _product(law: EquiscoreLaw, prices: Prices) -> float:
    return law.k * law.phi0 * law.phi0 * mask_hours(1, prices) * box_hours(1, prices)


def _two_halves(view: ScreenView) -> None:
    full = view.slider("along", _FEWEST, _MOST, 300, 4)
    view.say(**_hours_at(full, VOC2012))
    _show_chip(view, "along_chip", full, VOC2012, cost_hours(float(_FEWEST), float(_LAW.weak(_FEWEST)), VOC2012))
    view.chart("hours_along", hours_along(_LAW, VOC2012, full))


def _hours_at(full: float, prices: Prices, law: EquiscoreLaw = _LAW) -> dict[str, str]:
    weak = float(round(float(law.weak(full))))
    (masks, boxes), both = hours_and_sum([mask_hours(full, prices), box_hours(weak, prices)])
    return {"masks": masks, "boxes": boxes, "both": both}


def _why(view: ScreenView) -> None:
    full = float(view.slider("stretch", _FEWEST, _MOST, 240, 4))
    view.chart("equal_area", equal_area(mask_hours(full, VOC2012), box_hours(float(_LAW.weak(full)), VOC2012)))


def _prices_move_it(view: ScreenView) -> None:
    mask, box = view.slider("mask_s", 40, 1500, 240, 10), view.slider("box_s", 10, 120, 38, 1)
    prices = Prices(float(box), float(mask), "your prices")
    point = cheapest_point(_LAW, prices, _IMAGES)
    view.say(point.decided_by, mask_to_box=prices.mask_to_box, ratio=point.weak / point.full)
    view.split("travelling_chip", point.full, point.weak, prices, point.hours)
    points = curve_rows(_CURVE).rename(columns={_CURVE.metric: "ap"})[["full", "weak", "ap"]].assign(used=False)
    view.chart("travelling", equiscore_curve(_LAW, points, point, prices, _IMAGES))
    view.say(score=f"{_CURVE.score:g}")


def _really_spent(view: ScreenView) -> None:
    trained, measured = curve_rows(_CURVE), measured_alike("ap70")
    point = cheapest_point(_LAW, VOC2012, _IMAGES)
    splits = zip(trained["full"], trained["weak"], strict=True)
    off_half = [abs(mask_share(float(full), float(weak), VOC2012) - 0.5) for full, weak in splits]
    closest = trained.iloc[off_half.index(min(off_half))]
    view.say(half=f"{point.full:,}/{point.weak:,}", half_hours=point.hours, dearest=trained["cost_hours"].max())
    view.say(closest=f"{closest['full']:,}/{closest['weak']:,}", closest_hours=closest["cost_hours"])
    by_law = your_hours(point.full, point.weak, VOC2012, "by the law")
    bars = pd.concat([by_law, as_hours(pd.concat([trained, measured]))], ignore_index=True)
    total = bars["mask_hours"] + bars["box_hours"]
    shares = zip(bars["mask_hours"] / total, total, strict=True)
    labels = [f"{share:.0%} masks, {hours:,.1f} h" for share, hours in shares]
    view.chart("really_spent", split_hours(bars.assign(told=labels)))
    say_measured(view, measured)


def _find_the_cheapest(view: ScreenView) -> None:
    mask, full = view.slider("dear", 200, 1200, 600, 50), view.slider("answer", _FEWEST, _MOST, 780, 5)
    prices = replace(VOC2012, mask_seconds=float(mask), name="these masks")
    view.say(mask_seconds=mask, box_seconds=prices.box_seconds, split=f"{full:,}/{_boxes(_LAW, full)}")
    point = cheapest_point(_LAW, prices, _IMAGES)
    verdict = _judge_cheapest(full, _LAW, prices, point)
    view.judge(verdict)
    if verdict.right:
        _show_chip(view, "answer_chip", full, prices, point.hours)
        view.chart("answered", hours_along(_LAW, prices, full))


def _show_chip(view: ScreenView, key: str, full: int, prices: Prices, scale_hours: float) -> None:
    view.split(key, full, round(float(_LAW.weak(full))), prices, scale_hours)


def _judge_cheapest(full: float, law: EquiscoreLaw, prices: Prices, point: CheapestPoint) -> Verdict:
    """Judge whether the split at `full` on the curve costs about as little as the cheapest one, `point`."""
    values = _hours_at(full, prices, law)
    if cost_hours(full, float(round(float(law.weak(full)))), prices) <= (1 + _TOUCHES) * point.hours:
        return Verdict(True, "cheapest", {**values, "least": point.hours})
    return Verdict(False, "fewer_masks" if full > point.full else "more_masks", values)


THE_EQUISCORE_HYPERBOLA = read_lesson("the_equiscore_hyperbola", _your_points, _the_law, _its_limits, _find_a_curve)
HALF_ON_MASKS_HALF_ON_BOXES = read_lesson(
    "half_on_masks_half_on_boxes", _slide_the_line, _two_halves, _why, _prices_move_it, _really_spent,
    _find_the_cheapest,
)  # fmt: skip
