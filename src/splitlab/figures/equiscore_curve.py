"""The equiscore hyperbola, its points, and the line of equal cost that touches it (Sec. 4.5, Fig. 5)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from splitlab.budget.annotation_cost import Prices
from splitlab.budget.cheapest_point import CheapestPoint, equal_cost_weak
from splitlab.budget.equiscore import EquiscoreLaw
from splitlab.figures.palette import FULL_HUE, PICK_HUE, WEAK_HUE

GREY = "#8A8F98"


def equiscore_curve(
    law: EquiscoreLaw, points: pd.DataFrame, cheapest: CheapestPoint | None, prices: Prices, images: int
) -> go.Figure:
    """Draw |W| against |F|: the law, solid where it holds, its points, and what labels cost.

    Args:
        law: the curve.
        points: splits with columns full, weak, ap, used (whether the fit rests on them).
        cheapest: the cheapest split of the curve; None where no split is allowed.
        prices: what labels cost, for the line of equal cost.
        images: training images there are; |F| + |W| cannot exceed them.
    """
    low, high = law.valid_full
    end = 1.08 * max(law.phi0, float(points["full"].max()) if len(points) else 0.0)
    top = 1.05 * max(float(law.weak(low)), float(points["weak"].max()) if len(points) else 0.0)
    figure = go.Figure()
    for start, stop, dash, name in (
        (end / 400, low, "dot", "beyond the law (Remark 2)"),
        (low, high, "solid", "equal score, by the law"),
        (high, end, "dot", ""),
    ):
        x = np.linspace(start, stop, 200)
        style = {"color": FULL_HUE, "width": 3 if dash == "solid" else 1.5, "dash": dash}
        figure.add_trace(
            go.Scatter(x=x, y=law.weak(x), mode="lines", line=style, name=name, showlegend=bool(name), hoverinfo="skip")
        )
    x = np.array([0.0, end])
    limit = {"color": GREY, "dash": "dash", "width": 1.5}
    figure.add_trace(go.Scatter(x=x, y=images - x, mode="lines", line=limit, name=f"all {images:,} images"))
    if cheapest is not None:
        _add_cost(figure, cheapest, prices, x)
    for used, name, symbol in ((True, "splits the fit rests on", "circle"), (False, "left out", "circle-open")):
        _add_points(figure, points[points["used"] == used], name, symbol)
    figure.update_layout(
        xaxis={"title": "|F|, images with masks", "range": [0, end]},
        yaxis={"title": "|W|, images with boxes only", "range": [-0.02 * top, min(top, 1.1 * images)]},
        height=540,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        legend={"orientation": "h", "y": -0.14},
        clickmode="event+select",
    )
    return figure


def _add_cost(figure: go.Figure, cheapest: CheapestPoint, prices: Prices, x: np.ndarray) -> None:
    figure.add_trace(
        go.Scatter(
            x=x,
            y=equal_cost_weak(x, cheapest.hours, prices),
            mode="lines",
            line={"color": WEAK_HUE, "width": 2},
            name=f"equal cost, {cheapest.hours:,.1f} hours",
            hoverinfo="skip",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=[cheapest.full],
            y=[cheapest.weak],
            mode="markers",
            marker={"size": 16, "color": PICK_HUE, "symbol": "diamond"},
            name=f"cheapest: {cheapest.full:,} / {cheapest.weak:,}",
            hovertemplate="<b>cheapest: %{x:,} / %{y:,}</b><extra></extra>",
        )
    )


def _add_points(figure: go.Figure, rows: pd.DataFrame, name: str, symbol: str) -> None:
    if rows.empty:
        return
    figure.add_trace(
        go.Scatter(
            x=rows["full"],
            y=rows["weak"],
            mode="markers",
            marker={"size": 11, "color": FULL_HUE, "symbol": symbol, "line": {"width": 2}},
            # A list: numpy arrays come back from a click as objects with numbered keys.
            customdata=rows[["full", "weak", "ap"]].to_numpy().tolist(),
            hovertemplate="<b>%{x:,} / %{y:,}</b><br>AP %{customdata[2]:.1f}<extra></extra>",
            unselected={"marker": {"opacity": 1}},
            name=name,
        )
    )
