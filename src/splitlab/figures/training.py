"""Training curves of one run, or of several overlaid."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from splitlab.budget.results import METRICS
from splitlab.figures.palette import FULL_HUE, WEAK_HUE, compared_grey

Event = dict[str, Any]

# Colours of F and W: the mask part uses F only, the box part F and W.
_LOSS_COLOURS = {"mask": FULL_HUE, "box": WEAK_HUE}
_AP_COLOURS = {"ap50": "#00A087", "ap70": "#56B4E9", "ap75": "#9467BD", "ap50_95": "#8A8F98"}


def training_curves(events: Sequence[Event], steps: int) -> go.Figure:
    """Draw three charts over steps 0 to `steps`: loss parts per image, AP (0..100), images per second.

    A run with two stages has different parts in each, and no mask AP before it has learnt masks.
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


MOST_RUNS = 8
# A chart of a third of the page cannot show more points.
_MOST_POINTS = 300
# With more points than this, marks would hide the line.
_MOST_MARKS = 12
_COLUMNS, _ROW_HEIGHT, _LEGEND_LINE = 3, 230, 22
# Four colours for any colour vision, on white and on near-black, and two line styles: eight runs.
_RUN_COLOURS = ("#1B9E9E", "#A8434B", "#8B2FF0", "#9C9A0A")
_DASHES = ("solid", "dot")
_AP_PANELS = {"mask AP50": ("mask", "ap50"), "mask AP70": ("mask", "ap70"), "box AP50": ("box", "ap50")}

_FIRST_PARTS = ("mask", "box")

_Points = list[tuple[float, float]]


@dataclass(frozen=True)
class _Panel:
    title: str
    kind: str
    value: Callable[[Event], Any]


def overlaid_curves(runs: Mapping[str, Sequence[Event]], places: Mapping[str, int]) -> go.Figure:
    """Draw panels for mask AP50 and AP70, box AP50, each loss part (per image) and images per second, over steps.

    Long runs are thinned to 300 points per line: the mean of each bin for losses and speed, every n-th for scores.
    Values that are not finite are left out, and so are empty panels.

    Args:
        runs: Events of each run by its name; the first 8 are drawn.
        places: A number 0 to 7 for each run, which determines its colour and line style.
    """
    drawn = dict(list(runs.items())[:MOST_RUNS])
    lines = {panel.title: {name: _points(events, panel) for name, events in drawn.items()} for panel in _panels(drawn)}
    lines = {title: by_run for title, by_run in lines.items() if any(by_run.values())}
    rows = max(math.ceil(len(lines) / _COLUMNS), 1)
    figure = make_subplots(rows, _COLUMNS, subplot_titles=list(lines), vertical_spacing=0.26 / rows)
    named: set[str] = set()
    for number, by_run in enumerate(lines.values()):
        for name, points in by_run.items():
            if points:
                trace = _trace(name, points, places[name], showlegend=name not in named)
                figure.add_trace(trace, number // _COLUMNS + 1, number % _COLUMNS + 1)
                named.add(name)
    figure.update_xaxes(rangemode="tozero", nticks=5)
    for number in range(max(len(lines) - _COLUMNS, 0), len(lines)):
        figure.update_xaxes(title="step", row=number // _COLUMNS + 1, col=number % _COLUMNS + 1)
    figure.update_yaxes(rangemode="tozero", nticks=5)
    figure.update_annotations(font_size=13)
    plot = rows * _ROW_HEIGHT
    figure.update_layout(
        height=plot + 60 + _LEGEND_LINE * math.ceil(len(named) / 2),
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        legend={"orientation": "h", "x": 0, "y": 1 + 40 / plot, "yanchor": "bottom", "itemwidth": 40},
        uirevision="keep",
    )
    return figure


def keep_places(names: Sequence[str], before: Mapping[str, int]) -> dict[str, int]:
    """Give each of at most 8 runs a number 0 to 7: its previous one, else the lowest free one."""
    kept = {name: before[name] for name in names if name in before}
    free = iter(place for place in range(MOST_RUNS) if place not in kept.values())
    return {name: kept[name] if name in kept else next(free) for name in names}


def _panels(runs: Mapping[str, Sequence[Event]]) -> list[_Panel]:
    found = dict.fromkeys(
        str(part) for events in runs.values() for event in events for part in _inside(event, "losses")
    )
    parts = [part for part in _FIRST_PARTS if part in found] + [part for part in found if part not in _FIRST_PARTS]
    return [
        *(_Panel(title, "evaluation", _score(*where)) for title, where in _AP_PANELS.items()),
        *(_Panel(f"loss: {html.escape(part)}", "train", _loss(part)) for part in parts),
        _Panel("images a second", "train", lambda event: event.get("images_per_second")),
    ]


def _score(labels: str, metric: str) -> Callable[[Event], Any]:
    return lambda event: _inside(event, "scores", labels).get(metric)


def _loss(part: str) -> Callable[[Event], Any]:
    return lambda event: _inside(event, "losses").get(part)


def _inside(event: Event, *names: str) -> dict[str, Any]:
    """Return an object within an event; empty if the file contains something else."""
    found: Any = event
    for name in names:
        found = found.get(name)
        if not isinstance(found, dict):
            return {}
    return dict(found)


def _points(events: Sequence[Event], panel: _Panel) -> _Points:
    values = [(event["step"], panel.value(event)) for event in events if event.get("kind") == panel.kind]
    points = [(step, value) for step, value in values if isinstance(value, int | float) and math.isfinite(value)]
    size = math.ceil(len(points) / _MOST_POINTS)
    if size <= 1:
        return points
    if panel.kind == "evaluation":
        return points[::-size][::-1]
    return [_mean(points[start : start + size]) for start in range(0, len(points), size)]


def _mean(points: _Points) -> tuple[float, float]:
    return points[-1][0], sum(value for _, value in points) / len(points)


def _trace(name: str, points: _Points, place: int, *, showlegend: bool) -> go.Scatter:
    steps, values = zip(*points, strict=True)
    colour = _RUN_COLOURS[place % len(_RUN_COLOURS)]
    return go.Scatter(
        x=steps, y=values, name=html.escape(name), legendgroup=name, showlegend=showlegend,
        mode="lines+markers" if len(points) <= _MOST_MARKS else "lines",
        line={"color": colour, "width": 2, "dash": _DASHES[place // len(_RUN_COLOURS) % len(_DASHES)]},
        marker={"size": 4, "color": colour}, hovertemplate="step %{x:,}: %{y:.3~g}",
    )  # fmt: skip
