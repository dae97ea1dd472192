"""Which image feeds which part of the loss: the images of a fused batch on top, a row of cells for each part."""

from __future__ import annotations

import plotly.graph_objects as go
from PIL import Image

from splitlab.experiments.fused_batch import BatchLook, Changes
from splitlab.figures.batch_pictures import batch_picture, hue_of, short_names
from splitlab.figures.palette import PICK_HUE, compared_grey, translucent

_PALEST = 0.3
_CELL = 0.42
_LETTERS = 16
_NOTHING = "0"
# In rows of cells, of all pictures side by side, and of one.
_ACROSS, _HIGHEST = 13.0, 3.2


def picture_rows(images: int) -> float:
    """Return how many rows of cells the pictures of so many images are high, so that they fill their columns."""
    return min(_ACROSS / images, _HIGHEST)


def add_matrix(figure: go.Figure, look: BatchLook, changes: Changes, letters: str) -> None:
    """Draw images and cells into the first column of a figure; its rows are 0 for the first part, 1 for the next.

    A cell is as strong as the image's share of the part's gradients (norms, over all images); a cell without any
    gradient is an empty outline with a 0.

    Args:
        figure: with two columns.
        look: the batch.
        changes: what is to be framed.
        letters: the colour of the page's letters.
    """
    above = picture_rows(len(look.images))
    for place, image in enumerate(look.images):
        _add_picture(figure, place, above, Image.fromarray(batch_picture(image)))
        for row, part in enumerate(look.pulls):
            share = _share(look.pulls[part], place)
            changed = (part, place) in changes.pulls
            _add_cell(figure, (place, row), hue_of(image), share, changed)
    figure.add_trace(_numbers(look, letters))
    ticks = [
        f'<span style="color:{hue_of(image)}"><b>{name}</b></span>'
        for image, name in zip(look.images, short_names(look.images), strict=True)
    ]
    last = len(look.images) - 0.5
    figure.update_xaxes(
        range=[-0.5, last], tickvals=list(range(len(ticks))), ticktext=ticks, side="top", showgrid=False,
        zeroline=False, fixedrange=True, col=1,
    )  # fmt: skip
    figure.update_yaxes(
        range=[len(look.pulls) - 0.5, -0.5 - above], tickvals=list(range(len(look.pulls))),
        ticktext=[f"<b>{part}</b>" for part in look.pulls], ticksuffix="  ", tickfont_color=letters, showgrid=False,
        zeroline=False, fixedrange=True, col=1,
    )  # fmt: skip


def _share(pulls: tuple[float, ...], place: int) -> float:
    total = sum(pulls)
    return pulls[place] / total if total else 0.0


def _add_picture(figure: go.Figure, place: int, above: float, picture: Image.Image) -> None:
    figure.add_layout_image(
        source=picture, xref="x", yref="y", x=place, y=-0.5, sizex=0.94, sizey=0.94 * above,
        xanchor="center", yanchor="bottom", sizing="contain", layer="above",
    )  # fmt: skip


def _add_cell(figure: go.Figure, cell: tuple[int, int], hue: str, share: float, changed: bool) -> None:
    column, row = cell
    grey = {"color": compared_grey(0), "width": 1.5, "dash": "dot"}
    line = {"color": PICK_HUE, "width": 5} if changed else grey if share == 0 else {"width": 0}
    fill = "rgba(0,0,0,0)" if share == 0 else translucent(hue, _PALEST + (1 - _PALEST) * share**0.5)
    figure.add_shape(
        type="rect", xref="x", yref="y", x0=column - _CELL, x1=column + _CELL, y0=row - _CELL, y1=row + _CELL,
        fillcolor=fill, line=line, layer="below",
    )  # fmt: skip


def _numbers(look: BatchLook, letters: str) -> go.Scatter:
    """Return the cells' numbers, which also answer to hovering."""
    names = short_names(look.images)
    cells = [(place, row, part) for row, part in enumerate(look.pulls) for place in range(len(look.images))]
    shares = [_share(look.pulls[part], place) for place, _, part in cells]
    return go.Scatter(
        x=[place for place, _, _ in cells],
        y=[row for _, row, _ in cells],
        mode="text",
        text=[f"<b>{share:.0%}</b>" if share else _NOTHING for share in shares],
        textfont={"color": letters, "size": _LETTERS},
        customdata=[[names[place], part, look.pulls[part][place]] for place, _, part in cells],
        hovertemplate="<b>%{customdata[0]}</b>, %{customdata[1]}: gradient norm %{customdata[2]:.3g}<extra></extra>",
        showlegend=False,
    )
