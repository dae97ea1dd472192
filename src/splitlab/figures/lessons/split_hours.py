"""Splits as bars of hours: masks first, boxes behind; published ones outlined, measured ones filled."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from splitlab.budget.results import MEASURED, PUBLISHED
from splitlab.figures.palette import FULL_HUE, WEAK_HUE, translucent

YOURS = "yours"
_ROW_PIXELS, _HEAD_PIXELS = 52, 130
_PATTERN = {YOURS: 1.0, MEASURED: 1.0, PUBLISHED: 0.12}
_PARTS = (("mask_hours", FULL_HUE, "hours for masks"), ("box_hours", WEAK_HUE, "hours for boxes"))


def split_hours(rows: pd.DataFrame) -> go.Figure:
    """Draw one bar for each split, from the top down.

    Args:
        rows: with the columns name (shown beside the bar), source (`PUBLISHED`, `MEASURED` or `YOURS`), mask_hours,
            box_hours, and told (written below the name).
    """
    # Beside the bar and not behind it: there a narrow page cuts the longest.
    lines = [f"{name}<br>{told}" for name, told in zip(rows["name"], rows["told"], strict=True)]
    total = rows["mask_hours"] + rows["box_hours"]
    figure = go.Figure()
    for part, hue, name in _PARTS:
        figure.add_bar(
            y=lines,
            x=rows[part],
            orientation="h",
            name=name,
            marker={
                "color": [translucent(hue, _PATTERN[source]) for source in rows["source"]],
                "line": {"color": hue, "width": 2.5},
            },
            hovertemplate=f"%{{x:,.1f}} {name}<extra></extra>",
            # The legend shows the hue, whatever the first bar's source is.
            showlegend=False,
        )
        figure.add_scatter(
            x=[None], y=[None], mode="markers", name=name, marker={"symbol": "square", "size": 14, "color": hue}
        )
    figure.update_layout(
        barmode="stack",
        height=_HEAD_PIXELS + _ROW_PIXELS * len(rows),
        bargap=0.3,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
    )
    figure.update_xaxes(title="labelling cost (hours)", range=[0, 1.05 * max(float(total.max()), 1)])
    figure.update_yaxes(autorange="reversed", ticksuffix="  ", type="category")
    return figure
