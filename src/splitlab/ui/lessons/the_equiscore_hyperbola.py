"""Lesson 6: splits of equal score lie on a hyperbola, found by the reader's own points."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from splitlab.budget.equiscore import PAPER_CURVES, LawFit, PaperCurve, fit_law
from splitlab.budget.published import TRAINING_IMAGES, method_rows
from splitlab.errors import BudgetError
from splitlab.figures.lessons.law_point import law_point
from splitlab.figures.lessons.own_points import own_points
from splitlab.figures.projected import projected
from splitlab.shown_numbers import shown
from splitlab.ui.budget_choices import read_splits, write_splits
from splitlab.ui.lessons.lesson import Lesson, Screen, Verdict, show_chart, show_verdict
from splitlab.ui.lessons.series import Series, all_series, choose_series
from splitlab.ui.linked_controls import linked_choice
from splitlab.ui.tables import published

Split = tuple[int, int]

MOST_APART = 1.0
"""AP from the lowest to the highest score that still counts as one score."""

MOST_OFF = 0.25
"""Share of |W| by which a point may lie off its curve."""

LEAST_POINTS = 3
_CURVES = {f"{curve.method} on {curve.dataset}": curve for curve in PAPER_CURVES}


def _your_points() -> None:
    series = choose_series("points_of")
    if (points := _with_boxes(series)).empty:
        st.markdown(f"**{series.name}**: no split with boxes and fewer masks than the most that were tried.")
        return
    taken = _take_points(points, "taken", _first_points(points))
    try:
        fit = _fit(series, taken)
        st.markdown(
            f"{_taken_in_words(points.loc[points['taken'], 'ap'])} A hyperbola through "
            f"{'it' if len(taken) == 1 else 'them'}: **W = {fit.law.k * fit.law.phi0**2:,.0f} / F**. **Click** splits "
            "of about the same score, and see whether one curve goes through them."
        )
    except BudgetError:
        fit = None
        st.markdown("**Click** splits with about the same score. The curve through them appears with the first one.")
    _draw(series, points, fit, "taken")
    st.caption(
        f"{series.name}: numbers are {series.score}. Splits without boxes, and those with the most masks, are left "
        "out: there the law does not hold."
    )


def _taken_in_words(scores: pd.Series) -> str:
    if len(scores) == 1:
        return f"You took **one** split, which scores {shown(scores.item())}."
    return f"You took **{len(scores)}** splits, scores from {shown(scores.min())} to {shown(scores.max())}."


def _the_law() -> None:
    names = list(_CURVES)
    name = linked_choice("Curve of", names, names[0], "law_of")
    curve = _CURVES[name]
    share = st.slider("Masks, in percent of the most that were tried", 14, 54, 27, key="tau", bind="query-params")
    full = round(curve.law.phi0 * share / 100)
    st.markdown(masks_times_boxes(curve, full))
    rows = method_rows(published(), curve.dataset, curve.method).set_index(["full", "weak"])[curve.metric]
    show_chart(law_point(curve, full, {split: float(rows.loc[split]) for split in curve.splits}), "law_point")
    st.caption(
        f"Published, Eq. 5 to 7 and Fig. 5: W = k φ₀² / F with k = {curve.law.k:.2f} and φ₀ = {curve.law.phi0:,.0f}, "
        f"the most masks that were tried. Dotted: too near an end (Remark 2). Scores are about {curve.score:g}."
    )


def masks_times_boxes(curve: PaperCurve, full: int) -> str:
    """Say the law at one number of masks, with whole boxes and their true product."""
    weak = round(float(curve.law.weak(full)))
    told = f"**{full:,} masks x {weak:,} boxes = {full * weak:,}**"
    area = round(curve.law.k * curve.law.phi0**2)
    return (
        f"{told}. Wherever you are on the curve the product is about {area:,}; boxes are rounded to whole ones. Half "
        "the masks need twice the boxes for the same score."
    )


def _its_limits() -> None:
    voc, streets = PAPER_CURVES[0], PAPER_CURVES[1]
    alone, few, off = int(voc.law.phi0), 20, streets.off_curve[0]
    score = _score_of(streets, off)
    st.markdown(
        "The curve says more than it knows at both ends.\n\n"
        f"* **All masks.** By the curve, {alone:,} masks would still need {float(voc.law.weak(alone)):,.0f} boxes. In "
        f"the table they need **none** for {_score_of(voc, (alone, 0)):.1f}.\n"
        f"* **Nearly no masks.** By the curve, {few} masks and {float(voc.law.weak(few)):,.0f} boxes would do. Nobody "
        f"tried, and there are no more than {TRAINING_IMAGES[voc.dataset]:,} photos.\n"
        f"* **{streets.dataset}.** {off[0]:,}/{off[1]:,} scores {score:.1f} and not {streets.score:g}: the curve wants "
        f"{float(streets.law.weak(off[0])):,.0f} boxes there, and no photos are left to draw them on.\n"
    )
    st.markdown("A law through three or four points is a rule of thumb. It was never meant for more than the middle.")
    measured = [series for series in all_series().values() if series.is_measured]
    usable = {series.name: len(_with_boxes(series)) for series in measured}
    told = "; ".join(f"{name}: {count} of its splits can carry a curve" for name, count in usable.items())
    st.caption(f"Measured here: {told or 'nothing yet'}. It takes three of about the same score to see one.")


def _find_a_curve() -> None:
    task = st.container()
    series = choose_series("search_curve", least_splits=2)
    points = _with_boxes(series)
    if points.empty:
        st.markdown("No split here can carry a curve: choose other models.")
        return
    taken = _take_points(points, "mine", ())
    task.markdown(
        f"**Click {LEAST_POINTS} or more splits** with different numbers of masks, whose scores lie within "
        f"{MOST_APART:g} AP, so that the curve through them misses none by more than {MOST_OFF:.0%} of its boxes."
    )
    try:
        fit = _fit(series, taken)
    except BudgetError:
        fit = None
    scores = points.loc[points["taken"], ["full", "weak", "ap"]]
    show_verdict(judge_curve(scores, fit))
    _draw(series, points, fit, "mine")
    st.caption(f"{series.name}: numbers are {series.score}. Click a taken split to give it back.")


def judge_curve(taken: pd.DataFrame, fit: LawFit | None) -> Verdict:
    """Judge whether splits are of one score and on one hyperbola.

    Args:
        taken: the splits with the columns full, weak, ap.
        fit: the law through them; None where there is none.
    """
    if fit is None or taken["full"].nunique() < LEAST_POINTS:
        return Verdict(
            False,
            f"{taken['full'].nunique()} different numbers of masks so far; it takes {LEAST_POINTS} to see a curve.",
        )
    apart = float(taken["ap"].max() - taken["ap"].min())
    told = shown(apart, 2).removesuffix("0")
    # Scores are printed with one decimal: their difference is no exact number.
    if round(apart, 6) > MOST_APART:
        return Verdict(
            False,
            f"Their scores lie {told} AP apart: not one score. Give the oddest back.",
        )
    off = (fit.points["ratio"] - 1).abs()
    worst = fit.points.iloc[int(off.argmax())]
    split = f"{worst['full']:,.0f}/{worst['weak']:,.0f}"
    if off.max() > MOST_OFF:
        return Verdict(
            False, f"One score, but {split} has {worst['ratio'] - 1:+.0%} boxes against the curve through your points."
        )
    return Verdict(
        True,
        f"Scores within {told} AP, and the curve misses none by more than {off.max():.0%} ({split}): "
        f"W = {fit.law.k * fit.law.phi0**2:,.0f} / F, in the paper's words k = {fit.law.k:.2f}. Another score has "
        "another curve.",
    )


def _score_of(curve: PaperCurve, split: Split) -> float:
    rows = method_rows(published(), curve.dataset, curve.method)
    return float(rows.loc[(rows["full"] == split[0]) & (rows["weak"] == split[1]), curve.metric].item())


def _with_boxes(series: Series) -> pd.DataFrame:
    """Return the splits that can carry a curve: with boxes, and with fewer masks than the most that were tried."""
    rows = (
        series.rows.groupby(["full", "weak"])[series.metric].mean().reset_index().rename(columns={series.metric: "ap"})
    )
    return rows[(rows["weak"] > 0) & (rows["full"] > 0) & (rows["full"] < _phi0(series))].reset_index(drop=True)


def _phi0(series: Series) -> float:
    return float(series.rows["full"].max())


def _fit(series: Series, taken: Sequence[Split]) -> LawFit:
    return fit_law([full for full, _ in taken], [weak for _, weak in taken], phi0=_phi0(series))


def _first_points(points: pd.DataFrame) -> tuple[Split, ...]:
    middle = points.iloc[len(points) // 2]
    return ((int(middle["full"]), int(middle["weak"])),)


def _take_points(points: pd.DataFrame, key: str, at_first: Sequence[Split]) -> list[Split]:
    """Read the taken splits from the link, and mark them in the table."""
    known = list(zip(points["full"].tolist(), points["weak"].tolist(), strict=True))
    asked = st.query_params.get(key)
    taken = list(at_first) if asked is None else read_splits(asked, known)
    points["taken"] = [split in taken for split in known]
    return taken


def _draw(series: Series, points: pd.DataFrame, fit: LawFit | None, key: str) -> None:
    chart = f"{key}_chart"
    taken = set(zip(*(points.loc[points["taken"], name].tolist() for name in ("full", "weak")), strict=True))

    def take_clicked() -> None:
        for point in st.session_state[chart]["selection"]["points"]:
            if point.get("customdata"):
                split = int(point["customdata"][0]), int(point["customdata"][1])
                st.query_params[key] = write_splits(sorted(taken ^ {split}))

    st.plotly_chart(
        projected(own_points(points, fit, filled=series.is_measured)),
        key=chart,
        on_select=take_clicked,
        selection_mode="points",
        config={"displayModeBar": False},
    )


LESSON = Lesson(
    title="The equiscore hyperbola",
    answers="If I draw fewer masks, how many more boxes keep my score?",
    minutes=10,
    screens=(
        Screen(
            "Put a curve through equal scores",
            _your_points,
            "Let one student call the points: 200/10,531, 400/5,000 and 800/3,000 lie at about 50. Then take one of 46 "
            "and see the curve miss. The link keeps the points, so a student can send you theirs.",
        ),
        Screen(
            "Masks times boxes stays the same",
            _the_law,
            "It is the paper's Assertion 1. Ask: from 400 to 200 masks, how many boxes more? Often mistaken: that 200 "
            "masks fewer always cost the same number of boxes. It is the factor that counts.",
        ),
        Screen(
            "Where the curve ends",
            _its_limits,
            "A law with honest edges. Remark 2 of the paper says that it does not hold near 0 and near the most masks; "
            "let the class find out why from the table.",
        ),
        Screen(
            "Your turn: find a curve",
            _find_a_curve,
            "Three points at about 50 do it on VOC2012, and three near 47. On Cityscapes there are no three: scores "
            "lie too close together and the numbers of masks too few. That, too, is an answer.",
        ),
    ),
)
