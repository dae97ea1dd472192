"""A panel's objects as one SVG picture, to lie over the photo: same outlines, colours and labels as the panels.

Pictures shown by `<img>` run nothing and load nothing, so a hostile name in them is a name.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from splitlab.figures.mask_panels import DrawnObject, is_missed, label_points, mask_outlines

# The sides that a picture to swipe over fills at most, in pixels of a usual screen.
SWIPE_WIDTH, SWIPE_HEIGHT = 1100, 680
_TEXT_PIXELS, _LINE_PIXELS = 15, 2.5
# XML knows no other control characters than these three, not even escaped.
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def swipe_width(photo: NDArray[np.uint8]) -> int:
    """Return how wide to show a (H, W, 3) photo, in pixels of the screen."""
    height, width = photo.shape[:2]
    shown: int = round(width * _shown_scale(height, width))
    return shown


def layer_source(objects: Sequence[DrawnObject], height: int, width: int) -> str:
    """Return objects as the source of an `<img>` that lies over a photo of this height and width."""
    scale = _shown_scale(height, width)
    points = label_points(objects, _TEXT_PIXELS / scale)
    labels = (_label(found, point, scale) for found, point in zip(objects, points, strict=True))
    body = "".join([*(_shape(found, scale) for found in objects), *labels])
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"{body}</svg>"
    )
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _shown_scale(height: int, width: int) -> float:
    return min(SWIPE_WIDTH / width, SWIPE_HEIGHT / height)


def _shape(found: DrawnObject, scale: float) -> str:
    missed = is_missed(found)
    dash = f' stroke-dasharray="{9 / scale:.2f} {6 / scale:.2f}"' if missed else ""
    return (
        f'<path d="{" ".join(_rings(found))}" fill="{found.colour}" fill-opacity="{0.05 if missed else 0.4}" '
        f'fill-rule="evenodd" stroke="{found.colour}" stroke-width="{_LINE_PIXELS / scale:.2f}"{dash}/>'
    )


def _rings(found: DrawnObject) -> Iterator[str]:
    x, y = mask_outlines(found.mask)
    for ring in np.split(np.stack([x, y], 1), np.flatnonzero(np.isnan(x))):
        points = ring[~np.isnan(ring[:, 0])]
        if len(points):
            yield "M" + "L".join(f"{across:.1f} {down:.1f}" for across, down in points) + "Z"


def _label(found: DrawnObject, point: tuple[float, float], scale: float) -> str:
    size = _TEXT_PIXELS / scale
    return (
        f'<text x="{point[0]:.1f}" y="{point[1] + size:.1f}" '
        f'font-family="sans-serif" font-weight="700" font-size="{size:.2f}" text-anchor="middle" fill="#fff" '
        f'stroke="#000" stroke-opacity="0.85" stroke-width="{size * 0.22:.2f}" stroke-linejoin="round" '
        f'paint-order="stroke">{escape(_NO_XML.sub("?", found.label))}</text>'
    )
