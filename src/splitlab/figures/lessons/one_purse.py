"""One purse of hours, spent in every way: the expected score against the number of images with masks."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from splitlab.budget.planner import SplitForecast
from splitlab.figures.budget_plan import lines_by_spending, masks_axis
from splitlab.figures.palette import FULL_HUE, PICK_HUE, translucent


def one_purse(line: pd.DataFrame, chosen: SplitForecast, axis_title: str, spends_from: int) -> go.Figure:
    """Draw expected AP along one budget with its interval, and the split that is looked at.

    Args:
        line: rows of `budget_line`, those with masks.
        chosen: the split that is looked at.
        axis_title: what the AP is.
        spends_from: the |F| of `PlanLimit`; splits with fewer masks leave hours unspent and are drawn dotted.
    """
    edges = {"x": line["full"], "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    beside = "top left" if chosen.full > line["full"].max() / 2 else "top right"
    figure = go.Figure(
        [
            go.Scatter(y=line["low"], **edges),
            go.Scatter(y=line["high"], fill="tonexty", fillcolor=translucent(FULL_HUE, 0.18), **edges),
            *(trace.update(showlegend=False) for trace in lines_by_spending(line, spends_from, width=4)),
            go.Scatter(
                x=[chosen.full], y=[chosen.ap], mode="markers+text", showlegend=False, cliponaxis=False,
                text=[f"<b>{chosen.full:,} / {chosen.weak:,}: {chosen.ap:.1f}</b>"], textposition=beside,
                marker={"size": 20, "color": PICK_HUE}, hoverinfo="skip",
            ),
        ]
    )  # fmt: skip
    figure.update_layout(height=390)
    figure.update_xaxes(title=masks_axis(line, spends_from), rangemode="tozero")
    # Towards no masks at all the curve falls to 0, which would flatten all the rest.
    figure.update_yaxes(title=axis_title, range=[max(line["low"].quantile(0.1) - 4, 0), line["high"].max() + 3])
    return figure
