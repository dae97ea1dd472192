"""The parts of a loss as bars, and what the mask part would be if the batch size divided it."""

from __future__ import annotations

import plotly.graph_objects as go

from splitlab.experiments.fused_batch import MASK_PART, BatchLook
from splitlab.figures.palette import FULL_HUE, PICK_HUE, compared_grey

_BAR = 0.6
_LETTERS = 16


def add_loss_bars(figure: go.Figure, look: BatchLook, before: BatchLook, letters: str) -> None:
    """Draw the parts, each over the batch size, into the second column of a figure; its rows are `add_matrix`'s.

    Args:
        figure: with two columns.
        look: the batch's losses.
        before: those of the same batch before something was scrambled: parts that are others get a mark there.
        letters: the colour of the page's letters.
    """
    parts = look.per_image
    rows = list(range(len(parts)))
    figure.add_trace(
        go.Bar(
            x=list(parts.values()),
            y=rows,
            orientation="h",
            width=_BAR,
            marker={"color": [FULL_HUE if part == MASK_PART else compared_grey(0) for part in parts]},
            text=[f" <b>{value:.3f}</b>" for value in parts.values()],
            textposition="outside",
            textfont={"color": letters, "size": _LETTERS},
            cliponaxis=False,
            customdata=[[part, look.gains[part]] for part in parts],
            hovertemplate="<b>%{customdata[0]}</b>: %{x:.4f} an image, gain %{customdata[1]:.4g}<extra></extra>",
            showlegend=False,
        ),
        row=1,
        col=2,
    )
    mask_row = list(parts).index(MASK_PART)
    _add_mark(figure, look.mask_over_batch, mask_row, letters, "divided by the batch size it would be")
    for row, (part, value) in enumerate(before.per_image.items()):
        if value != parts[part]:
            _add_mark(figure, value, row, PICK_HUE, "before it was")
    most = max(*parts.values(), *before.per_image.values(), 1e-9)
    figure.update_xaxes(range=[0, 2 * most], fixedrange=True, showgrid=False, showticklabels=False, col=2)
    figure.update_yaxes(showgrid=False, zeroline=False, fixedrange=True, showticklabels=False, matches="y", col=2)


def _add_mark(figure: go.Figure, value: float, row: int, colour: str, words: str) -> None:
    ends = [row - _BAR / 2 - 0.08, row + _BAR / 2 + 0.08]
    figure.add_trace(
        go.Scatter(
            x=[value, value],
            y=ends,
            mode="lines",
            line={"color": colour, "width": 4},
            hovertemplate=f"{words} %{{x:.4f}}<extra></extra>",
            showlegend=False,
        ),
        row=1,
        col=2,
    )
