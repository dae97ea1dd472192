"""Masks of several models side by side on one photo."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any

import cv2
import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from splitlab.evaluation.matches import ErrorKind
from splitlab.figures.palette import ERROR_COLOURS, class_colour, translucent
from splitlab.geometry import Rle, rle_to_mask

# (left, right, top) of a label.
Taken = tuple[float, float, float]

# Relative to the size of the letters.
_LINE_HEIGHT = 1.25
_LETTER_WIDTH = 0.6


def free_line(taken: Sequence[Taken], left: float, right: float, y: float, height: float) -> float:
    """Move a label of the given ends and height down from `y` until it overlaps no label drawn before."""
    for start, end, line in sorted(taken, key=lambda label: label[2]):
        if left < end and start < right and abs(line - y) < height:
            y = line + height
    return y


def _free_lines(wanted: Sequence[tuple[float, float]], texts: Sequence[str], size: float) -> list[float]:
    """Return the top of each centred label so that none overlap, given its preferred centre and top."""
    taken: list[Taken] = []
    for (x, y), text in zip(wanted, texts, strict=True):
        half = len(text) * size * _LETTER_WIDTH / 2
        taken.append((x - half, x + half, free_line(taken, x - half, x + half, y, _LINE_HEIGHT * size)))
    return [line for _, _, line in taken]


# Width of a row of panels on a typical screen.
_ROW_PIXELS = 930
_OUTLINE_TOLERANCE_PIXELS = 0.7
_LABEL_MARGIN = 0.02
_LABEL_PIXELS = 13
_MOST_HIGH = 560
_COLUMN_GAP, _ROW_GAP = 0.01, 0.06
_Line = NDArray[np.float32]


@dataclass(frozen=True)
class DrawnObject:
    """One object as it is drawn.

    Attributes:
        class_index, class_name: Its class; the index determines the colour.
        score: 0..1; None for the ground truth.
        box: xyxy, pixels of the photo.
        mask: Mask in the photo's size.
        kind: Kind of error; if given, it determines the colour. A missed object is drawn as an outline.
        place: Index among the model's detections, or among the image's labels for the ground truth.
    """

    class_index: int
    class_name: str
    score: float | None
    box: tuple[float, float, float, float]
    mask: Rle
    kind: ErrorKind | None = None
    place: int | None = None

    @property
    def colour(self) -> str:
        """Colour of its kind of error if it has one, else of its class."""
        return class_colour(self.class_index) if self.kind is None else ERROR_COLOURS[self.kind]

    @property
    def group(self) -> str:
        """Legend entry of its colour."""
        return self.class_name if self.kind is None else self.kind.value

    @property
    def label(self) -> str:
        """The class, and the score if there is one."""
        name = f"{ErrorKind.MISSED.value}: {self.class_name}" if self.kind is ErrorKind.MISSED else self.class_name
        return name if self.score is None else f"{name} {self.score:.2f}"


@dataclass(frozen=True)
class Panel:
    """One panel: a model, the ground truth, or the photo alone."""

    title: str
    objects: Sequence[DrawnObject]


def mask_panels(photo: NDArray[np.uint8], panels: Sequence[Panel]) -> go.Figure:
    """Draw the photo once per panel, with its objects as filled outlines.

    Args:
        photo: (H, W, 3) uint8 RGB.
        panels: Left to right, then down; at least one.
    """
    # Plotly's validation takes half a millisecond per trace, more than everything else; a test validates the figures.
    return go.Figure(data=_traces(photo, panels), layout=_layout(photo, panels), _validate=False)


def _columns_of(panels: int) -> int:
    """Return the number of columns: up to three, and two for four panels."""
    return 2 if panels == 4 else min(panels, 3)


def _layout(photo: NDArray[np.uint8], panels: Sequence[Panel]) -> dict[str, Any]:
    height, width = photo.shape[:2]
    columns, rows, shown_height = _sizes(height, width, len(panels))
    layout: dict[str, Any] = {
        "height": int(rows * shown_height) + 80, "margin": {"l": 0, "r": 0, "t": 30, "b": 0},
        "legend": {"orientation": "h", "y": -0.02}, "hoverlabel": {"align": "left"}, "dragmode": "pan",
        "uirevision": "keep", "annotations": [],
    }  # fmt: skip
    for place, panel in enumerate(panels):
        across = _domain(place % columns, columns, _COLUMN_GAP)
        up = _domain(rows - 1 - place // columns, rows, _ROW_GAP)
        x, y = _axis("x", place), _axis("y", place)
        shared = {"visible": False, "constrain": "domain"}
        layout[f"xaxis{x[1:]}"] = {**shared, "anchor": y, "domain": across, "range": [0, width], "matches": "x"}
        layout[f"yaxis{y[1:]}"] = {
            **shared, "anchor": x, "domain": up, "range": [height, 0], "matches": "y", "scaleanchor": "x",
            "constraintoward": "top",
        }  # fmt: skip
        layout["annotations"].append(_title(panel.title, sum(across) / 2, up[1]))
    return layout


def _sizes(height: int, width: int, panels: int) -> tuple[int, int, float]:
    """Return columns, rows, and the height of a panel in pixels of a typical screen."""
    columns = _columns_of(panels)
    return columns, -(-panels // columns), min(_ROW_PIXELS / columns * height / width, _MOST_HIGH)


def _domain(place: int, of: int, gap: float) -> list[float]:
    side = (1 - gap * (of - 1)) / of
    return [place * (side + gap), place * (side + gap) + side]


def _axis(letter: str, place: int) -> str:
    return letter if place == 0 else f"{letter}{place + 1}"


def _title(text: str, x: float, y: float) -> dict[str, Any]:
    return {
        "text": escape(text), "x": x, "y": y, "xref": "paper", "yref": "paper", "xanchor": "center",
        "yanchor": "bottom", "showarrow": False, "font": {"size": 16},
    }  # fmt: skip


def _traces(photo: NDArray[np.uint8], panels: Sequence[Panel]) -> list[dict[str, Any]]:
    source, height = as_jpeg(photo), photo.shape[0]
    letter_height = _LABEL_PIXELS * height / _sizes(height, photo.shape[1], len(panels))[2]
    traces: list[dict[str, Any]] = []
    in_legend: set[str] = set()
    for place, panel in enumerate(panels):
        axes = {"xaxis": _axis("x", place), "yaxis": _axis("y", place)}
        traces.append({"type": "image", "source": source, "hoverinfo": "skip", **axes})
        for found in panel.objects:
            traces.append({**_outline(found, first=found.group not in in_legend), **axes})
            in_legend.add(found.group)
        traces.append({**_labels(panel.objects, letter_height), **axes})
    return traces


def as_jpeg(photo: NDArray[np.uint8]) -> str:
    """Return a (H, W, 3) uint8 RGB photo as a data URL of a JPEG."""
    _, encoded = cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def _outline(found: DrawnObject, *, first: bool) -> dict[str, Any]:
    x, y = mask_outlines(found.mask)
    missed = is_missed(found)
    return {
        "type": "scatter", "x": x, "y": y, "mode": "lines", "fill": "toself",
        "line": {"color": found.colour, "width": 2.5 if missed else 2, "dash": "dash" if missed else "solid"},
        "fillcolor": translucent(found.colour, 0.05 if missed else 0.4),
        "name": escape(found.group), "legendgroup": found.group, "showlegend": first,
        "hoveron": "fills", "hoverinfo": "text", "text": escape(_hover_text(found)),
    }  # fmt: skip


def _label_line(found: DrawnObject, letter_height: float) -> float:
    """Return the top of a label at its box's edge, within the photo."""
    height = found.mask["size"][0]
    if is_missed(found):
        # At the bottom of the box, so that it does not hide the label of a detection.
        return min(found.box[3], (1 - _LABEL_MARGIN) * height) - _LINE_HEIGHT * letter_height
    return max(found.box[1], _LABEL_MARGIN * height)


def is_missed(found: DrawnObject) -> bool:
    """Return whether it is a label that no detection matched."""
    return found.kind is ErrorKind.MISSED


def _hover_text(found: DrawnObject) -> str:
    text = found.class_name if found.score is None else f"{found.class_name}, score {found.score:.2f}"
    return text if found.kind is None else f"{text}: {found.kind.value}"


def label_points(objects: Sequence[DrawnObject], letter_height: float) -> list[tuple[float, float]]:
    """Return the centre and top of each object's label in pixels of the photo, without overlaps."""
    wanted = [((found.box[0] + found.box[2]) / 2, _label_line(found, letter_height)) for found in objects]
    lines = _free_lines(wanted, [found.label for found in objects], letter_height)
    return [(x, line) for (x, _), line in zip(wanted, lines, strict=True)]


def _labels(objects: Sequence[DrawnObject], letter_height: float) -> dict[str, Any]:
    points = label_points(objects, letter_height)
    return {
        "type": "scatter", "x": [x for x, _ in points], "y": [y for _, y in points], "mode": "text",
        "text": [f"<b>{escape(found.label)}</b>" for found in objects], "textposition": "bottom center",
        "textfont": {"color": "white", "size": _LABEL_PIXELS, "shadow": "0 0 3px black, 0 0 3px black"},
        "hoverinfo": "skip", "showlegend": False, "cliponaxis": True,
    }  # fmt: skip


def mask_outlines(mask: Rle) -> tuple[_Line, _Line]:
    """Return a mask's outlines, including holes, as x and y in pixels, separated by NaN."""
    return _outlines(mask["counts"], *mask["size"])


@lru_cache(maxsize=4096)
def _outlines(counts: str, height: int, width: int) -> tuple[_Line, _Line]:
    # Cached because a page redraws the same masks often; arrays, because plotly copies lists number by number.
    mask = rle_to_mask({"size": [height, width], "counts": counts}).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    gap = np.full((1, 2), np.nan, np.float32)
    pieces = [np.zeros((0, 2), np.float32)]
    for contour in contours:
        points = cv2.approxPolyDP(contour, _OUTLINE_TOLERANCE_PIXELS, closed=True)[:, 0].astype(np.float32) + 0.5
        pieces += [points, points[:1], gap]
    outline = np.concatenate(pieces)[:-1]
    outline.setflags(write=False)
    return outline[:, 0], outline[:, 1]
