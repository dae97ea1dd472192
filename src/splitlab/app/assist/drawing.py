"""Draw a mask by hand: a lasso around the object on a chart of the photo."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import cv2
import numpy as np
import plotly.graph_objects as go
import streamlit as st

from splitlab.figures.palette import WEAK_HUE
from splitlab.geometry import LEAST_OUTLINE_NUMBERS, polygons_to_rle, rle_area

if TYPE_CHECKING:
    from splitlab.data.dataset import Box
    from splitlab.data.images import ImageArray
    from splitlab.figures.proposals import Window
    from splitlab.geometry import Rle

_SIDE, _HEIGHT = 1000, 480


def draw_by_hand(photo: ImageArray, window: Window, box: Box, key: str) -> Rle | None:
    """Show a part of a photo to draw on; return the mask in the photo's size once it was drawn and confirmed.

    `key` is of the chart.
    """
    st.caption("Draw around the object: press, follow its outline, let go. Then keep it.")
    event = st.plotly_chart(
        _chart(photo, window, box),
        key=key,
        on_select="rerun",
        selection_mode="lasso",
        config={"displaylogo": False},
        alt="The photo around the object, to draw its outline on",
    )
    outlines = [
        [float(side) for point in zip(lasso["x"], lasso["y"], strict=True) for side in point]
        for lasso in event["selection"]["lasso"]
    ]
    outlines = [outline for outline in outlines if len(outline) >= LEAST_OUTLINE_NUMBERS]
    drawn = polygons_to_rle(outlines, *photo.shape[:2]) if outlines else None
    is_there = drawn is not None and rle_area(drawn) > 0
    kept = st.button("Keep this mask", icon=":material/check:", type="primary", shortcut="Enter", disabled=not is_there)
    return drawn if kept and is_there else None


def _chart(photo: ImageArray, window: Window, box: Box) -> go.Figure:
    left, top, right, bottom = window
    part = photo[top:bottom, left:right]
    scale = min(_SIDE / max(part.shape[:2]), 4.0)
    size = max(round(part.shape[1] * scale), 1), max(round(part.shape[0] * scale), 1)
    shown = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(shown, cv2.COLOR_RGB2BGR))
    source = f"data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode()}"
    # Plotly offers a lasso only where there are points to choose.
    x, y = np.meshgrid(np.linspace(left, right, 12), np.linspace(top, bottom, 12))
    figure = go.Figure(
        go.Scatter(x=x.ravel(), y=y.ravel(), mode="markers", marker={"opacity": 0, "size": 1}, hoverinfo="skip")
    )
    figure.add_layout_image(
        source=source, xref="x", yref="y", x=left, y=top, sizex=right - left, sizey=bottom - top,
        sizing="stretch", layer="below",
    )  # fmt: skip
    figure.add_shape(type="rect", x0=box[0], y0=box[1], x1=box[2], y1=box[3], line={"color": WEAK_HUE, "width": 2})
    axis = {"showgrid": False, "zeroline": False, "visible": False, "fixedrange": True}
    figure.update_xaxes(range=[left, right], constrain="domain", **axis)
    figure.update_yaxes(range=[bottom, top], scaleanchor="x", constrain="domain", **axis)
    figure.update_layout(dragmode="lasso", height=_HEIGHT, margin={"l": 0, "r": 0, "t": 30, "b": 0}, showlegend=False)
    return figure
