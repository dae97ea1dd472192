"""Precision against recall, a line for each class."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from splitlab.figures.palette import class_colour


def precision_recall_lines(curves: pd.DataFrame, class_names: Sequence[str]) -> go.Figure:
    """Draw one line a class; pointing at it tells the score down to which one goes.

    A click brings back `customdata`, [words, class index, score], the score None where the recall is never reached.

    Args:
        curves: rows of `precision_recall_curves` at one IoU threshold.
        class_names: of the data set.
    """
    figure = go.Figure()
    for index, curve in curves.groupby("class_index"):
        name = class_names[int(str(index))]
        figure.add_scatter(
            x=curve["recall"].tolist(),
            y=curve["precision"].tolist(),
            customdata=[
                [_score(score), int(str(index)), None if pd.isna(score) else score] for score in curve["score"]
            ],
            # A line cannot be clicked on a page; marks can, even unseen ones.
            mode="lines+markers",
            marker={"size": 10, "opacity": 0},
            unselected={"marker": {"opacity": 0}},
            selected={"marker": {"opacity": 0.5}},
            name=name,
            line={"color": class_colour(int(str(index))), "width": 2},
            hovertemplate=f"<b>{name}</b><br>recall %{{x:.2f}}, precision %{{y:.2f}}<br>"
            "%{customdata[0]}<extra></extra>",
        )
    figure.update_layout(
        xaxis={"title": "recall: share of objects found", "range": [0, 1.01]},
        yaxis={"title": "precision: share of detections that are right", "range": [0, 1.02]},
        height=440,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        legend={"title": {"text": "class"}},
        uirevision="keep",
    )
    return figure


def _score(score: float) -> str:
    return "never reached" if pd.isna(score) else f"with detections down to score {score:.2f}"
