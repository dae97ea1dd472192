"""Charts of equiscore curves: a point on one, a curve through chosen splits, and a line of equal cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from splitlab.budget.annotation_cost import Prices
from splitlab.budget.cheapest_point import equal_cost_weak
from splitlab.budget.equiscore import EquiscoreLaw, LawFit, PaperCurve
from splitlab.figures.lessons.hours import LEGEND_ABOVE
from splitlab.figures.palette import FULL_HUE, PICK_HUE, WEAK_HUE, compared_grey, translucent
from splitlab.shown_numbers import shown


def law_point(curve: PaperCurve, full: float, scores: dict[tuple[int, int], float]) -> go.Figure:
    """Draw the paper's curve, solid where the law holds, its published points, and the point at `full`.

    Args:
        curve: of the paper.
        full: |F| of the point, images.
        scores: of the published splits on it, AP.
    """
    low, high = curve.law.valid_full
    end, top = 1.1 * curve.law.phi0, 1.15 * max(weak for _, weak in curve.splits)
    figure = go.Figure()
    for start, stop, dash, name in (
        (end / 400, low, "dot", "outside the law's range"),
        (low, high, "solid", "equal score, by the law"),
        (high, end, "dot", ""),
    ):
        x = np.linspace(start, stop, 200)
        x = x[curve.law.weak(x) <= top]
        figure.add_scatter(
            x=x, y=curve.law.weak(x), mode="lines", hoverinfo="skip", name=name, showlegend=bool(name),
            line={"color": FULL_HUE, "width": 4 if dash == "solid" else 2.5, "dash": dash},
        )  # fmt: skip
    weak = float(curve.law.weak(full))
    for line_x, line_y, hue in (([full, full], [0, weak], FULL_HUE), ([0, full], [weak, weak], WEAK_HUE)):
        figure.add_scatter(
            x=line_x, y=line_y, mode="lines", line={"color": hue, "width": 3}, hoverinfo="skip", showlegend=False
        )
    figure.add_scatter(
        x=[split[0] for split in curve.splits], y=[split[1] for split in curve.splits], mode="markers+text",
        text=[shown(scores[split]) for split in curve.splits], textposition="top right", cliponaxis=False,
        marker={"symbol": "circle-open", "size": 15, "color": FULL_HUE, "line": {"width": 3}}, name="published",
        hovertemplate="<b>%{x:,} / %{y:,}</b><br>AP %{text}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=[full], y=[weak], mode="markers", marker={"size": 20, "color": PICK_HUE}, hoverinfo="skip", name="your point"
    )
    return _with_axes(figure, 420, end, [-0.04 * top, top])


def own_points(points: pd.DataFrame, fit: LawFit | None, *, filled: bool) -> go.Figure:
    """Draw |W| against |F|: every split with its score, the chosen ones highlighted, and the law fitted to those.

    Args:
        points: splits with the columns full, weak, ap, taken.
        fit: the law through the chosen ones; None where there is none yet.
        filled: whether they were measured here; published ones are outlined.
    """
    figure = go.Figure()
    end, top = 1.12 * float(points["full"].max()), 1.12 * max(float(points["weak"].max()), 1.0)
    if fit is not None:
        full = np.linspace(end / 300, end, 400)
        weak = fit.law.weak(full)
        figure.add_scatter(
            x=full[weak <= top], y=weak[weak <= top], mode="lines", line={"color": FULL_HUE, "width": 4},
            hoverinfo="skip", name=f"W = {fit.law.k * fit.law.phi0**2:,.0f} / F",
        )  # fmt: skip
    symbol = "circle" if filled else "circle-open"
    for taken, hue, name in ((False, compared_grey(0), "not chosen"), (True, PICK_HUE, "chosen")):
        rows = points[points["taken"] == taken]
        figure.add_scatter(
            x=rows["full"], y=rows["weak"], mode="markers+text", text=[shown(ap) for ap in rows["ap"]],
            textposition="top right", textfont={"color": hue}, cliponaxis=False, name=name,
            marker={"size": 18, "color": hue, "symbol": symbol, "line": {"width": 3.5}},
            # A list: numpy arrays come back from a click as objects with numbered keys.
            customdata=rows[["full", "weak"]].to_numpy().tolist(),
            hovertemplate="<b>%{x:,} / %{y:,}</b><br>AP %{text}<extra></extra>",
            unselected={"marker": {"opacity": 1}, "textfont": {"color": hue}},
        )  # fmt: skip
    figure.update_layout(clickmode="event+select")
    return _with_axes(figure, 430, end, [-0.05 * top, top])


def sliding_line(law: EquiscoreLaw, prices: Prices, hours: float, met: tuple[float, float] | None) -> go.Figure:
    """Draw the curve, everything that `hours` pay for below their line, and where the two meet.

    Args:
        law: the curve.
        prices: seconds per image.
        hours: cost of the line.
        met: |F| of the two splits on both; None where there is none.
    """
    low, _ = law.valid_full
    end, top = 1.05 * law.phi0, 1.05 * float(law.weak(low))
    figure = go.Figure()
    x = np.linspace(0, end, 200)
    figure.add_scatter(
        x=x, y=np.maximum(equal_cost_weak(x, hours, prices), 0), mode="lines", fill="tozeroy",
        line={"color": WEAK_HUE, "width": 4}, fillcolor=translucent(WEAK_HUE, 0.15), hoverinfo="skip",
        name=f"what {hours:.1f} hours pay for",
    )  # fmt: skip
    curve = np.linspace(end / 300, end, 400)
    curve = curve[law.weak(curve) <= 1.2 * top]
    figure.add_scatter(
        x=curve, y=law.weak(curve), mode="lines", line={"color": FULL_HUE, "width": 4}, hoverinfo="skip",
        name="splits of equal score",
    )  # fmt: skip
    if met is not None:
        figure.add_scatter(
            x=met, y=law.weak(np.array(met)), mode="markers", marker={"size": 20, "color": PICK_HUE},
            hovertemplate="%{x:,.0f} / %{y:,.0f}<extra></extra>", name="on both",
        )  # fmt: skip
    return _with_axes(figure, 400, end, [0, top])


def _with_axes(figure: go.Figure, height: int, end: float, weak_range: Sequence[float]) -> go.Figure:
    figure.update_layout(height=height, legend=LEGEND_ABOVE)
    figure.update_xaxes(title="images with masks, F", range=[0, end])
    return figure.update_yaxes(title="images with boxes only, W", range=weak_range)
