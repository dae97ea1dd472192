"""What each kind of error costs each model: one bar a model, one piece a kind."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from splitlab.evaluation.error_kinds import ERRORS, MEANINGS, ErrorKind
from splitlab.figures.error_palette import ERROR_COLOURS

ROW_PIXELS, HEAD_PIXELS = 44, 170
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
        height=HEAD_PIXELS + ROW_PIXELS * len(models),
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
