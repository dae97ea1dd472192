"""Equiscore: splits of equal score on a hyperbola, and where a line of equal cost touches it."""

from collections.abc import Iterable

import streamlit as st

from splitlab.app.navigation import answered, page_head
from splitlab.app.widgets.budget_choices import choose_prices, read_splits, write_splits
from splitlab.app.widgets.links import linked_choice, linked_count
from splitlab.app.widgets.sources import atlas_curves, measured, published, training_images
from splitlab.app.widgets.text import split_chip
from splitlab.budget.cost import MAX_IMAGES, mask_share
from splitlab.budget.law import PAPER_CURVES, EquiscoreLaw, fit_law
from splitlab.budget.planner import cheapest_point
from splitlab.budget.published import FLATTERED, FLATTERED_METHOD, method_rows
from splitlab.budget.results import METRICS, by_common_seeds
from splitlab.errors import BudgetError
from splitlab.figures.plan import equiscore_curve
from splitlab.workspace import Workspace

_CHART = "equiscore_chart"


_PUBLISHED_LAW, _MEASURED_LAW = "the paper's", "as measured"


def _columns(splits: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Return the |F| and the |W| of splits."""
    chosen = list(splits)
    return [full for full, _ in chosen], [weak for _, weak in chosen]


def show_page() -> None:
    """Show the page."""

    def take_clicked_point() -> None:
        """Take a clicked split into the fit, or out of it."""
        for point in st.session_state[_CHART]["selection"]["points"]:
            if point.get("customdata"):
                split = (int(point["customdata"][0]), int(point["customdata"][1]))
                st.query_params[link_name] = write_splits(sorted(set(chosen) ^ {split}))

    page_head(
        "Equiscore",
        "Models on one curve score about the same, by the paper's law |W| = k φ₀² / |F|; the line of equal cost "
        "slides up until it touches: there half of the money goes into masks, half into boxes.",
    )
    curves = {
        f"{c.dataset} {c.method}, AP about {c.score:g}": c for c in (*PAPER_CURVES, *atlas_curves(Workspace.here()))
    }
    settings, picture = st.columns([1, 2.2], gap="large")
    with settings:
        name = st.selectbox("Curve", list(curves), key="curve", bind="query-params")
        paper = curves[name]
        is_published = paper in PAPER_CURVES
        link_name = f"points_{paper.panel}"
        table = published() if is_published else by_common_seeds(measured(Workspace.here()))
        rows = method_rows(table, paper.dataset, paper.method)
        every_split = list(zip(rows["full"].tolist(), rows["weak"].tolist(), strict=True))
        chosen = read_splits(st.query_params.get(link_name, ""), every_split) or sorted(paper.splits)
        way = linked_choice(
            "k and φ₀",
            [law_there_is := _PUBLISHED_LAW if is_published else _MEASURED_LAW, "fitted", "mine"],
            law_there_is,
            "law" if is_published else "measured_law",
        )
        if way == "mine":
            k = st.slider(
                "k",
                0.01,
                5.0,
                max(float(round(paper.law.k, 2)), 0.01),
                0.01,
                key=f"k_{paper.panel}",
                bind="query-params",
            )
            phi0 = st.slider(
                "φ₀, the largest |F| used",
                10,
                20_000,
                int(paper.law.phi0),
                key=f"phi0_{paper.panel}",
                bind="query-params",
            )
        prices = choose_prices(paper.dataset)
        there_are = training_images(Workspace.here())[paper.dataset]
        images = linked_count("Training images", 1, MAX_IMAGES, there_are, f"pool_{there_are}")
    with picture, answered():
        try:
            fit = fit_law(*_columns(chosen), phi0=paper.law.phi0)
        except BudgetError as error:
            fit = fit_law(*_columns(paper.splits), phi0=paper.law.phi0)
            st.warning(f"{error} Until you take more in, the curve's own points are fitted.")
        law = {law_there_is: paper.law, "fitted": fit.law}.get(way) or EquiscoreLaw(k, phi0)
        try:
            cheapest = cheapest_point(law, prices, images)
        except BudgetError as error:
            cheapest = None
            st.warning(str(error))
        points = rows[["full", "weak", paper.metric]].rename(columns={paper.metric: "ap"})
        used = fit.points[fit.points["used"]]
        carries = set(zip(used["full"].astype(int), used["weak"].astype(int), strict=True))
        points = points.assign(used=[split in carries for split in zip(points["full"], points["weak"], strict=True)])
        if cheapest is not None:
            st.markdown(
                f"### Cheapest on this curve: **{cheapest.full:,}** masks and **{cheapest.weak:,}** boxes, "
                f"{cheapest.hours:,.1f} hours"
            )
            split_chip(cheapest.full, cheapest.weak, prices, cheapest.hours)
            st.caption(
                f"{mask_share(cheapest.full, cheapest.weak, prices):.0%} of it on masks. "
                + {
                    "prices": "The prices decide: equal halves, whatever k is.",
                    "law": "The end of the law's range decides: the curve is not known further.",
                    "images": "The images there are decide: |F| + |W| cannot exceed them.",
                }[cheapest.decided_by]
            )
        st.plotly_chart(
            equiscore_curve(law, points, cheapest, prices, images),
            key=_CHART,
            on_select=take_clicked_point,
            selection_mode="points",
            config={"displaylogo": False},
        )
        st.caption(
            f"Points, {'published' if is_published else 'measured'}: {METRICS[paper.metric]}; "
            "filled ones are in the fit. Click a point to take it in or out "
            "(splits without boxes, or with |F| = φ₀, say nothing about k and are left out). "
            f"Fitted k = {fit.law.k:.2f} ({law_there_is} {paper.law.k:.2f}) at φ₀ = {paper.law.phi0:,.0f}. "
            "Dotted: |F| near 0 or near φ₀, where the law does not hold (Remark 2)."
        )
        if is_published and paper.method == FLATTERED_METHOD:
            st.caption(FLATTERED)
        with st.expander("Points and residuals"):
            table = fit.points.merge(points[["full", "weak", "ap"]], on=["full", "weak"], how="left")
            st.dataframe(table.round(3), hide_index=True)
            st.download_button(
                "Download CSV", table.to_csv(index=False), "splitlab-equiscore.csv", icon=":material/download:"
            )
