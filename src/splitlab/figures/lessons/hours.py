"""Charts of annotation time: what one image costs, and what whole splits cost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from splitlab.budget.annotation_cost import Prices, box_hours, mask_hours
from splitlab.budget.equiscore import EquiscoreLaw
from splitlab.budget.results import MEASURED, PUBLISHED
from splitlab.figures.palette import FULL_HUE, PICK_HUE, WEAK_HUE, compared_grey, translucent
from splitlab.shown_numbers import hours_and_sum

YOURS = "yours"
LEGEND_ABOVE = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
_ROW_PIXELS, _HEAD_PIXELS = 52, 130
_FILL = {YOURS: 1.0, MEASURED: 1.0, PUBLISHED: 0.12}
_PARTS = (("mask_hours", FULL_HUE, "hours for masks"), ("box_hours", WEAK_HUE, "hours for boxes"))


def price_bars(prices: Prices) -> go.Figure:
    """Draw the seconds of one mask image, and below it the box images that take as long, the last one cut."""
    pieces = np.full(int(prices.mask_to_box), prices.box_seconds)
    rest = prices.mask_seconds - pieces.sum()
    figure = go.Figure()
    figure.add_bar(
        x=[prices.mask_seconds], y=["one image<br>with masks"], orientation="h", marker={"color": FULL_HUE},
        hovertemplate="%{x:,.1f} seconds<extra></extra>", text=[f"{prices.mask_seconds:,.1f} s"],
        textfont={"color": "white", "size": 18}, insidetextanchor="middle",
    )  # fmt: skip
    for seconds in [*pieces, *([rest] if rest > 0 else [])]:
        opacity = 1 if seconds == prices.box_seconds else 0.45
        figure.add_bar(
            x=[seconds], y=["images<br>with boxes"], orientation="h",
            marker={"color": WEAK_HUE, "opacity": opacity, "line": {"width": 3, "color": "white"}},
            hovertemplate=f"{prices.box_seconds:,.1f} seconds<extra></extra>",
        )  # fmt: skip
    figure.update_layout(barmode="stack", showlegend=False, height=300, bargap=0.35)
    figure.update_xaxes(title="annotation time (seconds)", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", ticksuffix="  ")
    return figure


def split_hours(rows: pd.DataFrame) -> go.Figure:
    """Draw one bar of hours for each split, from the top down; published ones outlined, others filled.

    Args:
        rows: with the columns name (shown beside the bar), source (`PUBLISHED`, `MEASURED` or `YOURS`), mask_hours,
            box_hours, and told (written below the name).
    """
    # Beside the bar and not behind it: there a narrow page cuts the longest.
    lines = [f"{name}<br>{told}" for name, told in zip(rows["name"], rows["told"], strict=True)]
    longest = float((rows["mask_hours"] + rows["box_hours"]).max())
    figure = go.Figure()
    for part, hue, name in _PARTS:
        fills = [translucent(hue, _FILL[source]) for source in rows["source"]]
        # The legend entry is a trace of its own: it shows the full hue whatever the first bar's source is.
        figure.add_bar(
            y=lines, x=rows[part], orientation="h", name=name, showlegend=False,
            marker={"color": fills, "line": {"color": hue, "width": 2.5}},
            hovertemplate=f"%{{x:,.1f}} {name}<extra></extra>",
        )  # fmt: skip
        figure.add_scatter(
            x=[None], y=[None], mode="markers", name=name, marker={"symbol": "square", "size": 14, "color": hue}
        )
    figure.update_layout(
        barmode="stack", bargap=0.3, height=_HEAD_PIXELS + _ROW_PIXELS * len(rows),
        legend={**LEGEND_ABOVE, "traceorder": "normal"},
    )  # fmt: skip
    figure.update_xaxes(title="annotation cost (hours)", range=[0, 1.05 * max(longest, 1)])
    figure.update_yaxes(autorange="reversed", ticksuffix="  ", type="category")
    return figure


def hours_along(law: EquiscoreLaw, prices: Prices, full: float) -> go.Figure:
    """Draw mask hours, box hours and their sum along the curve where the law holds, and a line at `full`."""
    x = np.linspace(*law.valid_full, 200)
    masks, boxes = mask_hours(x, prices), box_hours(law.weak(x), prices)
    figure = go.Figure()
    for y, hue, name, width in (
        (masks + boxes, compared_grey(1), "together", 5),
        (masks, FULL_HUE, "for masks", 4),
        (boxes, WEAK_HUE, "for boxes", 4),
    ):
        figure.add_scatter(
            x=x, y=y, mode="lines", line={"color": hue, "width": width}, name=name,
            hovertemplate="%{x:,.0f} masks: %{y:.1f} hours<extra>" + name + "</extra>",
        )  # fmt: skip
    figure.add_vline(x=full, line={"color": PICK_HUE, "width": 3})
    figure.update_layout(height=390, legend=LEGEND_ABOVE)
    figure.update_xaxes(title="images with masks, F; boxes follow from the curve")
    figure.update_yaxes(title="hours", rangemode="tozero")
    return figure


def equal_area(masks: float, boxes: float) -> go.Figure:
    """Draw a rectangle as wide as the mask hours and as high as the box hours, and the square of the same area.

    Args:
        masks: hours for masks, above 0.
        boxes: hours for boxes, above 0.
    """
    side = float(np.sqrt(masks * boxes))
    (masks_shown, boxes_shown), both = hours_and_sum([masks, boxes])
    figure = go.Figure()
    for width, height, hue, dash, name in (
        (side, side, compared_grey(0), "dash", f"the square of the same area: {2 * side:,.1f} hours"),
        (masks, boxes, PICK_HUE, "solid", f"yours: {masks_shown} + {boxes_shown} = {both} hours"),
    ):
        figure.add_scatter(
            x=[0, width, width, 0, 0], y=[0, 0, height, height, 0], mode="lines", name=name, hoverinfo="skip",
            line={"color": hue, "width": 3, "dash": dash}, fill="toself", fillcolor=translucent(hue, 0.12),
        )  # fmt: skip
    for x, y, hue in (([0, masks], [0, 0], FULL_HUE), ([0, 0], [0, boxes], WEAK_HUE)):
        figure.add_scatter(x=x, y=y, mode="lines", line={"color": hue, "width": 9}, showlegend=False, hoverinfo="skip")
    longest = 1.08 * max(masks, boxes, 2.2 * side)
    shown = {"range": [-0.01 * longest, longest], "constrain": "domain"}
    figure.update_layout(height=400, legend=LEGEND_ABOVE)
    figure.update_xaxes(title="hours for masks", **shown)
    # One hour is as wide as it is high: otherwise the square does not look like one.
    figure.update_yaxes(title="hours for boxes", scaleanchor="x", **shown)
    return figure
