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

# (left, right, top): what labels drawn before take of a line.
Taken = tuple[float, float, float]

# Of the letters' size.
_LINE_HEIGHT = 1.25
_LETTER_WIDTH = 0.6


def free_line(taken: Sequence[Taken], left: float, right: float, y: float, height: float) -> float:
    """Move a label down until no label drawn before lies in its way.

    Args:
        taken: by labels drawn before, all of this height.
        left: where the label begins.
        right: where it ends.
        y: its line, counted downwards.
        height: of a line, in the unit of the others.
    """
    for start, end, line in sorted(taken, key=lambda label: label[2]):
        if left < end and start < right and abs(line - y) < height:
            y = line + height
    return y


def _free_lines(wanted: Sequence[tuple[float, float]], texts: Sequence[str], size: float) -> list[float]:
    """Return a line for each of some centred labels, as far down as it must be to be read.

    Args:
        wanted: centre and line of each, in the order they are drawn.
        texts: theirs; how wide a text is can only be guessed from its letters.
        size: of the letters, in the same unit.
    """
    taken: list[Taken] = []
    for (x, y), text in zip(wanted, texts, strict=True):
        half = len(text) * size * _LETTER_WIDTH / 2
        taken.append((x - half, x + half, free_line(taken, x - half, x + half, y, _LINE_HEIGHT * size)))
    return [line for _, _, line in taken]


# What the panels of one row share on a usual screen.
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
        class_index, class_name: which class is named; the index decides the colour.
        score: 0..1; None for the truth.
        box: xyxy, pixels of the photo.
        mask: in the photo's size.
        kind: what became of it; given, it decides the colour. A missed object has only an outline.
        place: where it stands among the model's detections, or without a score among the image's labels.
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
        """The colour of its kind of error where it has one, else of its class."""
        return class_colour(self.class_index) if self.kind is None else ERROR_COLOURS[self.kind]

    @property
    def group(self) -> str:
        """What the legend calls its colour."""
        return self.class_name if self.kind is None else self.kind.value

    @property
    def label(self) -> str:
        """The class, and the score where there is one."""
        name = f"{ErrorKind.MISSED.value}: {self.class_name}" if self.kind is ErrorKind.MISSED else self.class_name
        return name if self.score is None else f"{name} {self.score:.2f}"


@dataclass(frozen=True)
class Panel:
    """One panel: a model's, the truth's, or the bare photo's."""

    title: str
    objects: Sequence[DrawnObject]


def mask_panels(photo: NDArray[np.uint8], panels: Sequence[Panel]) -> go.Figure:
    """Draw the photo once for each panel, with its objects as filled outlines.

    Args:
        photo: (H, W, 3) uint8 RGB.
        panels: left to right, then down; at least one.
    """
    # Plotly's own checks take half a millisecond a trace, more than all else that a page draws again does together;
    # a test holds that figures made here pass them.
    return go.Figure(data=_traces(photo, panels), layout=_layout(photo, panels), _validate=False)


def _columns_of(panels: int) -> int:
    """Say how many of N panels share a row: up to three, and four as two by two."""
    return 2 if panels == 4 else min(panels, 3)


def _layout(photo: NDArray[np.uint8], panels: Sequence[Panel]) -> dict[str, Any]:
    height, width = photo.shape[:2]
    columns, rows, shown_height = _sizes(height, width, len(panels))
    layout: dict[str, Any] = {
        "height": int(rows * shown_height) + 80,
        "margin": {"l": 0, "r": 0, "t": 30, "b": 0},
        "legend": {"orientation": "h", "y": -0.02},
        "dragmode": "pan",
        "uirevision": "keep",
        "hoverlabel": {"align": "left"},
        "annotations": [],
    }
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
    """Return columns, rows, and how high a panel is shown, in pixels of a usual screen."""
    columns = _columns_of(panels)
    return columns, -(-panels // columns), min(_ROW_PIXELS / columns * height / width, _MOST_HIGH)


def _domain(place: int, of: int, gap: float) -> list[float]:
    side = (1 - gap * (of - 1)) / of
    return [place * (side + gap), place * (side + gap) + side]


def _axis(letter: str, place: int) -> str:
    return letter if place == 0 else f"{letter}{place + 1}"


def _title(text: str, x: float, y: float) -> dict[str, Any]:
    return {
        "text": escape(text),
        "x": x,
        "y": y,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "center",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 16},
    }


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
    """Return a (H, W, 3) uint8 RGB photo as a JPEG inside a link, the source of a picture."""
    _, encoded = cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def _outline(found: DrawnObject, *, first: bool) -> dict[str, Any]:
    x, y = mask_outlines(found.mask)
    missed = is_missed(found)
    return {
        "type": "scatter",
        "x": x,
        "y": y,
        "mode": "lines",
        "fill": "toself",
        "line": {"color": found.colour, "width": 2.5 if missed else 2, "dash": "dash" if missed else "solid"},
        "fillcolor": translucent(found.colour, 0.05 if missed else 0.4),
        "name": escape(found.group),
        "legendgroup": found.group,
        "showlegend": first,
        "hoveron": "fills",
        "hoverinfo": "text",
        "text": escape(_told(found)),
    }


def _label_line(found: DrawnObject, letter_height: float) -> float:
    """Place a label at its box's edge, but where the photo's edge does not cut it."""
    height = found.mask["size"][0]
    if is_missed(found):
        # It ends where the box does, so that it hides no detection's.
        return min(found.box[3], (1 - _LABEL_MARGIN) * height) - _LINE_HEIGHT * letter_height
    return max(found.box[1], _LABEL_MARGIN * height)


def is_missed(found: DrawnObject) -> bool:
    """Say whether it is a label that no detection found."""
    return found.kind is ErrorKind.MISSED


def _told(found: DrawnObject) -> str:
    text = found.class_name if found.score is None else f"{found.class_name}, score {found.score:.2f}"
    return text if found.kind is None else f"{text}: {found.kind.value}"


def label_points(objects: Sequence[DrawnObject], letter_height: float) -> list[tuple[float, float]]:
    """Return the middle of each object's label and its upper edge, in pixels of the photo: clear of one another."""
    wanted = [((found.box[0] + found.box[2]) / 2, _label_line(found, letter_height)) for found in objects]
    lines = _free_lines(wanted, [found.label for found in objects], letter_height)
    return [(x, line) for (x, _), line in zip(wanted, lines, strict=True)]


def _labels(objects: Sequence[DrawnObject], letter_height: float) -> dict[str, Any]:
    points = label_points(objects, letter_height)
    return {
        "type": "scatter",
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
        "mode": "text",
        "text": [f"<b>{escape(found.label)}</b>" for found in objects],
        "textposition": "bottom center",
        "textfont": {"color": "white", "size": _LABEL_PIXELS, "shadow": "0 0 3px black, 0 0 3px black"},
        "hoverinfo": "skip",
        "showlegend": False,
        "cliponaxis": True,
    }


def mask_outlines(mask: Rle) -> tuple[_Line, _Line]:
    """Return a mask's outlines, holes among them, as x and y in pixels, with NaN between one and the next."""
    return _outlines(mask["counts"], *mask["size"])


@lru_cache(maxsize=4096)
def _outlines(counts: str, height: int, width: int) -> tuple[_Line, _Line]:
    # Kept, because a page draws the same masks again whenever a control moves; as arrays, which plotly takes as they
    # are, where it copies a list number by number.
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
