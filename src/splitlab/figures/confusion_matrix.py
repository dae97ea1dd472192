"""Which class is taken for which: a square a cell, strong where often, to click for its images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from splitlab.evaluation.confusion import Confusion
from splitlab.evaluation.error_kinds import ErrorKind
from splitlab.figures.error_palette import ERROR_COLOURS
from splitlab.figures.palette import compared_grey, translucent

NOTHING = "nothing"
CELL_PIXELS, HEAD_PIXELS = 42, 140
# What is right is neutral; seen on white as on near-black.
_SCALE = [
    [0, translucent(ERROR_COLOURS[ErrorKind.WRONG_CLASS], 0.85)],
    [0.5, translucent(compared_grey(0), 0.06)],
    [1, translucent(compared_grey(0), 0.6)],
]
_FULL_SHADE = 0.2


def confusion_heatmap(confusion: Confusion, class_names: Sequence[str]) -> go.Figure:
    """Draw counts as numbers and shares of the true class as shades: grey where right, orange where wrong.

    A click brings back `customdata`, [row, column]: the key of `Confusion.images`. Detections on nothing labelled have
    no share, for there is no number of nothings: their row stays pale.

    Args:
        confusion: counts and images.
        class_names: of the data set.
    """
    names = [*class_names, NOTHING]
    figure = go.Figure()
    figure.add_heatmap(
        x=names, y=names, z=_shades(confusion), zmin=-1, zmax=1, colorscale=_SCALE, showscale=False, hoverinfo="skip",
        xgap=2, ygap=2,
    )  # fmt: skip
    figure.add_trace(_cells(confusion, names))
    figure.update_layout(
        height=HEAD_PIXELS + CELL_PIXELS * len(names),
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        clickmode="event+select",
        dragmode=False,
        uirevision="keep",
        hoverlabel={"align": "left"},
    )
    figure.update_xaxes(title="what the model says", type="category", automargin=True, showgrid=False)
    figure.update_yaxes(title="what is there", type="category", autorange="reversed", automargin=True, showgrid=False)
    return figure


def _shares(confusion: Confusion) -> NDArray[np.float64]:
    """Return (K + 1, K + 1) shares of the true class; 0 in the row of nothings, of which there is no number."""
    shares: NDArray[np.float64] = confusion.counts / np.maximum(confusion.counts.sum(axis=1, keepdims=True), 1)
    shares[-1] = 0
    return shares


def _shades(confusion: Confusion) -> list[list[float]]:
    """Return what is right as 0..1 and what is wrong as 0..-1, which it reaches early: mistakes are to be seen."""
    shares = _shares(confusion)
    shades = np.where(np.eye(len(shares), dtype=bool), shares, -np.minimum(shares / _FULL_SHADE, 1))
    rows: list[list[float]] = shades.tolist()
    return rows


def _cells(confusion: Confusion, names: Sequence[str]) -> go.Scatter:
    """Return unseen marks over the cells: a heat map cannot be clicked on a page, marks can."""
    cells = [
        (row, column) for row in range(len(names)) for column in range(len(names)) if confusion.counts[row, column]
    ]
    return go.Scatter(
        x=[names[column] for _, column in cells],
        y=[names[row] for row, _ in cells],
        mode="markers+text",
        text=[f"{confusion.counts[cell]:,}" for cell in cells],
        customdata=[list(cell) for cell in cells],
        hovertext=[_hover(confusion, names, *cell) for cell in cells],
        hovertemplate="%{hovertext}<extra></extra>",
        marker={"symbol": "square", "size": CELL_PIXELS - 6, "opacity": 0},
        unselected={"marker": {"opacity": 0}},
        selected={"marker": {"opacity": 0.25}},
        showlegend=False,
    )


def _hover(confusion: Confusion, names: Sequence[str], row: int, column: int) -> str:
    count, images = confusion.counts[row, column], len(confusion.images[row, column])
    share = f"{count / confusion.counts[row].sum():.0%} of them"
    where = f"in {images:,} image{'s' if images != 1 else ''}"
    if row == len(names) - 1:
        return f"<b>{names[column]}</b> seen where no labelled object is left to fit<br>{count:,} times {where}"
    if column == len(names) - 1:
        return f"<b>{names[row]}</b> not seen<br>{count:,} times {where}, {share}"
    verb = "seen as" if row == column else "taken for"
    return f"<b>{names[row]}</b> {verb} <b>{names[column]}</b><br>{count:,} times {where}, {share}"
