"""Extreme splits among their kind, and what beats the one that is looked at."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from splitlab.figures.palette import FULL_HUE, PICK_HUE, compared_grey


def extremes_chart(
    rows: pd.DataFrame, metric: str, extremes: pd.DataFrame, picked: pd.Series, axis_title: str, *, filled: bool
) -> go.Figure:
    """Draw cost against AP of one model's splits; an arrow leads from the picked extreme to what beats it.

    Args:
        rows: of the results table, one model on one data set.
        metric: the score, a column.
        extremes: of `extreme_splits`.
        picked: one of their rows.
        axis_title: what the score is.
        filled: whether the rows were measured here; published ones are outlined.
    """
    figure = go.Figure()
    middle = rows.merge(extremes[["full", "weak"]], on=["full", "weak"], how="left", indicator=True)
    middle = middle[middle["_merge"] == "left_only"]
    mark = "circle" if filled else "circle-open"
    for shown, x, y, hue, name in (
        (middle, "cost_hours", metric, FULL_HUE, "middle splits"),
        (extremes, "cost_hours", "ap", compared_grey(0), "extreme splits: no boxes, or all of them"),
    ):
        figure.add_scatter(
            x=shown[x],
            y=shown[y],
            mode="markers",
            text=[f"{full:,}/{weak:,}" for full, weak in zip(shown["full"], shown["weak"], strict=True)],
            marker={"symbol": mark, "size": 13, "color": hue, "line": {"width": 2.5}},
            hovertemplate="<b>%{text}</b><br>%{x:.1f} hours, AP %{y:.1f}<extra></extra>",
            name=name,
        )
    _point_at(figure, picked)
    figure.update_layout(height=430, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    figure.update_xaxes(title="labelling cost (hours)")
    figure.update_yaxes(title=axis_title)
    return figure


def _point_at(figure: go.Figure, picked: pd.Series) -> None:
    x, y = picked["cost_hours"], picked["ap"]
    _name(figure, x, y, f"<br>{picked['full']:,}/{picked['weak']:,}", "bottom center")
    figure.add_scatter(
        x=[x], y=[y], mode="markers", showlegend=False, hoverinfo="skip",
        marker={"symbol": "circle-open", "size": 24, "color": PICK_HUE, "line": {"width": 3}},
    )  # fmt: skip
    if picked["beaten"]:
        figure.add_scatter(
            x=[picked["by_hours"]], y=[picked["by_ap"]], mode="markers", showlegend=False, hoverinfo="skip",
            marker={"symbol": "circle", "size": 15, "color": PICK_HUE},
        )  # fmt: skip
        _name(
            figure,
            picked["by_hours"],
            picked["by_ap"],
            f"{picked['by_full']:,.0f}/{picked['by_weak']:,.0f}",
            "top left",
        )
        figure.add_annotation(
            x=picked["by_hours"], y=picked["by_ap"], ax=x, ay=y, xref="x", yref="y", axref="x", ayref="y",
            showarrow=True, arrowhead=2, arrowsize=1.4, arrowwidth=2.5, arrowcolor=PICK_HUE, standoff=10,
            startstandoff=14,
        )  # fmt: skip


def _name(figure: go.Figure, x: float, y: float, text: str, place: str) -> None:
    figure.add_scatter(
        x=[x], y=[y], mode="text", text=[f"<b>{text}</b>  "], textposition=place, showlegend=False, hoverinfo="skip",
        cliponaxis=False,
    )  # fmt: skip
