"""AP against |W| for each |F|, or against |F| for each |W|, as far as the reader has come."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from splitlab.budget.steps import Grows
from splitlab.figures.palette import WEAK_HUE, full_ramp

_WEAK_RAMP = ("#F2CC85", WEAK_HUE, "#9A6405")
_AXES = {"weak": "images with boxes only, W", "full": "images with masks, F"}


def growing_lines(
    rows: pd.DataFrame, metric: str, grows: Grows, reach: int, axis_title: str, *, filled: bool
) -> go.Figure:
    """Draw a line for each size that stays fixed; points beyond `reach` are faint.

    Args:
        rows: of the results table, one model on one data set.
        metric: the score, a column.
        grows: what is on the x axis.
        reach: the largest size that is drawn strongly.
        axis_title: what the score is.
        filled: whether the rows were measured here; published ones are outlined.
    """
    fixed = "full" if grows == "weak" else "weak"
    figure = go.Figure()
    hues = _hues(rows[fixed].unique().tolist(), fixed)
    for size, line in rows.sort_values(grows).groupby(fixed):
        hue = hues[int(str(size))]
        for shown, opacity in ((line, 0.22), (line[line[grows] <= reach], 1.0)):
            figure.add_scatter(
                x=shown[grows],
                y=shown[metric],
                mode="lines+markers",
                opacity=opacity,
                line={"color": hue, "width": 3},
                marker={"symbol": "circle" if filled else "circle-open", "size": 11, "line": {"width": 2.5}},
                name=f"{fixed[0].upper()} = {size:,}",
                cliponaxis=False,
                # The most boxes there are differ from |F| to |F|: single points need no name.
                showlegend=opacity == 1.0 and len(line) > 1,
                hovertemplate="%{x:,}: AP %{y:.1f}<extra>" + f"{size:,}" + "</extra>",
            )
    figure.update_layout(height=400, legend={"traceorder": "reversed"})
    figure.update_xaxes(title=_AXES[grows], rangemode="tozero")
    figure.update_yaxes(title=axis_title)
    return figure


def _hues(sizes: list[int], fixed: str) -> dict[int, str]:
    if fixed == "full":
        return full_ramp(sizes)
    ordered = sorted(sizes)
    places = [rank / max(len(ordered) - 1, 1) for rank in range(len(ordered))]
    return dict(zip(ordered, sample_colorscale(list(_WEAK_RAMP), places), strict=True))
