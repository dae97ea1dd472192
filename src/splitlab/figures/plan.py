"""Charts of plans: AP along a budget, and the equiscore curve with the line of equal cost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from splitlab.budget.cost import Prices, equal_cost_weak
from splitlab.budget.law import EquiscoreLaw, PaperCurve
from splitlab.budget.planner import FLAT_LOSS, CheapestPoint, Plan
from splitlab.budget.results import SHORT_METRICS
from splitlab.figures.palette import FULL_HUE, PICK_HUE, WEAK_HUE, translucent
from splitlab.shown_numbers import shown

_HOVER = (
    "<b>%{customdata[0]:,} / %{customdata[1]:,}</b><br>%{customdata[2]:.1f} hours<br>"
    "expected AP %{y:.1f} (%{customdata[3]:.1f} to %{customdata[4]:.1f})<extra></extra>"
)
_HOVER_COLUMNS = ["full", "weak", "hours", "low", "high"]


def plan_chart(line: pd.DataFrame, plan: Plan, axis_title: str, spends_from: int) -> go.Figure:
    """Draw expected AP against |F| along one budget, with its interval, the flat region and the best split.

    Args:
        line: Rows of `budget_line`.
        plan: The plan for the same hours.
        axis_title: Title of the score axis.
        spends_from: |F| of `PlanLimit`; splits with fewer masks leave hours unspent and are drawn dotted.
    """
    figure = go.Figure([*_band(line, "full"), *lines_by_spending(line, spends_from)])
    lowest = min(plan.fewest_masks.low, plan.most_masks.low)
    figure.add_vrect(
        x0=plan.fewest_flat.full, x1=plan.most_flat.full, fillcolor="gray", opacity=0.14, line_width=0,
        annotation={"text": f"loses at most {FLAT_LOSS} AP", "font": {"size": 12}}, annotation_position="top",
    )  # fmt: skip
    figure.add_scatter(
        x=[plan.best.full], y=[plan.best.ap],
        error_y={"array": [plan.best.high - plan.best.ap], "arrayminus": [plan.best.ap - plan.best.low]},
        mode="markers", marker={"size": 14, "color": PICK_HUE},
        customdata=[[plan.best.full, plan.best.weak, plan.best.hours, plan.best.low, plan.best.high]],
        hovertemplate=_HOVER, name="best split",
    )  # fmt: skip
    figure.update_layout(
        xaxis={"title": masks_axis(line, spends_from), "rangemode": "tozero"},
        # Without masks the score is 0, which would flatten the rest.
        yaxis={"title": axis_title, "range": [max(lowest - 3, 0), plan.best.high + 3]},
        **_layout(),
    )
    return figure


def masks_axis(line: pd.DataFrame, spends_from: int) -> str:
    """Return the title of the |F| axis, which says what the remaining hours are spent on."""
    if line["full"].min() >= spends_from:
        return "|F|, images with masks<br>(the rest of the hours goes into boxes)"
    return "|F|, images with masks<br>(boxes until the hours or the images end)"


def lines_by_spending(line: pd.DataFrame, spends_from: int, width: float = 2.5) -> list[go.Scatter]:
    """Draw a budget line: solid where the hours are spent, dotted where every image has a label before that."""
    spent = line["full"] >= spends_from
    unspent = line[~spent | (line["full"] == line.loc[spent, "full"].min())]
    traces = [_line(line[spent], "full", width)]
    if not spent.all():
        dotted = {"color": FULL_HUE, "width": width, "dash": "dot"}
        name = "every image has a label, hours are left"
        traces.append(_line(unspent, "full", width).update(line=dotted, name=name))
    return traces


def hours_curve(best: pd.DataFrame, hours: float, axis_title: str) -> go.Figure:
    """Draw the best expected AP against hours (rows of `best_splits`), with a line at `hours`."""
    figure = go.Figure([*_band(best, "budget"), _line(best, "budget")])
    figure.add_vline(x=hours, line={"color": PICK_HUE, "width": 2})
    figure.update_layout(
        xaxis={"title": "hours for labelling", "rangemode": "tozero"}, yaxis={"title": axis_title}, **_layout()
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
        x=rows[x], y=rows["ap"], mode="lines", line={"color": FULL_HUE, "width": width},
        customdata=rows[_HOVER_COLUMNS].to_numpy(), hovertemplate=_HOVER, name="expected AP",
    )  # fmt: skip


def _layout() -> dict[str, object]:
    return {
        "height": 420,
        "margin": {"l": 10, "r": 10, "t": 30, "b": 10},
        "legend": {"orientation": "h", "y": -0.2},
        "uirevision": "keep",
    }


_GREY = "#8A8F98"


def law_lines(law: EquiscoreLaw, end: float, top: float = np.inf, width: float = 3.0) -> list[go.Scatter]:
    """Draw a curve up to |F| = `end` and |W| = `top`: solid in the range of the law, dotted outside of it."""
    low, high = law.valid_full
    lines = []
    for start, stop, dash, name in (
        (end / 400, low, "dot", "outside the range of the law"),
        (low, high, "solid", "equal score, by the law"),
        (high, end, "dot", ""),
    ):
        x = np.linspace(start, stop, 200)
        x = x[law.weak(x) <= top]
        style = {"color": FULL_HUE, "width": width if dash == "solid" else 0.6 * width, "dash": dash}
        lines.append(
            go.Scatter(x=x, y=law.weak(x), mode="lines", line=style, name=name, showlegend=bool(name), hoverinfo="skip")
        )
    return lines


def equiscore_curve(
    law: EquiscoreLaw, points: pd.DataFrame, cheapest: CheapestPoint | None, prices: Prices, images: int
) -> go.Figure:
    """Draw |W| against |F|: the law, solid in its range, its points, and the line of equal cost.

    Args:
        law: The curve.
        points: Splits with the columns full, weak, ap, used (whether they were used in the fit).
        cheapest: The cheapest split of the curve; None if no split is allowed.
        prices: Seconds per image, for the line of equal cost.
        images: Number of training images, the limit of |F| + |W|.
    """
    end = 1.08 * max(law.phi0, float(points["full"].max()) if len(points) else 0.0)
    top = 1.05 * max(float(law.weak(law.valid_full[0])), float(points["weak"].max()) if len(points) else 0.0)
    figure = go.Figure(law_lines(law, end))
    x = np.array([0.0, end])
    limit = {"color": _GREY, "dash": "dash", "width": 1.5}
    figure.add_trace(go.Scatter(x=x, y=images - x, mode="lines", line=limit, name=f"all {images:,} images"))
    if cheapest is not None:
        _add_cost(figure, cheapest, prices, x)
    for used, name, symbol in ((True, "splits the fit rests on", "circle"), (False, "left out", "circle-open")):
        _add_points(figure, points[points["used"] == used], name, symbol)
    figure.update_layout(
        xaxis={"title": "|F|, images with masks", "range": [0, end]},
        yaxis={"title": "|W|, images with boxes only", "range": [-0.02 * top, min(top, 1.1 * images)]}, height=540,
        margin={"l": 10, "r": 10, "t": 10, "b": 10}, legend={"orientation": "h", "y": -0.14}, clickmode="event+select",
    )  # fmt: skip
    return figure


def published_hyperbola(curve: PaperCurve, rows: pd.DataFrame) -> go.Figure:
    """Draw a panel of Fig. 5: |W| against |F|, the hyperbola and the models it stands for, each with its score.

    Args:
        curve: The panel.
        rows: Its models, with the columns full, weak and that of the curve's metric.
    """
    top = 1.15 * float(rows["weak"].max())
    figure = go.Figure(law_lines(curve.law, 1.08 * curve.law.phi0, top))
    metric = SHORT_METRICS[curve.metric]
    figure.add_scatter(
        x=rows["full"], y=rows["weak"], mode="markers+text", textposition="top right", cliponaxis=False,
        marker={"size": 11, "color": FULL_HUE, "symbol": "circle"},
        text=[
            f"{full:,}/{weak:,}: {metric} {shown(score)}"
            for full, weak, score in zip(rows["full"], rows["weak"], rows[curve.metric], strict=True)
        ],
        hovertemplate="<b>%{text}</b><extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        xaxis={"title": "|F|, images with masks", "range": [0, 1.3 * curve.law.phi0]},
        yaxis={"title": "|W|, images with boxes only", "range": [-0.03 * top, top]},
        height=480, margin={"l": 10, "r": 10, "t": 10, "b": 10}, showlegend=False,
    )  # fmt: skip
    return figure


def _add_cost(figure: go.Figure, cheapest: CheapestPoint, prices: Prices, x: np.ndarray) -> None:
    figure.add_scatter(
        x=x, y=equal_cost_weak(x, cheapest.hours, prices), mode="lines", line={"color": WEAK_HUE, "width": 2},
        name=f"equal cost, {cheapest.hours:,.1f} hours", hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(
        x=[cheapest.full],
        y=[cheapest.weak],
        mode="markers",
        marker={"size": 16, "color": PICK_HUE, "symbol": "diamond"},
        name=f"cheapest: {cheapest.full:,} / {cheapest.weak:,}",
        hovertemplate="<b>cheapest: %{x:,} / %{y:,}</b><extra></extra>",
    )


def _add_points(figure: go.Figure, rows: pd.DataFrame, name: str, symbol: str) -> None:
    if rows.empty:
        return
    figure.add_scatter(
        x=rows["full"], y=rows["weak"], mode="markers",
        marker={"size": 11, "color": FULL_HUE, "symbol": symbol, "line": {"width": 2}},
        # A list: numpy arrays come back from a click as objects with numbered keys.
        customdata=rows[["full", "weak", "ap"]].to_numpy().tolist(),
        hovertemplate="<b>%{x:,} / %{y:,}</b><br>AP %{customdata[2]:.1f}<extra></extra>",
        unselected={"marker": {"opacity": 1}}, name=name,
    )  # fmt: skip
