"""Which class is taken for which: a square a cell, dark where often, to click for its images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from splitlab.evaluation.confusion import Confusion

NOTHING = "nothing"
CELL_PIXELS, HEAD_PIXELS = 42, 140
# Neutral, and seen on white as on near-black.
_SCALE = [[0, "rgba(124,130,140,0.06)"], [1, "rgba(213,94,0,0.85)"]]


def confusion_heatmap(confusion: Confusion, class_names: Sequence[str]) -> go.Figure:
    """Draw counts as numbers and shares of the true class as colour.

    A click brings back `customdata`, [row, column]: the key of `Confusion.images`. Detections on nothing labelled have
    no share, for there is no number of nothings: their row stays pale.

    Args:
        confusion: counts and images.
        class_names: of the data set.
    """
    names = [*class_names, NOTHING]
    figure = go.Figure(
        go.Heatmap(
            x=names, y=names, z=_shares(confusion), zmin=0, zmax=1, colorscale=_SCALE, hoverinfo="skip", xgap=2, ygap=2,
            colorbar={"title": {"text": "share of the<br>true class"}, "tickformat": ".0%"},
        )
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
    figure.update_xaxes(title="what the model says", type="category", automargin=True)
    figure.update_yaxes(title="what is there", type="category", autorange="reversed", automargin=True)
    return figure


def _shares(confusion: Confusion) -> list[list[float]]:
    shares = confusion.counts / np.maximum(confusion.counts.sum(axis=1, keepdims=True), 1)
    shares[-1] = 0
    rows: list[list[float]] = shares.tolist()
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
    where = f"in {images:,} image{'s' if images != 1 else ''}"
    if row == len(names) - 1:
        return f"<b>{names[column]}</b> seen where no labelled object is left to fit<br>{count:,} times {where}"
    if column == len(names) - 1:
        return f"<b>{names[row]}</b> not seen<br>{count:,} times {where}"
    verb = "seen as" if row == column else "taken for"
    return f"<b>{names[row]}</b> {verb} <b>{names[column]}</b><br>{count:,} times {where}"
