"""Models without and with boxes, joined by a line: published outlined and dashed, measured filled and solid."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from splitlab.budget.results import MEASURED
from splitlab.figures.palette import FULL_HUE, WEAK_HUE

MASKS_ALONE, WITH_BOXES = "masks alone", "with boxes on top"


def pair_slopes(pairs: pd.DataFrame, axis_title: str) -> go.Figure:
    """Draw a slope for each pair.

    Args:
        pairs: rows of `weak_gains`.
        axis_title: what the AP is.
    """
    figure = go.Figure()
    for _, pair in pairs.iterrows():
        is_measured = pair["source"] == MEASURED
        symbols = ["circle", "square"] if is_measured else ["circle-open", "square-open"]
        figure.add_scatter(
            x=[MASKS_ALONE, WITH_BOXES],
            y=[pair["alone"], pair["together"]],
            mode="lines+markers+text",
            text=[_told(pair, 0, pair["alone"]), _told(pair, pair["weak"], pair["together"])],
            textposition=["bottom center", "top center"],
            line={"color": "#8A8F98", "width": 3, "dash": "solid" if is_measured else "dot"},
            marker={"symbol": symbols, "size": 17, "color": [FULL_HUE, WEAK_HUE], "line": {"width": 3}},
            hovertemplate="%{text}<extra></extra>",
            cliponaxis=False,
            name=f"{pair['dataset']}, {pair['source']}",
        )
    figure.update_layout(height=400, showlegend=False)
    figure.update_xaxes(range=[-0.6, 1.6], title="")
    scores = pairs[["alone", "together"]].to_numpy()
    # Room for two lines of letters above the highest mark and below the lowest.
    room = 0.25 * max(float(scores.max() - scores.min()), 1.0)
    figure.update_yaxes(title=axis_title, range=[scores.min() - room, scores.max() + room])
    return figure


def _told(pair: pd.Series, weak: int, ap: float) -> str:
    return f"{pair['dataset']} {pair['full']:,}/{weak:,}<br><b>{ap:.1f}</b>"
