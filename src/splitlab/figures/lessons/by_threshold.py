"""The same models judged strictly and less strictly: AP at growing IoU thresholds."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from splitlab.budget.results import MEASURED, SHORT_METRICS
from splitlab.figures.palette import full_ramp

THRESHOLDS = ("ap50", "ap70", "ap75")


def by_threshold(rows: pd.DataFrame) -> go.Figure:
    """Draw a line for each row over AP50, AP70 and AP75; published dashed and outlined, measured solid and filled.

    Args:
        rows: of the results table; a metric that is missing leaves a gap.
    """
    ramp = full_ramp(rows["full"].tolist())
    figure = go.Figure()
    for _, row in rows.sort_values(["full", "weak"]).iterrows():
        is_measured = row["source"] == MEASURED
        figure.add_scatter(
            x=[SHORT_METRICS[metric] for metric in THRESHOLDS],
            y=[row[metric] for metric in THRESHOLDS],
            mode="lines+markers",
            line={"color": ramp[row["full"]], "width": 3, "dash": "solid" if is_measured else "dot"},
            marker={"symbol": "circle" if is_measured else "circle-open", "size": 14, "line": {"width": 3}},
            name=f"{row['full']:,}/{row['weak']:,}",
            hovertemplate=f"{row['full']:,}/{row['weak']:,}<br>%{{x}}: %{{y:.1f}}<extra></extra>",
        )
    figure.update_layout(height=400, legend={"title": {"text": "masks/boxes"}})
    figure.update_xaxes(title="how much of mask and truth must overlap: half, 70%, 75%", range=[-0.15, 2.15])
    figure.update_yaxes(title="mask AP")
    return figure
