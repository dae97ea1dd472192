"""The chart of a project: scores that were forecast, and those that were measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

from splitlab.figures.palette import FULL_HUE, PICK_HUE
from splitlab.shown_numbers import shown

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 720, 320, 60, 20, 50
_STEPS = 4
_CHART_HEIGHT = 230


@dataclass(frozen=True)
class ChartedRound:
    """One place on the chart.

    Attributes:
        name: below the axis.
        forecast: low, expected and high AP, 0..100; None if none was stated.
        measured: AP; None if no model was scored.
    """

    name: str
    forecast: tuple[float, float, float] | None
    measured: float | None


def forecast_chart(rounds: Sequence[ChartedRound], axis_title: str) -> go.Figure:
    """Draw each round's forecast with its 90% interval, and the measured score beside it."""
    stated = [(one.name, *one.forecast) for one in rounds if one.forecast is not None]
    known = [(one.name, one.measured) for one in rounds if one.measured is not None]
    figure = go.Figure()
    figure.add_scatter(
        x=[name for name, *_ in stated], y=[expected for _, _, expected, _ in stated],
        error_y={
            "array": [high - expected for _, _, expected, high in stated],
            "arrayminus": [expected - low for _, low, expected, _ in stated],
        },
        mode="markers", marker={"size": 11, "symbol": "line-ew-open", "color": FULL_HUE}, name="forecast, 90% interval",
        hovertemplate="%{x}: expected %{y:.1f}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=[name for name, _ in known], y=[ap for _, ap in known], mode="markers+text",
        text=[shown(ap) for _, ap in known], textposition="middle right",
        marker={"size": 12, "color": PICK_HUE}, name="measured", hovertemplate="%{x}: %{y:.1f}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        xaxis={"type": "category", "categoryorder": "array", "categoryarray": [one.name for one in rounds]},
        yaxis={"title": axis_title}, height=_CHART_HEIGHT, margin={"l": 10, "r": 10, "t": 10, "b": 10},
        showlegend=False,
    )  # fmt: skip
    return figure


def forecast_svg(rounds: Sequence[ChartedRound], axis_title: str) -> str:
    """Draw each round's forecast with its interval, and the measured score beside it, as SVG without scripts."""
    values = [value for one in rounds for value in (*(one.forecast or ()), one.measured) if value is not None]
    low, high = (min(values), max(values)) if values else (0.0, 100.0)
    margin = max((high - low) * 0.1, 1.0)
    low, high = max(low - margin, 0.0), min(high + margin, 100.0)
    spread = high - low or 1.0

    def y_of(ap: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - ap) / spread

    parts = [
        _line_of_ap(low + spread * step / _STEPS, y_of(low + spread * step / _STEPS)) for step in range(_STEPS + 1)
    ]
    for place, one in enumerate(rounds):
        x = _LEFT + (_WIDTH - _LEFT) * (place + 0.5) / max(len(rounds), 1)
        parts.append(_text(x, _HEIGHT - _BOTTOM + 20, one.name, "middle"))
        if one.forecast is not None:
            least, expected, most = map(y_of, one.forecast)
            parts.append(_line(x, least, x, most, f'stroke="{FULL_HUE}" stroke-width="8" opacity=".45"'))
            parts.append(_line(x - 9, expected, x + 9, expected, f'stroke="{FULL_HUE}" stroke-width="3"'))
        if one.measured is not None:
            y = y_of(one.measured)
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="{PICK_HUE}"/>')
            parts.append(_text(x + 12, y + 4, shown(one.measured), "start"))
    parts.append(_text(_LEFT, _HEIGHT - 8, axis_title, "start"))
    told = escape(rounds_in_words(rounds))
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{told}" fill="currentColor" '
        f'font-family="system-ui, sans-serif" font-size="13">{"".join(parts)}</svg>'
    )


def rounds_in_words(rounds: Sequence[ChartedRound]) -> str:
    """Say what the chart shows, for screen readers."""
    return "; ".join(map(_in_words, rounds))


def _line_of_ap(ap: float, y: float) -> str:
    line = _line(_LEFT, y, _WIDTH, y, 'stroke="currentColor" opacity=".15"')
    return line + _text(_LEFT - 8, y + 4, f"{ap:.0f}", "end")


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _in_words(one: ChartedRound) -> str:
    measured = "not measured" if one.measured is None else f"measured {shown(one.measured)}"
    if one.forecast is None:
        return f"{one.name}: {measured}"
    least, expected, most = map(shown, one.forecast)
    return f"{one.name}: expected {expected}, {least} to {most}; {measured}"
