"""A fused batch in one picture: its images, which of them feeds which part of the loss, and what each part weighs."""

from __future__ import annotations

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from splitlab.experiments.fused_batch import BatchLook, changes_between
from splitlab.figures.batch_matrix import add_matrix, picture_rows
from splitlab.figures.loss_bars import add_loss_bars

_ROW_PIXELS, _HEAD_PIXELS = 54, 60


def mixed_batch_chart(look: BatchLook, before: BatchLook, letters: str) -> go.Figure:
    """Draw a batch over its parts of the loss.

    Args:
        look: the batch.
        before: the same batch before masks were scrambled: what is no longer the same is framed and marked.
        letters: the colour of the page's letters, which stand on the cells; plotly takes all pages for white.
    """
    figure = make_subplots(1, 2, column_widths=[0.81, 0.19], horizontal_spacing=0.015)
    add_matrix(figure, look, changes_between(before, look), letters)
    add_loss_bars(figure, look, before, letters)
    figure.add_annotation(
        text="loss",
        xref="x2 domain",
        yref="y",
        x=0,
        y=-0.7,
        xanchor="left",
        showarrow=False,
        font={"color": letters},
    )
    figure.update_layout(
        height=round(_HEAD_PIXELS + _ROW_PIXELS * (len(look.pulls) + picture_rows(len(look.images)))),
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        dragmode=False,
        hoverlabel={"align": "left"},
        uirevision="keep",
    )
    return figure
