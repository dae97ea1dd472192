"""Pictures of labels, and the number of objects per class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from splitlab.data.dataset import ImageLabels, ObjectLabel
from splitlab.data.masks import read_mask
from splitlab.figures.palette import FULL_HUE, WEAK_HUE, class_colour
from splitlab.geometry import rle_to_mask

_ROW_PIXELS, _HEAD_PIXELS = 26, 90


def class_counts_chart(
    with_masks: Mapping[str, int], boxes_only: Mapping[str, int], title: str, names: tuple[str, str]
) -> go.Figure:
    """Draw one bar per class, the largest on top: objects with masks, then objects with boxes only.

    `names` are the legend entries of the two.
    """
    classes = sorted(with_masks, key=lambda name: with_masks[name] + boxes_only[name])
    figure = go.Figure()
    for label, counts, colour in zip(names, (with_masks, boxes_only), (FULL_HUE, WEAK_HUE), strict=True):
        if any(counts.values()):
            values = [counts[name] for name in classes]
            hover = f"%{{y}}: %{{x:,}} {label}<extra></extra>"
            figure.add_bar(y=classes, x=values, orientation="h", name=label, marker_color=colour, hovertemplate=hover)
    figure.update_layout(
        barmode="stack", title={"text": title, "font": {"size": 15}}, xaxis_title="objects",
        height=_HEAD_PIXELS + _ROW_PIXELS * max(len(classes), 3), margin={"l": 10, "r": 10, "t": 40, "b": 40},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right", "traceorder": "normal"},
    )  # fmt: skip
    figure.update_yaxes(automargin=True)
    return figure


_Picture = NDArray[np.uint8]

_OPACITY = 0.45
_MIN_SIDE = 320


def as_full(photo: _Picture, labels: ImageLabels) -> _Picture:
    """Draw an image's masks over its (H, W, 3) uint8 RGB photo, in class colours; crowds are grey."""
    picture, scale = _enlarged(photo)
    for label in labels.objects:
        if label.mask is not None:
            mask = _scaled(rle_to_mask(read_mask(label.mask)), picture)
            colour = _colour(label)
            picture[mask] = ((1 - _OPACITY) * picture[mask] + _OPACITY * np.array(colour)).astype(np.uint8)
            outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(picture, outlines, -1, colour, _width(scale))
    return picture


def as_weak(photo: _Picture, labels: ImageLabels) -> _Picture:
    """Draw an image's boxes over its (H, W, 3) uint8 RGB photo, as a model sees an image of W."""
    picture, scale = _enlarged(photo)
    for label in labels.targets:
        if not label.is_difficult:
            left, top, right, bottom = (round(side * scale) for side in label.box)
            cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), _colour(label), _width(scale) + 1)
    return picture


def class_legend_html(class_names: Sequence[str], shown: Sequence[int]) -> str:
    """Return a line of HTML with the names and colours of the classes `shown`."""
    items = "".join(
        f'<span style="white-space:nowrap"><span style="display:inline-block;width:.75rem;height:.75rem;'
        f'border-radius:.2rem;background:{class_colour(index)};margin-right:.35rem"></span>'
        f"{_escaped(class_names[index])}</span>"
        for index in shown
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:.3rem 1rem;font-size:.9rem">{items}</div>'


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _enlarged(photo: _Picture) -> tuple[_Picture, float]:
    """Copy a photo, doubled if it is small so that lines stay thin."""
    scale = 2 if max(photo.shape[:2]) < _MIN_SIDE else 1
    size = photo.shape[1] * scale, photo.shape[0] * scale
    return np.array(cv2.resize(photo, size, interpolation=cv2.INTER_CUBIC), np.uint8), scale


def _scaled(mask: NDArray[np.bool_], picture: _Picture) -> NDArray[np.bool_]:
    size = picture.shape[1], picture.shape[0]
    return np.asarray(cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST), bool)


def _width(scale: float) -> int:
    return 1 if scale == 1 else 2


def _colour(label: ObjectLabel) -> tuple[int, int, int]:
    if label.is_crowd:
        return (128, 128, 128)
    text = class_colour(label.class_index)
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)
