"""Charts of the lessons: hours, prices, and curves of equal score or cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from splitlab.budget.cost import Prices, box_hours, equal_cost_weak, mask_hours
from splitlab.budget.law import EquiscoreLaw, LawFit, PaperCurve
from splitlab.budget.results import MEASURED, PUBLISHED
from splitlab.figures.palette import FULL_HUE, PICK_HUE, WEAK_HUE, compared_grey, translucent
from splitlab.figures.plan import law_lines
from splitlab.shown_numbers import hours_and_sum, shown

YOURS = "yours"
LEGEND_ABOVE = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
_ROW_PIXELS, _HEAD_PIXELS = 52, 130
_FILL = {YOURS: 1.0, MEASURED: 1.0, PUBLISHED: 0.12}
_PARTS = (("mask_hours", FULL_HUE, "hours for masks"), ("box_hours", WEAK_HUE, "hours for boxes"))


def price_bars(prices: Prices) -> go.Figure:
    """Draw the seconds of one mask image, and below it the box images that take as long, the last one cut."""
    pieces = np.full(int(prices.mask_to_box), prices.box_seconds)
    rest = prices.mask_seconds - pieces.sum()
    figure = go.Figure()
    figure.add_bar(
        x=[prices.mask_seconds], y=["one image<br>with masks"], orientation="h", marker={"color": FULL_HUE},
        hovertemplate="%{x:,.1f} seconds<extra></extra>", text=[f"{prices.mask_seconds:,.1f} s"],
        textfont={"color": "white", "size": 18}, insidetextanchor="middle",
    )  # fmt: skip
    for seconds in [*pieces, *([rest] if rest > 0 else [])]:
        opacity = 1 if seconds == prices.box_seconds else 0.45
        figure.add_bar(
            x=[seconds], y=["images<br>with boxes"], orientation="h",
            marker={"color": WEAK_HUE, "opacity": opacity, "line": {"width": 3, "color": "white"}},
            hovertemplate=f"{prices.box_seconds:,.1f} seconds<extra></extra>",
        )  # fmt: skip
    figure.update_layout(barmode="stack", showlegend=False, height=300, bargap=0.35)
    figure.update_xaxes(title="annotation time (seconds)", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", ticksuffix="  ")
    return figure


def split_hours(rows: pd.DataFrame) -> go.Figure:
    """Draw one bar of hours per split, from the top down; published splits outlined, others filled.

    Args:
        rows: Table with the columns name (shown beside the bar), source (`PUBLISHED`, `MEASURED` or `YOURS`),
            mask_hours, box_hours, and told (shown below the name).
    """
    # Left of the bar: a label at its end would be cut off on a narrow page.
    lines = [f"{name}<br>{told}" for name, told in zip(rows["name"], rows["told"], strict=True)]
    longest = float((rows["mask_hours"] + rows["box_hours"]).max())
    figure = go.Figure()
    for part, hue, name in _PARTS:
        fills = [translucent(hue, _FILL[source]) for source in rows["source"]]
        # A separate trace for the legend entry, so that it always shows the full colour.
        figure.add_bar(
            y=lines, x=rows[part], orientation="h", name=name, showlegend=False,
            marker={"color": fills, "line": {"color": hue, "width": 2.5}},
            hovertemplate=f"%{{x:,.1f}} {name}<extra></extra>",
        )  # fmt: skip
        figure.add_scatter(
            x=[None], y=[None], mode="markers", name=name, marker={"symbol": "square", "size": 14, "color": hue}
        )
    figure.update_layout(
        barmode="stack", bargap=0.3, height=_HEAD_PIXELS + _ROW_PIXELS * len(rows),
        legend={**LEGEND_ABOVE, "traceorder": "normal"},
    )  # fmt: skip
    figure.update_xaxes(title="annotation cost (hours)", range=[0, 1.05 * max(longest, 1)])
    figure.update_yaxes(autorange="reversed", ticksuffix="  ", type="category")
    return figure


def hours_along(law: EquiscoreLaw, prices: Prices, full: float) -> go.Figure:
    """Draw mask hours, box hours and their sum along the curve in the range of the law, and a line at `full`."""
    x = np.linspace(*law.valid_full, 200)
    masks, boxes = mask_hours(x, prices), box_hours(law.weak(x), prices)
    figure = go.Figure()
    for y, hue, name, width in (
        (masks + boxes, compared_grey(1), "together", 5),
        (masks, FULL_HUE, "for masks", 4),
        (boxes, WEAK_HUE, "for boxes", 4),
    ):
        figure.add_scatter(
            x=x, y=y, mode="lines", line={"color": hue, "width": width}, name=name,
            hovertemplate="%{x:,.0f} masks: %{y:.1f} hours<extra>" + name + "</extra>",
        )  # fmt: skip
    figure.add_vline(x=full, line={"color": PICK_HUE, "width": 3})
    figure.update_layout(height=390, legend=LEGEND_ABOVE)
    figure.update_xaxes(title="images with masks, F; boxes follow from the curve")
    figure.update_yaxes(title="hours", rangemode="tozero")
    return figure


def equal_area(masks: float, boxes: float) -> go.Figure:
    """Draw a rectangle with the mask hours as width and the box hours as height, and the square of the same area."""
    side = float(np.sqrt(masks * boxes))
    (masks_shown, boxes_shown), both = hours_and_sum([masks, boxes])
    figure = go.Figure()
    for width, height, hue, dash, name in (
        (side, side, compared_grey(0), "dash", f"the square of the same area: {2 * side:,.1f} hours"),
        (masks, boxes, PICK_HUE, "solid", f"yours: {masks_shown} + {boxes_shown} = {both} hours"),
    ):
        figure.add_scatter(
            x=[0, width, width, 0, 0], y=[0, 0, height, height, 0], mode="lines", name=name, hoverinfo="skip",
            line={"color": hue, "width": 3, "dash": dash}, fill="toself", fillcolor=translucent(hue, 0.12),
        )  # fmt: skip
    for x, y, hue in (([0, masks], [0, 0], FULL_HUE), ([0, 0], [0, boxes], WEAK_HUE)):
        figure.add_scatter(x=x, y=y, mode="lines", line={"color": hue, "width": 9}, showlegend=False, hoverinfo="skip")
    longest = 1.08 * max(masks, boxes, 2.2 * side)
    shown = {"range": [-0.01 * longest, longest], "constrain": "domain"}
    figure.update_layout(height=400, legend=LEGEND_ABOVE)
    figure.update_xaxes(title="hours for masks", **shown)
    # Equal scales, so that the square looks like one.
    figure.update_yaxes(title="hours for boxes", scaleanchor="x", **shown)
    return figure


def law_point(curve: PaperCurve, full: float, scores: dict[tuple[int, int], float]) -> go.Figure:
    """Draw the paper's curve, its published splits with their scores, and the point at `full`."""
    end, top = 1.1 * curve.law.phi0, 1.15 * max(weak for _, weak in curve.splits)
    figure = go.Figure(law_lines(curve.law, end, top, width=4))
    weak = float(curve.law.weak(full))
    for line_x, line_y, hue in (([full, full], [0, weak], FULL_HUE), ([0, full], [weak, weak], WEAK_HUE)):
        figure.add_scatter(
            x=line_x, y=line_y, mode="lines", line={"color": hue, "width": 3}, hoverinfo="skip", showlegend=False
        )
    figure.add_scatter(
        x=[split[0] for split in curve.splits], y=[split[1] for split in curve.splits], mode="markers+text",
        text=[shown(scores[split]) for split in curve.splits], textposition="top right", cliponaxis=False,
        marker={"symbol": "circle-open", "size": 15, "color": FULL_HUE, "line": {"width": 3}}, name="published",
        hovertemplate="<b>%{x:,} / %{y:,}</b><br>AP %{text}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=[full], y=[weak], mode="markers", marker={"size": 20, "color": PICK_HUE}, hoverinfo="skip", name="your point"
    )
    return _with_axes(figure, 420, end, [-0.04 * top, top])


def own_points(points: pd.DataFrame, fit: LawFit | None, *, filled: bool) -> go.Figure:
    """Draw |W| against |F|: every split with its score, the chosen ones highlighted, and the law fitted to those.

    Args:
        points: Splits with the columns full, weak, ap, taken (whether it was chosen).
        fit: The law fitted to the chosen splits; None if there is none yet.
        filled: Whether they were measured with SplitLab; published points are outlined.
    """
    figure = go.Figure()
    end, top = 1.12 * float(points["full"].max()), 1.12 * max(float(points["weak"].max()), 1.0)
    if fit is not None:
        full = np.linspace(end / 300, end, 400)
        weak = fit.law.weak(full)
        figure.add_scatter(
            x=full[weak <= top], y=weak[weak <= top], mode="lines", line={"color": FULL_HUE, "width": 4},
            hoverinfo="skip", name=f"W = {fit.law.k * fit.law.phi0**2:,.0f} / F",
        )  # fmt: skip
    symbol = "circle" if filled else "circle-open"
    for taken, hue, name in ((False, compared_grey(0), "not chosen"), (True, PICK_HUE, "chosen")):
        rows = points[points["taken"] == taken]
        figure.add_scatter(
            x=rows["full"], y=rows["weak"], mode="markers+text", text=[shown(ap) for ap in rows["ap"]],
            textposition="top right", textfont={"color": hue}, cliponaxis=False, name=name,
            marker={"size": 18, "color": hue, "symbol": symbol, "line": {"width": 3.5}},
            # Not a numpy array, which a click returns as an object with numbered keys.
            customdata=rows[["full", "weak"]].to_numpy().tolist(),
            hovertemplate="<b>%{x:,} / %{y:,}</b><br>AP %{text}<extra></extra>",
            unselected={"marker": {"opacity": 1}, "textfont": {"color": hue}},
        )  # fmt: skip
    figure.update_layout(clickmode="event+select")
    return _with_axes(figure, 430, end, [-0.05 * top, top])


def sliding_line(law: EquiscoreLaw, prices: Prices, hours: float, met: tuple[float, float] | None) -> go.Figure:
    """Draw the curve, the region that `hours` pay for, and the points where the two meet (|F| in `met`)."""
    low, _ = law.valid_full
    end, top = 1.05 * law.phi0, 1.05 * float(law.weak(low))
    figure = go.Figure()
    x = np.linspace(0, end, 200)
    figure.add_scatter(
        x=x, y=np.maximum(equal_cost_weak(x, hours, prices), 0), mode="lines", fill="tozeroy",
        line={"color": WEAK_HUE, "width": 4}, fillcolor=translucent(WEAK_HUE, 0.15), hoverinfo="skip",
        name=f"what {hours:.1f} hours pay for",
    )  # fmt: skip
    curve = np.linspace(end / 300, end, 400)
    curve = curve[law.weak(curve) <= 1.2 * top]
    figure.add_scatter(
        x=curve, y=law.weak(curve), mode="lines", line={"color": FULL_HUE, "width": 4}, hoverinfo="skip",
        name="splits of equal score",
    )  # fmt: skip
    if met is not None:
        figure.add_scatter(
            x=met, y=law.weak(np.array(met)), mode="markers", marker={"size": 20, "color": PICK_HUE},
            hovertemplate="%{x:,.0f} / %{y:,.0f}<extra></extra>", name="on both",
        )  # fmt: skip
    return _with_axes(figure, 400, end, [0, top])


def _with_axes(figure: go.Figure, height: int, end: float, weak_range: Sequence[float]) -> go.Figure:
    figure.update_layout(height=height, legend=LEGEND_ABOVE)
    figure.update_xaxes(title="images with masks, F", range=[0, end])
    return figure.update_yaxes(title="images with boxes only, W", range=weak_range)
