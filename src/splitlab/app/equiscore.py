"""Equiscore: splits of equal score lie on a hyperbola; a line of equal cost touches it at the cheapest one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from splitlab.app.navigation import errors_shown, page_head
from splitlab.app.widgets.budget_choices import read_splits, toggle_clicked_splits
from splitlab.app.widgets.links import linked_choice, linked_count
from splitlab.app.widgets.prices import ChosenPrices, choose_prices, turn_price_ratio
from splitlab.app.widgets.sources import atlas_curves, measured, published, training_images
from splitlab.app.widgets.split_chip import split_chip
from splitlab.app.widgets.tables import in_words, show_table
from splitlab.app.widgets.text import offer_csv
from splitlab.budget.cost import MAX_IMAGES, Prices, mask_share
from splitlab.budget.law import PAPER_CURVES, EquiscoreLaw, LawFit, PaperCurve, fit_law
from splitlab.budget.mix_or_masks import MixOrMasks, by_law_in_words, mix_or_masks
from splitlab.budget.published import FLATTERED, FLATTERED_METHOD, method_rows
from splitlab.budget.results import METRICS, by_common_seeds
from splitlab.errors import BudgetError
from splitlab.figures.mix_or_masks import turning_line
from splitlab.figures.plan import equiscore_curve
from splitlab.shown_numbers import shown
from splitlab.workspace import Workspace

_CHART = "equiscore_chart"
_PUBLISHED_LAW, _MEASURED_LAW, _FITTED_LAW, _OWN_LAW = "the paper's", "as measured", "fitted", "mine"
_DECIDED_BY = {
    "prices": "With enough images, the cheapest split spends half on masks, for any k.",
    "law": "The split is at the end of the known part of the curve, so the halves are not equal.",
    "images": "The number of images decides: |F| + |W| cannot exceed it.",
}
_Split = tuple[int, int]


def show_page() -> None:
    """Show the page."""
    page_head(
        "Equiscore",
        "Splits of |F| images with masks and |W| images with boxes on one curve score about the same, by the paper's "
        "law |W| = k φ₀² / |F|. The line of equal cost touches the curve at its cheapest split: there, half of the "
        "hours go into masks and half into boxes.",
    )
    curves = {curve.title: curve for curve in (*PAPER_CURVES, *atlas_curves(Workspace.here()))}
    settings, picture = st.columns([1.05, 2.2], gap="large")
    with settings:
        curve = curves[st.selectbox("Curve", list(curves), key="curve", bind="query-params")]
        rows = _rows_of(curve)
        chosen = _chosen_splits(curve, rows)
        way, own_law = _choose_law(curve)
        chosen_prices = choose_prices(curve.dataset)
        turn_price_ratio(chosen_prices)
        there_are = training_images(Workspace.here())[curve.dataset]
        images = linked_count("Training images", 1, MAX_IMAGES, there_are, f"pool_{there_are}")
    with picture, errors_shown():
        fit = _fit(curve, chosen)
        law = {_FITTED_LAW: fit.law, _OWN_LAW: own_law}.get(way) or curve.law
        found = _compare_ways(law, chosen_prices.per_image, images)
        points = _points(rows, curve, fit)
        _show_cheapest(found, chosen_prices)
        st.plotly_chart(
            equiscore_curve(law, points, found.mixed if found else None, chosen_prices.per_image, images),
            key=_CHART,
            on_select=partial(toggle_clicked_splits, _CHART, _link_name(curve), chosen),
            selection_mode="points",
            config={"displaylogo": False},
            alt=f"Images with boxes against images with masks at equal score, {curve.title}; the line of equal cost",
        )
        _explain(curve, fit)
        if found is not None:
            _show_dial(curve, law, found, rows)
        _show_residuals(fit, points)


def _is_published(curve: PaperCurve) -> bool:
    return curve in PAPER_CURVES


def _link_name(curve: PaperCurve) -> str:
    return f"points_{curve.panel}"


def _rows_of(curve: PaperCurve) -> pd.DataFrame:
    table = published() if _is_published(curve) else by_common_seeds(measured(Workspace.here()))
    return method_rows(table, curve.dataset, curve.method)


def _chosen_splits(curve: PaperCurve, rows: pd.DataFrame) -> list[_Split]:
    """Return the splits to fit the law to: those in the link, or the curve's own."""
    known = list(zip(rows["full"].tolist(), rows["weak"].tolist(), strict=True))
    return read_splits(st.query_params.get(_link_name(curve), ""), known) or sorted(curve.splits)


def _choose_law(curve: PaperCurve) -> tuple[str, EquiscoreLaw | None]:
    """Return where k and φ₀ come from, and the law if the visitor sets them."""
    start, key = (_PUBLISHED_LAW, "law") if _is_published(curve) else (_MEASURED_LAW, "measured_law")
    way = linked_choice("k and φ₀", [start, _FITTED_LAW, _OWN_LAW], start, key)
    if way != _OWN_LAW:
        return way, None
    k = st.slider("k", 0.01, 5.0, max(round(curve.law.k, 2), 0.01), 0.01, key=f"k_{curve.panel}", bind="query-params")
    phi0 = st.slider(
        "φ₀, the largest |F| used", 10, 20_000, int(curve.law.phi0), key=f"phi0_{curve.panel}", bind="query-params"
    )
    return way, EquiscoreLaw(k, phi0)


def _fit(curve: PaperCurve, chosen: Sequence[_Split]) -> LawFit:
    try:
        return fit_law(*_columns(chosen), phi0=curve.law.phi0)
    except BudgetError as error:
        st.warning(f"{error} Until you choose more splits, the law is fitted to the curve's own points.")
        return fit_law(*_columns(curve.splits), phi0=curve.law.phi0)


def _columns(splits: Iterable[_Split]) -> tuple[list[int], list[int]]:
    """Return the |F| and the |W| of splits."""
    chosen = list(splits)
    return [full for full, _ in chosen], [weak for _, weak in chosen]


def _compare_ways(law: EquiscoreLaw, prices: Prices, images: int) -> MixOrMasks | None:
    try:
        return mix_or_masks(law, prices, images)
    except BudgetError as error:
        st.warning(str(error))
        return None


def _points(rows: pd.DataFrame, curve: PaperCurve, fit: LawFit) -> pd.DataFrame:
    """Return the splits with the columns full, weak, ap, and whether the fit uses them."""
    points = rows[["full", "weak", curve.metric]].rename(columns={curve.metric: "ap"})
    used = fit.points[fit.points["used"]]
    in_fit = set(zip(used["full"].astype(int), used["weak"].astype(int), strict=True))
    return points.assign(used=[split in in_fit for split in zip(points["full"], points["weak"], strict=True)])


def _show_cheapest(found: MixOrMasks | None, prices: ChosenPrices) -> None:
    if found is None:
        return
    cheapest = found.mixed
    told = (
        f"Cheapest on this curve: **{cheapest.full:,}** masks and **{cheapest.weak:,}** boxes, "
        f"{cheapest.hours:,.1f} hours{prices.money(cheapest.hours)}"
    )
    if found.pays:
        st.markdown(f"### {told}")
        split_chip(cheapest.full, cheapest.weak, prices.per_image, cheapest.hours)
    else:
        alone = f"**{found.masks:,}** images, {found.masks_hours:,.1f} hours{prices.money(found.masks_hours)}"
        st.markdown(f"### Draw masks only: {alone}")
        split_chip(found.masks, 0, prices.per_image, found.masks_hours)
        st.markdown(f"{told}.")
    share = mask_share(cheapest.full, cheapest.weak, prices.per_image)
    st.caption(f"{share:.0%} of it on masks. {_DECIDED_BY[cheapest.decided_by]}")


def _show_dial(curve: PaperCurve, law: EquiscoreLaw, found: MixOrMasks, rows: pd.DataFrame) -> None:
    """Show whether mixing pays at this price ratio, and the picture that turns with it."""
    st.subheader("Mix, or masks only?", anchor=False)
    st.markdown(f"By the law, {by_law_in_words(found)}")
    st.plotly_chart(
        turning_line(law, found),
        key="turning_line",
        config={"displaylogo": False},
        alt="The curve of equal score, and the line below which splits cost less than masks alone",
    )
    st.caption(
        "Below the line, splits cost less than masks alone. It turns with the price ratio; mixing pays where the curve "
        f"dips below it. {_masks_alone_told(curve, found, rows)} Between 0.55 φ₀ and φ₀ the law says nothing."
    )


def _masks_alone_told(curve: PaperCurve, found: MixOrMasks, rows: pd.DataFrame) -> str:
    alone = rows.loc[(rows["full"] == found.masks) & (rows["weak"] == 0), curve.metric].dropna()
    if alone.empty:
        return f"No model here was trained on {found.masks:,} masks alone: that they reach the score is assumed."
    return f"Masks alone on {found.masks:,} images scored {shown(alone.mean())}; the curve is at {curve.score:g}."


def _explain(curve: PaperCurve, fit: LawFit) -> None:
    published_or_measured, law = ("published", _PUBLISHED_LAW) if _is_published(curve) else ("measured", _MEASURED_LAW)
    st.caption(
        f"Points, {published_or_measured}: {METRICS[curve.metric]}; the law is fitted to the filled ones. Click a "
        "point to add or remove it (splits without boxes, or with |F| = φ₀, say nothing about k and are left out). "
        f"Fitted k = {fit.law.k:.2f} ({law} {curve.law.k:.2f}) at φ₀ = {curve.law.phi0:,.0f}. "
        "Dotted: |F| near 0 or near φ₀, where the law does not hold (Remark 2)."
    )
    if _is_published(curve):
        st.page_link(
            "pages/cost_against_ap.py",
            label=f"This curve as the paper draws it: Fig. 5{curve.panel}",
            icon=":material/scatter_plot:",
            query_params={"dataset": curve.dataset, f"show_{curve.dataset}": f"Fig. 5{curve.panel}"},
        )
    if _is_published(curve) and curve.method == FLATTERED_METHOD:
        st.caption(FLATTERED)


def _show_residuals(fit: LawFit, points: pd.DataFrame) -> None:
    with st.expander("Points and residuals"):
        table = fit.points.merge(points[["full", "weak", "ap"]], on=["full", "weak"], how="left")
        show_table(table)
        offer_csv(in_words(table), "splitlab-equiscore.csv")
