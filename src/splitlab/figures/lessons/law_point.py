"""One point that walks along an equiscore curve, with the corner that it leaves to the axes."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from splitlab.budget.equiscore import PaperCurve
from splitlab.figures.palette import FULL_HUE, PICK_HUE, WEAK_HUE
from splitlab.shown_numbers import shown


def law_point(curve: PaperCurve, full: float, scores: dict[tuple[int, int], float]) -> go.Figure:
    """Draw the paper's curve, solid where the law holds, its published points, and the point at `full`.

    Args:
        curve: of the paper.
        full: |F| of the point, images.
        scores: of the published splits on it, AP.
    """
    low, high = curve.law.valid_full
    figure = go.Figure()
    end, top = 1.1 * curve.law.phi0, 1.15 * max(weak for _, weak in curve.splits)
    for start, stop, dash, name in (
        (end / 400, low, "dot", "not to be trusted: too near an end"),
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
    figure.update_layout(height=420, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    figure.update_xaxes(title="images with masks, F", range=[0, end])
    figure.update_yaxes(title="images with boxes only, W", range=[-0.04 * top, top])
    return figure
