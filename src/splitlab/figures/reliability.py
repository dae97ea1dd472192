"""Whether scores mean what they say: the share of right detections against the score."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from splitlab.figures.palette import PICK_HUE, compared_grey


def reliability_diagram(bins: pd.DataFrame) -> go.Figure:
    """Draw the share of right detections in each bin of scores, and the line where score and share are one.

    Args:
        bins: `Calibration.bins`.
    """
    filled = bins[bins["detections"] > 0]
    figure = go.Figure()
    figure.add_bar(
        x=((filled["low"] + filled["high"]) / 2).tolist(),
        y=filled["right"].tolist(),
        width=(filled["high"] - filled["low"]).tolist(),
        customdata=filled[["mean_score", "detections"]].to_numpy().tolist(),
        marker={"color": compared_grey(2), "line": {"color": compared_grey(1), "width": 1}},
        name="detections",
        hovertemplate="mean score %{customdata[0]:.2f}: %{y:.0%} of %{customdata[1]:,} detections are right"
        "<extra></extra>",
    )
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": PICK_HUE, "dash": "dot", "width": 1.5},
        name="scores that mean what they say",
        hoverinfo="skip",
    )
    figure.update_layout(
        xaxis={"title": "score", "range": [0, 1]},
        yaxis={"title": "share of detections that are right", "range": [0, 1.02], "tickformat": ".0%"},
        height=400,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        uirevision="keep",
    )
    return figure
