"""What a mask image costs, counted in box images."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from splitlab.budget.annotation_cost import Prices
from splitlab.figures.palette import FULL_HUE, WEAK_HUE

MASKS, BOXES = "one image<br>with masks", "images<br>with boxes"


def price_bars(prices: Prices) -> go.Figure:
    """Draw the seconds of one mask image, and under it as many box images as fit into them, the last one cut."""
    whole = int(prices.mask_to_box)
    pieces = np.full(whole, prices.box_seconds)
    rest = prices.mask_seconds - pieces.sum()
    figure = go.Figure()
    figure.add_bar(
        x=[prices.mask_seconds], y=[MASKS], orientation="h", marker={"color": FULL_HUE},
        hovertemplate="%{x:,.1f} seconds<extra></extra>", text=[f"{prices.mask_seconds:,.1f} s"],
        textfont={"color": "white", "size": 18}, insidetextanchor="middle",
    )  # fmt: skip
    for seconds in [*pieces, *([rest] if rest > 0 else [])]:
        is_whole = seconds == prices.box_seconds
        figure.add_bar(
            x=[seconds], y=[BOXES], orientation="h",
            marker={"color": WEAK_HUE, "opacity": 1 if is_whole else 0.45, "line": {"width": 3, "color": "white"}},
            hovertemplate=f"{prices.box_seconds:,.1f} seconds<extra></extra>",
        )  # fmt: skip
    figure.update_layout(barmode="stack", showlegend=False, height=300, bargap=0.35)
    figure.update_xaxes(title="seconds of an annotator's time", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", ticksuffix="  ")
    return figure
