"""Why half and half: hours along the curve, and the rectangle whose area stays the same."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from splitlab.budget.annotation_cost import Prices, box_hours, mask_hours
from splitlab.budget.equiscore import EquiscoreLaw
from splitlab.figures.palette import FULL_HUE, PICK_HUE, WEAK_HUE, compared_grey, translucent
from splitlab.shown_numbers import hours_and_sum


def hours_along(law: EquiscoreLaw, prices: Prices, full: float) -> go.Figure:
    """Draw mask hours, box hours and their sum along the curve where the law holds, and where `full` stands."""
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
    figure.update_layout(height=390, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
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
    figure.update_layout(height=400, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    figure.update_xaxes(title="hours for masks", range=[-0.01 * longest, longest], constrain="domain")
    # One hour is as wide as it is high: else no square looks like one.
    figure.update_yaxes(title="hours for boxes", range=[-0.01 * longest, longest], scaleanchor="x", constrain="domain")
    return figure
