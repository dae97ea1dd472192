"""Charts of one mixed batch: which image contributes to which part of the loss."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image
from plotly.colors import hex_to_rgb
from plotly.subplots import make_subplots

from splitlab.figures.palette import FULL_HUE, PICK_HUE, WEAK_HUE, class_colour, compared_grey, translucent
from splitlab.training.fused_batch import MASK_PART, BatchImage, BatchLook, Changes, Scramble, changes_between

_Picture = NDArray[np.uint8]

_SIDE = 240
# Lines and frames must be visible with a whole batch on the screen.
_LINE, _FRAME = 3, 10
_OPACITY = 0.5
_COLUMNS, _GAP = 4, 12


def _batch_picture(image: BatchImage) -> _Picture:
    """Draw one image of the batch, (`_SIDE`, `_SIDE`, 3) uint8 RGB: masks if there are any in the batch, else boxes."""
    inner = _SIDE - 2 * _FRAME
    picture = np.array(cv2.resize(image.pixels, (inner, inner), interpolation=cv2.INTER_AREA), np.uint8)
    for box, class_index, mask in zip(image.boxes, image.classes, image.masks, strict=True):
        colour = hex_to_rgb(class_colour(int(class_index)))
        if mask.any():
            _draw_mask(picture, mask.astype(np.uint8), colour)
        else:
            left, top, right, bottom = (round(float(edge) * inner / len(image.pixels)) for edge in box)
            cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), colour, _LINE)
    frame = hex_to_rgb(_hue_of(image))
    framed = cv2.copyMakeBorder(picture, _FRAME, _FRAME, _FRAME, _FRAME, cv2.BORDER_CONSTANT, value=frame)
    return np.asarray(framed, np.uint8)


def batch_sheet(images: Sequence[BatchImage]) -> _Picture:
    """Arrange all images of a batch, four per row, in one (H, W, 4) uint8 RGBA picture with transparent gaps."""
    rows = [images[start : start + _COLUMNS] for start in range(0, len(images), _COLUMNS)]
    step = _SIDE + _GAP
    sheet = np.zeros((len(rows) * step - _GAP, min(len(images), _COLUMNS) * step - _GAP, 4), np.uint8)
    for row, shown in enumerate(rows):
        for column, image in enumerate(shown):
            place = np.s_[row * step : row * step + _SIDE, column * step : column * step + _SIDE]
            sheet[place] = cv2.cvtColor(_batch_picture(image), cv2.COLOR_RGB2RGBA)
    return sheet


def _hue_of(image: BatchImage) -> str:
    """Return the colour of F or of W."""
    return FULL_HUE if image.has_mask else WEAK_HUE


def _short_names(images: Sequence[BatchImage]) -> list[str]:
    """Name the images of a batch, each set counted from 1: "F 1", "W 1", "W 2"."""
    full = sum(image.has_mask for image in images)
    return [f"F {place + 1}" if place < full else f"W {place - full + 1}" for place in range(len(images))]


def _draw_mask(picture: _Picture, mask: _Picture, colour: tuple[int, int, int]) -> None:
    size = picture.shape[1], picture.shape[0]
    # Interpolate before the threshold: masks have a quarter of the size.
    large = np.asarray(cv2.resize(mask * 255, size, interpolation=cv2.INTER_LINEAR) > 127)
    picture[large] = ((1 - _OPACITY) * picture[large] + _OPACITY * np.array(colour)).astype(np.uint8)
    outlines, _ = cv2.findContours(large.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, outlines, -1, colour, _LINE)


_PALEST = 0.3
_CELL = 0.42
_LETTERS = 16
_NOTHING = "0"
# In rows of cells: width of all pictures side by side, and height of one.
_ACROSS, _HIGHEST = 13.0, 3.2


def _picture_rows(images: int) -> float:
    """Return the height of the pictures in rows of cells."""
    return min(_ACROSS / images, _HIGHEST)


def _add_matrix(figure: go.Figure, look: BatchLook, changes: Changes, letters: str) -> None:
    """Draw pictures and cells into the first column of a figure; changed cells are framed.

    The strength of a cell is the image's share of the part's gradient norms; without a gradient it is an outline with a
    0.
    """
    above = _picture_rows(len(look.images))
    for place, image in enumerate(look.images):
        _add_picture(figure, place, above, Image.fromarray(_batch_picture(image)))
        for row, part in enumerate(look.pulls):
            share = _share(look.pulls[part], place)
            changed = (part, place) in changes.pulls
            _add_cell(figure, (place, row), _hue_of(image), share, changed)
    figure.add_trace(_numbers(look, letters))
    ticks = [
        f'<span style="color:{_hue_of(image)}"><b>{name}</b></span>'
        for image, name in zip(look.images, _short_names(look.images), strict=True)
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
    """Return the numbers in the cells, which also carry the hover text."""
    names = _short_names(look.images)
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


_BAR = 0.6
_BAR_LETTERS = 16


def _add_loss_bars(figure: go.Figure, look: BatchLook, before: BatchLook, letters: str) -> None:
    """Draw the loss parts per image into the second column, with a mark at the old value where `before` differs."""
    parts = look.per_image
    rows = list(range(len(parts)))
    figure.add_bar(
        x=list(parts.values()), y=rows, orientation="h", width=_BAR,
        marker={"color": [FULL_HUE if part == MASK_PART else compared_grey(0) for part in parts]},
        text=[f" <b>{value:.3f}</b>" for value in parts.values()], textposition="outside",
        textfont={"color": letters, "size": _BAR_LETTERS}, cliponaxis=False,
        customdata=[[part, look.gains[part]] for part in parts],
        hovertemplate="<b>%{customdata[0]}</b>: %{x:.4f} an image, gain %{customdata[1]:.4g}<extra></extra>",
        showlegend=False, row=1, col=2,
    )  # fmt: skip
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
    figure.add_scatter(
        x=[value, value], y=ends, mode="lines", line={"color": colour, "width": 4},
        hovertemplate=f"{words} %{{x:.4f}}<extra></extra>", showlegend=False, row=1, col=2,
    )  # fmt: skip


_ROW_PIXELS, _HEAD_PIXELS = 54, 60


def mixed_batch_chart(look: BatchLook, before: BatchLook, letters: str) -> go.Figure:
    """Draw a batch against the parts of the loss.

    Args:
        look: The batch.
        before: The same batch before masks were scrambled; differences are framed and marked.
        letters: Text colour of the page; plotly assumes a white page.
    """
    figure = make_subplots(1, 2, column_widths=[0.81, 0.19], horizontal_spacing=0.015)
    _add_matrix(figure, look, changes_between(before, look), letters)
    _add_loss_bars(figure, look, before, letters)
    figure.add_annotation(
        text="loss", xref="x2 domain", yref="y", x=0, y=-0.7, xanchor="left", showarrow=False, font={"color": letters}
    )
    figure.update_layout(
        height=round(_HEAD_PIXELS + _ROW_PIXELS * (len(look.pulls) + _picture_rows(len(look.images)))),
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        dragmode=False,
        hoverlabel={"align": "left"},
        uirevision="keep",
    )
    return figure


def who_feeds_what(look: BatchLook) -> str:
    """Say how many images contribute to each part of the loss, in Markdown."""
    full, weak = look.mask_images, len(look.images) - look.mask_images
    blind = look.unmoved(MASK_PART)
    names = _short_names(look.images)
    if weak and blind == tuple(range(full, full + weak)):
        without = "images of W"
    else:
        without = _listed([names[place] for place in blind]) or "no image"
    return (
        f"This batch has **{_count(full, 'image')} of F** and **{weak} of W**. {_learnt_by_others(look)}, the **"
        f"{MASK_PART} part from {len(look.images) - len(blind)}**. The mask part has no gradient for {without}."
    )


def _learnt_by_others(look: BatchLook) -> str:
    total = len(look.images)
    seen = {part: total - len(look.unmoved(part)) for part in look.pulls if part != MASK_PART}
    if set(seen.values()) == {total}:
        return f"The {_listed(list(seen))} parts of the loss learn from all {_count(total, 'image')}"
    parts = _listed([f"{part} part from {count}" for part, count in seen.items()])
    return f"Of these {_count(total, 'image')}, the model learns the {parts}"


def what_divides(look: BatchLook) -> str:
    """Say what the mask part is divided by, and what dividing by the batch size would give, in Markdown."""
    total, full = len(look.images), look.mask_images
    mask = look.per_image[MASK_PART]
    if not full:
        return "Without images of F there is no mask loss."
    if not look.mask_over_batch or full == total:
        return f"The mask loss is divided by the number of images of F: {full}. Here this is the batch size."
    return (
        f"The mask loss is divided by the **{_count(full, 'image')} of F**: {mask:.3f}. Divided by all {total}, it "
        f"would be {look.mask_over_batch:.3f}, {mask / look.mask_over_batch:.3g} times smaller."
    )


def what_changed(scramble: Scramble, scrambled: int, changes: Changes) -> str:
    """Say what scrambling masks has changed, in Markdown."""
    if not scrambled:
        return "This batch has no such masks to scramble. Take another batch."
    masks = _count(scrambled, "mask")
    where = "in the labels and in the batch" if scramble is Scramble.WEAK else "in the batch"
    head = f"{masks} of {'W' if scramble is Scramble.WEAK else 'F'} replaced by random pixels, {where}."
    if changes.are_none:
        return (
            f"{head} **Nothing changed**: all parts of the loss and all {changes.parameters:,} gradients are "
            "bit-identical."
        )
    parts = _listed([f"**{part}**" for part in changes.losses]) or "no part of the loss"
    return (
        f"{head} Changed: {parts}, and {len(changes.gradients):,} of {changes.parameters:,} gradients of the model. "
        "All other parts are bit-identical."
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
