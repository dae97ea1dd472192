"""Charts of errors: confusion matrix, error kinds, precision and recall, reliability, objects seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from splitlab.evaluation.disagreement import SeenBy
from splitlab.evaluation.errors_by_kind import Confusion
from splitlab.evaluation.matches import ERRORS, MEANINGS, ErrorKind
from splitlab.figures.palette import ERROR_COLOURS, PICK_HUE, class_colour, compared_grey, translucent

_NOTHING = "nothing"
_CELL_PIXELS, _MATRIX_HEAD_PIXELS = 42, 140
# What is right is neutral; seen on white as on near-black.
_SCALE = [
    [0, translucent(ERROR_COLOURS[ErrorKind.MISCLASSIFIED], 0.85)],
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
    names = [*class_names, _NOTHING]
    figure = go.Figure()
    figure.add_heatmap(
        x=names, y=names, z=_shades(confusion), zmin=-1, zmax=1, colorscale=_SCALE, showscale=False, hoverinfo="skip",
        xgap=2, ygap=2,
    )  # fmt: skip
    figure.add_trace(_cells(confusion, names))
    figure.update_layout(
        height=_MATRIX_HEAD_PIXELS + _CELL_PIXELS * len(names),
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
        marker={"symbol": "square", "size": _CELL_PIXELS - 6, "opacity": 0},
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


_ERROR_ROW_PIXELS, _ERROR_HEAD_PIXELS = 44, 170
# Six rows, on a narrow page; plotly's own limit is half of the chart, which cuts the last kinds where it is small.
_LEGEND_PIXELS = 140


def error_cost_bars(lost: Mapping[str, Mapping[ErrorKind, float]]) -> go.Figure:
    """Draw the AP each kind of error costs, stacked; the first model on top, costs below nothing to the left.

    Args:
        lost: of each model, `ApCost.lost`, in points of AP.
    """
    return _bars(lost, "mask AP at IoU 0.50 lost to this kind of error alone", "%{x:.1f} points of AP")


def error_count_bars(counts: Mapping[str, Mapping[ErrorKind, int]]) -> go.Figure:
    """Draw how often each kind of error happens, stacked; the first model on top.

    Args:
        counts: of each model, `count_errors` of its table.
    """
    return _bars(counts, "errors", "%{x:,} times")


def _bars(values: Mapping[str, Mapping[ErrorKind, float]], title: str, amount: str) -> go.Figure:
    figure = go.Figure()
    models = list(values)
    for kind in ERRORS:
        figure.add_bar(
            y=models,
            x=[values[model][kind] for model in models],
            orientation="h",
            name=kind.value,
            marker={"color": ERROR_COLOURS[kind], "line": {"width": 0}},
            customdata=[[model, kind.value] for model in models],
            hovertemplate=f"<b>{kind.value}</b>, %{{y}}: {amount}<br>{MEANINGS[kind]}<extra></extra>",
        )
    figure.update_layout(
        # "relative" keeps negative pieces on their side of zero.
        barmode="relative",
        xaxis_title=title,
        height=_ERROR_HEAD_PIXELS + _ERROR_ROW_PIXELS * len(models),
        margin={"l": 10, "r": 10, "t": 10, "b": 40},
        # Above the bars, however many rows it takes: plotly keeps room for what is placed against the container.
        legend={
            "orientation": "h",
            "yref": "container",
            "y": 1,
            "yanchor": "top",
            "x": 0,
            "traceorder": "normal",
            "maxheight": _LEGEND_PIXELS,
        },
        hoverlabel={"align": "left"},
        clickmode="event+select",
        uirevision="keep",
    )
    figure.update_yaxes(autorange="reversed", automargin=True, type="category", ticksuffix=" ")
    return figure


def precision_recall_lines(curves: pd.DataFrame, class_names: Sequence[str]) -> go.Figure:
    """Draw one line a class; pointing at it tells the score down to which one goes.

    A click brings back `customdata`, [words, class index, score], the score None where the recall is never reached.

    Args:
        curves: rows of `precision_recall_curves` at one IoU threshold.
        class_names: of the data set.
    """
    figure = go.Figure()
    for index, curve in curves.groupby("class_index"):
        name = class_names[int(str(index))]
        figure.add_scatter(
            x=curve["recall"].tolist(),
            y=curve["precision"].tolist(),
            customdata=[
                [_score(score), int(str(index)), None if pd.isna(score) else score] for score in curve["score"]
            ],
            # A line cannot be clicked on a page; marks can, even unseen ones.
            mode="lines+markers",
            marker={"size": 10, "opacity": 0},
            unselected={"marker": {"opacity": 0}},
            selected={"marker": {"opacity": 0.5}},
            name=name,
            line={"color": class_colour(int(str(index))), "width": 2},
            hovertemplate=f"<b>{name}</b><br>recall %{{x:.2f}}, precision %{{y:.2f}}<br>"
            "%{customdata[0]}<extra></extra>",
        )
    figure.update_layout(
        xaxis={"title": "recall: share of objects found", "range": [0, 1.01]},
        yaxis={"title": "precision: share of detections that are right", "range": [0, 1.02]},
        height=440,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        legend={"title": {"text": "class"}},
        uirevision="keep",
    )
    return figure


def _score(score: float) -> str:
    return "never reached" if pd.isna(score) else f"with detections down to score {score:.2f}"


def reliability_diagram(bins: pd.DataFrame) -> go.Figure:
    """Draw the share of right detections in each bin of scores, and the line where score and share are one.

    Args:
        bins: `Calibration.bins`.
    """
    filled = bins[bins["detections"] > 0]
    figure = go.Figure()
    figure.add_bar(
        x=((filled["low"] + filled["high"]) / 2).tolist(),
        y=filled["right"].tolist(),
        width=(filled["high"] - filled["low"]).tolist(),
        customdata=filled[["mean_score", "detections"]].to_numpy().tolist(),
        marker={"color": compared_grey(2), "line": {"color": compared_grey(1), "width": 1}},
        name="detections",
        hovertemplate="mean score %{customdata[0]:.2f}: %{y:.0%} of %{customdata[1]:,} detections are right"
        "<extra></extra>",
    )
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": PICK_HUE, "dash": "dot", "width": 1.5},
        name="scores that mean what they say",
        hoverinfo="skip",
    )
    figure.update_layout(
        xaxis={"title": "score", "range": [0, 1]},
        yaxis={"title": "share of detections that are right", "range": [0, 1.02], "tickformat": ".0%"},
        height=400,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        uirevision="keep",
    )
    return figure


_SEEN_ROW_PIXELS, _SEEN_HEAD_PIXELS = 30, 130
# The more models, the further from the page, be it white or near-black; what none sees is hollow.
_OPACITIES: Mapping[SeenBy, float] = MappingProxyType(
    {SeenBy.ALL: 0.65, SeenBy.SOME: 0.4, SeenBy.ONE: 0.15, SeenBy.NONE: 0.0}
)


def seen_bars(counts: pd.DataFrame, row_names: Sequence[str], models: int, letters: str) -> go.Figure:
    """Draw counts, stacked; a click brings back `customdata`: the row's name and the `SeenBy`.

    Args:
        counts: of `count_seen`.
        row_names: of its rows, the classes and what stands for nothing labelled.
        models: how many were compared.
        letters: the colour of the page's letters, which stand on it and on the bars; plotly takes all pages for white.
    """
    figure = go.Figure()
    for each, opacity in _OPACITIES.items():
        if each is SeenBy.SOME and models < 3:
            continue
        figure.add_bar(
            y=list(row_names),
            x=counts[each].tolist(),
            orientation="h",
            name=seen_in_words(each, models),
            marker={
                "color": translucent(compared_grey(0), opacity),
                "line": {"width": 1, "color": compared_grey(0)},
            },
            text=[count or "" for count in counts[each]],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            insidetextfont={"color": letters},
            customdata=[[name, each.value] for name in row_names],
            hovertemplate=f"%{{y}}: %{{x:,}} seen {seen_in_words(each, models)}<extra></extra>",
        )
    figure.update_layout(
        barmode="stack",
        xaxis_title="objects",
        height=_SEEN_HEAD_PIXELS + _SEEN_ROW_PIXELS * len(row_names),
        margin={"l": 10, "r": 10, "t": 10, "b": 40},
        # Above the bars, however many rows it takes: plotly keeps room for what is placed against the container.
        legend={"orientation": "h", "yref": "container", "y": 1, "yanchor": "top", "x": 0, "traceorder": "normal"},
        clickmode="event+select",
        uirevision="keep",
    )
    figure.update_yaxes(autorange="reversed", automargin=True, type="category", ticksuffix=" ")
    return figure


def seen_in_words(each: SeenBy, models: int) -> str:
    """Say it for this many models, such as "by all 4"."""
    return f"by all {models}" if each is SeenBy.ALL else f"by {each.value}"
