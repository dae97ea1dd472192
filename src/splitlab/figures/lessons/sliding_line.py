"""A line of equal cost that slides towards an equiscore curve."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from splitlab.budget.annotation_cost import Prices
from splitlab.budget.cheapest_point import equal_cost_weak
from splitlab.budget.equiscore import EquiscoreLaw
from splitlab.budget.line_and_curve import meeting_full
from splitlab.figures.palette import FULL_HUE, PICK_HUE, WEAK_HUE, translucent


def sliding_line(law: EquiscoreLaw, prices: Prices, hours: float) -> go.Figure:
    """Draw the curve, all that `hours` pay for below their line, and where the two meet.

    Args:
        law: the curve.
        prices: seconds per image.
        hours: cost of the line.
    """
    low, _ = law.valid_full
    end, top = 1.05 * law.phi0, 1.05 * float(law.weak(low))
    figure = go.Figure()
    x = np.linspace(0, end, 200)
    figure.add_scatter(
        x=x, y=np.maximum(equal_cost_weak(x, hours, prices), 0), mode="lines", fill="tozeroy",
        line={"color": WEAK_HUE, "width": 4}, fillcolor=translucent(WEAK_HUE, 0.15), hoverinfo="skip",
        name=f"all that {hours:.1f} hours pay for",
    )  # fmt: skip
    curve = np.linspace(end / 300, end, 400)
    curve = curve[law.weak(curve) <= 1.2 * top]
    figure.add_scatter(
        x=curve, y=law.weak(curve), mode="lines", line={"color": FULL_HUE, "width": 4}, hoverinfo="skip",
        name="splits of one score",
    )  # fmt: skip
    met = meeting_full(law, prices, hours)
    if met is not None:
        full = np.array(met)
        figure.add_scatter(
            x=full, y=law.weak(full), mode="markers", marker={"size": 20, "color": PICK_HUE},
            hovertemplate="%{x:,.0f} / %{y:,.0f}<extra></extra>", name="on both",
        )  # fmt: skip
    figure.update_layout(height=400, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    figure.update_xaxes(title="images with masks, F", range=[0, end])
    figure.update_yaxes(title="images with boxes only, W", range=[0, top])
    return figure
