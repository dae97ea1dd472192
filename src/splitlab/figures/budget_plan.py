"""What one budget buys: expected AP for each way to spend it, and the best AP for each budget."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from splitlab.budget.planner import FLAT_LOSS, Plan
from splitlab.figures.palette import FULL_HUE, PICK_HUE, translucent

HOVER = (
    "<b>%{customdata[0]:,} / %{customdata[1]:,}</b><br>%{customdata[2]:.1f} hours<br>"
    "expected AP %{y:.1f} (%{customdata[3]:.1f} to %{customdata[4]:.1f})<extra></extra>"
)
_HOVER_COLUMNS = ["full", "weak", "hours", "low", "high"]


def plan_chart(line: pd.DataFrame, plan: Plan, axis_title: str, spends_from: int) -> go.Figure:
    """Draw expected AP against |F| along one budget, with its interval, the flat region and the best split.

    Args:
        line: rows of `budget_line`.
        plan: the plan for the same hours.
        axis_title: what the AP is.
        spends_from: the |F| of `PlanLimit`; splits with fewer masks leave hours unspent and are drawn dotted.
    """
    figure = go.Figure([*_band(line, "full"), *lines_by_spending(line, spends_from)])
    lowest = min(plan.fewest_masks.low, plan.most_masks.low)
    figure.add_vrect(
        x0=plan.fewest_flat.full,
        x1=plan.most_flat.full,
        fillcolor="gray",
        opacity=0.14,
        line_width=0,
        annotation={"text": f"loses at most {FLAT_LOSS} AP", "font": {"size": 12}},
        annotation_position="top",
    )
    figure.add_trace(
        go.Scatter(
            x=[plan.best.full],
            y=[plan.best.ap],
            error_y={"array": [plan.best.high - plan.best.ap], "arrayminus": [plan.best.ap - plan.best.low]},
            mode="markers",
            marker={"size": 14, "color": PICK_HUE},
            customdata=[[plan.best.full, plan.best.weak, plan.best.hours, plan.best.low, plan.best.high]],
            hovertemplate=HOVER,
            name="best split",
        )
    )
    figure.update_layout(
        xaxis={"title": masks_axis(line, spends_from), "rangemode": "tozero"},
        # Without masks there is no score: that end would flatten all the rest.
        yaxis={"title": axis_title, "range": [max(lowest - 3, 0), plan.best.high + 3]},
        **_layout(),
    )
    return figure


def masks_axis(line: pd.DataFrame, spends_from: int) -> str:
    """Return the title of the axis of |F|, which says where the rest of the hours goes."""
    if line["full"].min() >= spends_from:
        return "|F|, images with masks; the rest of the hours goes into boxes"
    return "|F|, images with masks; boxes until the hours or the images end"


def lines_by_spending(line: pd.DataFrame, spends_from: int, width: float = 2.5) -> list[go.Scatter]:
    """Draw a budget line: solid where the hours are spent, dotted where every image has a label before they are.

    Args:
        line: rows of `budget_line`.
        spends_from: the |F| of `PlanLimit`.
        width: of the line, pixels.
    """
    spent = line["full"] >= spends_from
    # The dotted part ends where the solid one begins.
    unspent = line[~spent | (line["full"] == line.loc[spent, "full"].min())]
    traces = [_line(line[spent], "full", width)]
    if not spent.all():
        dotted = {"color": FULL_HUE, "width": width, "dash": "dot"}
        name = "every image has a label, hours are left"
        traces.append(_line(unspent, "full", width).update(line=dotted, name=name))
    return traces


def hours_curve(best: pd.DataFrame, hours: float, axis_title: str) -> go.Figure:
    """Draw the best expected AP against hours (rows of `best_splits`), with a mark at `hours`."""
    figure = go.Figure([*_band(best, "budget"), _line(best, "budget")])
    figure.add_vline(x=hours, line={"color": PICK_HUE, "width": 2})
    figure.update_layout(
        xaxis={"title": "hours for labelling", "rangemode": "tozero"},
        yaxis={"title": axis_title},
        **_layout(),
    )
    return figure


def _band(rows: pd.DataFrame, x: str) -> list[go.Scatter]:
    edges = {"x": rows[x], "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    lower = go.Scatter(y=rows["low"], showlegend=False, **edges)
    upper = go.Scatter(
        y=rows["high"], fill="tonexty", fillcolor=translucent(FULL_HUE, 0.18), name="90% interval", **edges
    )
    return [lower, upper]


def _line(rows: pd.DataFrame, x: str, width: float = 2.5) -> go.Scatter:
    return go.Scatter(
        x=rows[x],
        y=rows["ap"],
        mode="lines",
        line={"color": FULL_HUE, "width": width},
        customdata=rows[_HOVER_COLUMNS].to_numpy(),
        hovertemplate=HOVER,
        name="expected AP",
    )


def _layout() -> dict[str, object]:
    return {
        "height": 420,
        "margin": {"l": 10, "r": 10, "t": 30, "b": 10},
        "legend": {"orientation": "h", "y": -0.2},
        "uirevision": "keep",
    }
