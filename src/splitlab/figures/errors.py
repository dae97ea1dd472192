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
# Right cells are neutral; visible on white and on near-black.
_SCALE = [
    [0, translucent(ERROR_COLOURS[ErrorKind.MISCLASSIFIED], 0.7)],
    [0.5, translucent(compared_grey(0), 0.06)],
    [1, translucent(compared_grey(0), 0.6)],
]
_FULL_SHADE = 0.2


def confusion_heatmap(confusion: Confusion, class_names: Sequence[str], letters: str) -> go.Figure:
    """Draw counts as numbers and shares of the true class as shades: grey for right, orange for misclassified.

    A click returns `customdata`, [row, column], the key of `Confusion.images`. The last row, detections of nothing, has
    no shares.

    Args:
        confusion: Counts and images.
        class_names: Class names of the dataset.
        letters: Text colour of the page; plotly assumes a white page.
    """
    names = [*class_names, _NOTHING]
    figure = go.Figure()
    figure.add_heatmap(
        x=names, y=names, z=_shades(confusion), zmin=-1, zmax=1, colorscale=_SCALE, showscale=False, hoverinfo="skip",
        xgap=2, ygap=2,
    )  # fmt: skip
    figure.add_trace(_cells(confusion, names, letters))
    figure.update_layout(
        height=_MATRIX_HEAD_PIXELS + _CELL_PIXELS * len(names), margin={"l": 10, "r": 10, "t": 10, "b": 10},
        clickmode="event+select", dragmode=False, uirevision="keep", hoverlabel={"align": "left"},
    )  # fmt: skip
    figure.update_xaxes(title="predicted class", type="category", automargin=True, showgrid=False)
    figure.update_yaxes(title="true class", type="category", autorange="reversed", automargin=True, showgrid=False)
    return figure


def _shares(confusion: Confusion) -> NDArray[np.float64]:
    """Return (K + 1, K + 1) shares of the true class; 0 in the last row, detections of nothing."""
    shares: NDArray[np.float64] = confusion.counts / np.maximum(confusion.counts.sum(axis=1, keepdims=True), 1)
    shares[-1] = 0
    return shares


def _shades(confusion: Confusion) -> list[list[float]]:
    """Return right cells as 0..1 and wrong ones as 0..-1, saturating early so that mistakes stand out."""
    shares = _shares(confusion)
    shades = np.where(np.eye(len(shares), dtype=bool), shares, -np.minimum(shares / _FULL_SHADE, 1))
    rows: list[list[float]] = shades.tolist()
    return rows


def _cells(confusion: Confusion, names: Sequence[str], letters: str) -> go.Scatter:
    """Return invisible marks over the cells, because a heat map cannot be clicked on a page."""
    cells = [
        (row, column) for row in range(len(names)) for column in range(len(names)) if confusion.counts[row, column]
    ]
    return go.Scatter(
        x=[names[column] for _, column in cells], y=[names[row] for row, _ in cells], mode="markers+text",
        text=[f"{confusion.counts[cell]:,}" for cell in cells], textfont={"color": letters},
        customdata=[list(cell) for cell in cells],
        hovertext=[_hover(confusion, names, *cell) for cell in cells], hovertemplate="%{hovertext}<extra></extra>",
        marker={"symbol": "square", "size": _CELL_PIXELS - 6, "opacity": 0}, unselected={"marker": {"opacity": 0}},
        selected={"marker": {"opacity": 0.25}}, showlegend=False,
    )  # fmt: skip


def _hover(confusion: Confusion, names: Sequence[str], row: int, column: int) -> str:
    count, images = confusion.counts[row, column], len(confusion.images[row, column])
    share = f"{count / confusion.counts[row].sum():.0%} of them"
    where = f"in {images:,} image{'s' if images != 1 else ''}"
    if row == len(names) - 1:
        return f"<b>{names[column]}</b> detected where no labelled object matches<br>{count:,} times {where}"
    if column == len(names) - 1:
        return f"<b>{names[row]}</b> not detected<br>{count:,} times {where}, {share}"
    verb = "classified as" if row == column else "misclassified as"
    return f"<b>{names[row]}</b> {verb} <b>{names[column]}</b><br>{count:,} times {where}, {share}"


_ERROR_ROW_PIXELS, _ERROR_HEAD_PIXELS = 44, 170
# Six rows on a narrow page; plotly's own limit, half of the chart, would cut off the last kinds.
_LEGEND_PIXELS = 140


def error_cost_bars(lost: Mapping[str, Mapping[ErrorKind, float]]) -> go.Figure:
    """Draw the AP that each kind of error costs as stacked bars, first model on top; negative costs go to the left.

    Args:
        lost: `ApCost.lost` of each model, in points of AP.
    """
    return _bars(lost, "mask AP at IoU 0.50 lost to this kind of error alone", "%{x:.1f} points of AP")


def error_count_bars(counts: Mapping[str, Mapping[ErrorKind, int]]) -> go.Figure:
    """Draw how often each kind of error occurs as stacked bars, first model on top.

    Args:
        counts: `count_errors` of each model.
    """
    return _bars(counts, "errors", "%{x:,} times")


def _bars(values: Mapping[str, Mapping[ErrorKind, float]], title: str, amount: str) -> go.Figure:
    figure = go.Figure()
    models = list(values)
    for kind in ERRORS:
        figure.add_bar(
            y=models, x=[values[model][kind] for model in models], orientation="h", name=kind.value,
            marker={"color": ERROR_COLOURS[kind], "line": {"width": 0}},
            customdata=[[model, kind.value] for model in models],
            hovertemplate=f"<b>{kind.value}</b>, %{{y}}: {amount}<br>{MEANINGS[kind]}<extra></extra>",
        )  # fmt: skip
    return _stacked(figure, title, _ERROR_HEAD_PIXELS + _ERROR_ROW_PIXELS * len(models))


def _stacked(figure: go.Figure, title: str, height: int) -> go.Figure:
    figure.update_layout(
        # "relative" keeps negative pieces on their side of zero.
        barmode="relative", xaxis_title=title, height=height, margin={"l": 10, "r": 10, "t": 10, "b": 40},
        # Placed against the container, the legend is above the bars whatever its number of rows.
        legend={
            "orientation": "h", "yref": "container", "y": 1, "yanchor": "top", "x": 0, "traceorder": "normal",
            "maxheight": _LEGEND_PIXELS,
        },
        hoverlabel={"align": "left"}, clickmode="event+select", uirevision="keep",
    )  # fmt: skip
    return figure.update_yaxes(autorange="reversed", automargin=True, type="category", ticksuffix=" ")


def precision_recall_lines(curves: pd.DataFrame, class_names: Sequence[str]) -> go.Figure:
    """Draw one line per class; hovering shows the score threshold.

    A click returns `customdata`, [text, class index, score]; the score is None if the recall is never reached.

    Args:
        curves: Rows of `precision_recall_curves` at one IoU threshold.
        class_names: Class names of the dataset.
    """
    figure = go.Figure()
    for index, curve in curves.groupby("class_index"):
        name = class_names[int(str(index))]
        figure.add_scatter(
            x=curve["recall"].tolist(), y=curve["precision"].tolist(),
            customdata=[
                [_score(score), int(str(index)), None if pd.isna(score) else score] for score in curve["score"]
            ],
            # A line cannot be clicked on a page; marks can, even invisible ones.
            mode="lines+markers", marker={"size": 10, "opacity": 0}, unselected={"marker": {"opacity": 0}},
            selected={"marker": {"opacity": 0.5}}, name=name, line={"color": class_colour(int(str(index))), "width": 2},
            hovertemplate=f"<b>{name}</b><br>recall %{{x:.2f}}, precision %{{y:.2f}}<br>"
            "%{customdata[0]}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        xaxis={"title": "recall: share of objects found", "range": [0, 1.01]},
        yaxis={"title": "precision: share of detections that are right", "range": [0, 1.02]}, height=440,
        margin={"l": 10, "r": 10, "t": 10, "b": 10}, legend={"title": {"text": "class"}}, uirevision="keep",
    )  # fmt: skip
    return figure


def _score(score: float) -> str:
    return "never reached" if pd.isna(score) else f"with detections down to score {score:.2f}"


def reliability_diagram(bins: pd.DataFrame) -> go.Figure:
    """Draw the share of right detections in each bin of scores (`Calibration.bins`), and the diagonal."""
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
        x=[0, 1], y=[0, 1], mode="lines", line={"color": PICK_HUE, "dash": "dot", "width": 1.5},
        name="perfect calibration", hoverinfo="skip",
    )  # fmt: skip
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
# More models, stronger colour; objects seen by none are hollow.
_OPACITIES: Mapping[SeenBy, float] = MappingProxyType(
    {SeenBy.ALL: 0.65, SeenBy.SOME: 0.4, SeenBy.ONE: 0.15, SeenBy.NONE: 0.0}
)


def seen_bars(counts: pd.DataFrame, row_names: Sequence[str], models: int, letters: str) -> go.Figure:
    """Draw stacked counts of objects; a click returns `customdata`: the row's name and the `SeenBy`.

    Args:
        counts: Result of `count_seen`.
        row_names: Names of its rows: the classes, and detections of nothing.
        models: Number of compared models.
        letters: Text colour of the page; plotly assumes a white page.
    """
    figure = go.Figure()
    for each, opacity in _OPACITIES.items():
        if each is SeenBy.SOME and models < 3:
            continue
        figure.add_bar(
            y=list(row_names), x=counts[each].tolist(), orientation="h", name=seen_in_words(each, models),
            marker={"color": translucent(compared_grey(0), opacity), "line": {"width": 1, "color": compared_grey(0)}},
            text=[count or "" for count in counts[each]], textposition="inside", insidetextanchor="middle", textangle=0,
            insidetextfont={"color": letters}, customdata=[[name, each.value] for name in row_names],
            hovertemplate=f"%{{y}}: %{{x:,}} seen {seen_in_words(each, models)}<extra></extra>",
        )  # fmt: skip
    return _stacked(figure, "objects", _SEEN_HEAD_PIXELS + _SEEN_ROW_PIXELS * len(row_names))


def seen_in_words(each: SeenBy, models: int) -> str:
    """Describe it for this number of models, such as "by all 4"."""
    return f"by all {models}" if each is SeenBy.ALL else f"by {each.value}"
