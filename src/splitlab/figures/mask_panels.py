"""One photo, N models: their masks side by side, zoomed and panned together."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from splitlab.figures.palette import class_colour, translucent
from splitlab.geometry import Rle, rle_to_mask

COLUMNS = 3
# What the panels of one row share on a usual screen.
ROW_PIXELS = 930
_OUTLINE_TOLERANCE_PIXELS = 0.7


@dataclass(frozen=True)
class DrawnObject:
    """One detection as it is drawn; box xyxy and mask in the photo's pixels, score 0..1."""

    class_index: int
    class_name: str
    score: float
    box: tuple[float, float, float, float]
    mask: Rle


@dataclass(frozen=True)
class Panel:
    """One model's panel."""

    title: str
    objects: Sequence[DrawnObject]


def mask_panels(photo: NDArray[np.uint8], panels: Sequence[Panel]) -> go.Figure:
    """Draw the photo once for each panel, with its objects as filled outlines.

    Args:
        photo: (H, W, 3) uint8 RGB.
        panels: left to right, then down; at least one.
    """
    columns = min(len(panels), COLUMNS)
    rows = -(-len(panels) // columns)
    figure = make_subplots(
        rows, columns, subplot_titles=[panel.title for panel in panels], horizontal_spacing=0.01, vertical_spacing=0.06
    )
    source = _as_jpeg(photo)
    in_legend: set[int] = set()
    for place, panel in enumerate(panels):
        row, column = place // columns + 1, place % columns + 1
        figure.add_trace(go.Image(source=source, hoverinfo="skip"), row, column)
        for found in panel.objects:
            figure.add_trace(_outline(found, first=found.class_index not in in_legend), row, column)
            in_legend.add(found.class_index)
        figure.add_trace(_labels(panel.objects), row, column)
    height, width = photo.shape[:2]
    figure.update_xaxes(visible=False, matches="x", range=[0, width], constrain="domain")
    figure.update_yaxes(visible=False, matches="y", range=[height, 0], scaleanchor="x", constrain="domain")
    figure.update_layout(
        height=int(rows * min(ROW_PIXELS / columns * height / width, 560)) + 80,
        margin={"l": 0, "r": 0, "t": 30, "b": 0},
        legend={"orientation": "h", "y": -0.02, "title": {"text": "class"}},
        dragmode="pan",
        uirevision="keep",
        hoverlabel={"align": "left"},
    )
    return figure


def _as_jpeg(photo: NDArray[np.uint8]) -> str:
    _, encoded = cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def _outline(found: DrawnObject, *, first: bool) -> go.Scatter:
    x, y = mask_outlines(found.mask)
    colour = class_colour(found.class_index)
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        fill="toself",
        line={"color": colour, "width": 2},
        fillcolor=translucent(colour, 0.4),
        name=found.class_name,
        legendgroup=found.class_name,
        showlegend=first,
        hoveron="fills",
        hoverinfo="text",
        text=f"{found.class_name}, score {found.score:.2f}",
    )


def _labels(objects: Sequence[DrawnObject]) -> go.Scatter:
    return go.Scatter(
        x=[(found.box[0] + found.box[2]) / 2 for found in objects],
        y=[found.box[1] for found in objects],
        mode="text",
        text=[f"<b>{found.class_name} {found.score:.2f}</b>" for found in objects],
        textposition="bottom center",
        textfont={"color": "white", "size": 13, "shadow": "0 0 3px black, 0 0 3px black"},
        hoverinfo="skip",
        showlegend=False,
        cliponaxis=True,
    )


def mask_outlines(mask: Rle) -> tuple[list[float | None], list[float | None]]:
    """Return a mask's outlines, holes among them, as x and y in pixels, with None between one and the next."""
    contours, _ = cv2.findContours(rle_to_mask(mask).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    x: list[float | None] = []
    y: list[float | None] = []
    for contour in contours:
        points = cv2.approxPolyDP(contour, _OUTLINE_TOLERANCE_PIXELS, closed=True)[:, 0].astype(float) + 0.5
        closed = np.concatenate([points, points[:1]])
        x += [*closed[:, 0].tolist(), None]
        y += [*closed[:, 1].tolist(), None]
    return x[:-1], y[:-1]
