"""Chart of timed labels: what each kind takes, for every annotator and for all together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import plotly.graph_objects as go

from splitlab.budget.stopwatch import ASSISTED, BOX, KINDS, OUTLINE, Interval, TimedLabel, by_annotator, time_of
from splitlab.figures.palette import FULL_HUE, PICK_HUE, WEAK_HUE

ALL = "all together"
_HUES: Mapping[str, str] = {BOX: WEAK_HUE, OUTLINE: FULL_HUE, ASSISTED: PICK_HUE}
_ROW_PIXELS, _MOST_ROWS_PIXELS, _OTHER_PIXELS, _LEAST_PIXELS = 18, 440, 85, 170
_TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)


def times_chart(labels: Sequence[TimedLabel]) -> go.Figure:
    """Draw one row for each annotator, fastest box first, and one for all: each kind's mean seconds and 95% interval.

    Single labels are drawn as small marks if there is one annotator only. Thirty rows fit on one screen.
    """
    people = by_annotator(labels)
    rows = {escape(name): own for name, own in sorted(people.items(), key=lambda item: _speed(item[1]))}
    if len(rows) > 1:
        rows[f"<b>{ALL}</b>"] = list(labels)
    figure = go.Figure()
    for kind, hue in _HUES.items():
        if len(people) == 1:
            _add_labels(figure, [label for label in labels if label.kind == kind], hue)
        found = {name: time.seconds for name, own in rows.items() if (time := time_of(own, kind))}
        if found:
            _add_kind(figure, KINDS[kind], found, hue)
    height = max(_OTHER_PIXELS + min(_ROW_PIXELS * len(rows), _MOST_ROWS_PIXELS), _LEAST_PIXELS)
    figure.update_layout(
        height=height, margin={"l": 10, "r": 10, "t": 10, "b": 10},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    figure.update_xaxes(title="seconds for a label", type="log", tickvals=_TICKS)
    return figure.update_yaxes(
        categoryorder="array", categoryarray=[*rows][::-1], automargin=True, showgrid=len(rows) > 1, dtick=1,
        range=[-0.7, len(rows) - 0.3],
    )  # fmt: skip


def _speed(labels: Sequence[TimedLabel]) -> float:
    time = time_of(labels, BOX)
    return time.seconds.value if time else float("inf")


def _add_kind(figure: go.Figure, name: str, found: Mapping[str, Interval], hue: str) -> None:
    times = list(found.values())
    figure.add_scatter(
        x=[time.value for time in times], y=list(found), mode="markers", name=name,
        marker={"size": 10, "color": hue},
        error_x={
            "array": [time.high - time.value for time in times],
            "arrayminus": [time.value - time.low for time in times], "thickness": 1.5, "width": 4, "color": hue,
        },
        customdata=[[time.low, time.high] for time in times],
        hovertemplate=f"<b>%{{y}}</b><br>{name}: %{{x:.1f}} s (%{{customdata[0]:.1f}} to %{{customdata[1]:.1f}})"
        "<extra></extra>",
    )  # fmt: skip


def _add_labels(figure: go.Figure, labels: Sequence[TimedLabel], hue: str) -> None:
    figure.add_scatter(
        x=[label.seconds for label in labels], y=[escape(label.annotator) for label in labels], mode="markers",
        marker={"symbol": "line-ns-open", "size": 16, "color": hue}, opacity=0.7, showlegend=False,
        hovertext=[escape(label.item) for label in labels], hovertemplate="%{hovertext}: %{x:.1f} s<extra></extra>",
    )  # fmt: skip
