"""A run as it trains: loss parts, AP and speed against steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from splitlab.budget.results import METRICS
from splitlab.figures.palette import FULL_HUE, WEAK_HUE, compared_grey

Event = dict[str, Any]

# The mask part learns from F alone, the box part from F and W.
_LOSS_COLOURS = {"mask": FULL_HUE, "box": WEAK_HUE}
_AP_COLOURS = {"ap50": "#00A087", "ap70": "#56B4E9", "ap75": "#9467BD", "ap50_95": "#8A8F98"}


def training_curves(events: Sequence[Event], steps: int) -> go.Figure:
    """Draw three charts over steps 0 to `steps`: loss parts per image, AP (0..100), images a second.

    A run of two stages has other parts in each, and no mask AP before it has learnt masks.
    """
    figure = make_subplots(1, 3, subplot_titles=("loss per image, by part", "AP on val", "images a second"))
    windows = [event for event in events if event.get("kind") == "train"]
    evaluations = [event for event in events if event.get("kind") == "evaluation"]
    for rank, part in enumerate(dict.fromkeys(part for window in windows for part in window.get("losses", {}))):
        values = [window.get("losses", {}).get(part) for window in windows]
        _line(figure, 1, windows, part, values, _LOSS_COLOURS.get(part, compared_grey(rank)))
    for metric, label in METRICS.items():
        values = [event.get("scores", {}).get("mask", {}).get(metric) for event in evaluations]
        _line(figure, 2, evaluations, label.removeprefix("mask AP").strip(" ,"), values, _AP_COLOURS[metric])
    box = [event.get("scores", {}).get("box", {}).get("ap50") for event in evaluations]
    _line(figure, 2, evaluations, "boxes at IoU 0.50", box, WEAK_HUE)
    _line(figure, 3, windows, "images a second", [e.get("images_per_second") for e in windows], compared_grey(1))
    figure.update_xaxes(title="step", range=[0, steps])
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(
        height=360,
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        legend={"orientation": "h", "y": -0.35, "yanchor": "top"},
        uirevision="keep",
    )
    return figure


def _line(
    figure: go.Figure, column: int, events: Sequence[Event], name: str, values: Sequence[float | None], colour: str
) -> None:
    figure.add_trace(
        go.Scatter(
            x=[event["step"] for event in events],
            y=list(values),
            name=name,
            mode="lines+markers",
            line={"color": colour},
            marker={"size": 5},
            showlegend=column < 3,
        ),
        1,
        column,
    )
