"""Two layers of masks over one photo, with a divider to drag."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from splitlab.app.widgets.links import linked_selectbox
from splitlab.app.widgets.photos import Photo
from splitlab.figures.mask_panels import DrawnObject, Panel, as_jpeg, is_missed, label_points, mask_outlines

# Largest size of the picture, in CSS pixels.
_SWIPE_WIDTH, _SWIPE_HEIGHT = 1100, 680
_TEXT_PIXELS, _LINE_PIXELS = 15, 2.5
# XML allows no control characters except these three, not even escaped.
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _swipe_width(photo: NDArray[np.uint8]) -> int:
    """Return the width at which to show a (H, W, 3) photo, in CSS pixels."""
    height, width = photo.shape[:2]
    shown: int = round(width * _shown_scale(height, width))
    return shown


def _layer_source(objects: Sequence[DrawnObject], height: int, width: int) -> str:
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
    return min(_SWIPE_WIDTH / width, _SWIPE_HEIGHT / height)


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


_LEFT, _RIGHT = "left", "right"

# An invisible range input covers the whole picture: it handles mouse, touch, arrow keys and screen readers. Below it
# are two pictures, cut at the same place.
_HTML = """
<div class="swipe">
  <div class="titles"><span class="left"></span><span class="right"></span></div>
  <div class="stage">
    <img class="photo" draggable="false" alt="">
    <img class="layer left" draggable="false" alt=""><img class="layer right" draggable="false" alt="">
    <div class="divider"><div class="grip" aria-hidden="true">&#8596;</div></div>
    <input type="range" min="0" max="100" step="0.5" value="50">
  </div>
  <div class="legend"></div>
</div>
"""
_CSS = """
.swipe { --at: 50%; margin: 0 auto; max-width: 100%; font-family: var(--st-font); color: var(--st-text-color); }
.titles { display: flex; justify-content: space-between; gap: 1rem; margin-bottom: .4rem; font-weight: 600; }
.titles .right { text-align: right; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin-top: .5rem; font-size: .85rem; }
.legend i { display: inline-block; width: .9rem; height: .9rem; border-radius: .2rem; margin-right: .4rem;
  vertical-align: -.1rem; }
.stage { position: relative; overflow: hidden; border-radius: .5rem; line-height: 0; }
.stage img { width: 100%; user-select: none; }
.layer { position: absolute; inset: 0; height: 100%; }
.layer.left { clip-path: inset(0 calc(100% - var(--at)) 0 0); }
.layer.right { clip-path: inset(0 0 0 var(--at)); }
.divider { position: absolute; top: 0; bottom: 0; left: var(--at); width: 3px; margin-left: -1.5px;
  background: #fff; box-shadow: 0 0 0 1px rgba(0, 0, 0, .55); pointer-events: none; }
.grip { position: absolute; top: 50%; left: 50%; width: 2.4rem; height: 2.4rem; margin: -1.2rem 0 0 -1.2rem;
  border-radius: 50%; background: #fff; color: #1c2030; box-shadow: 0 0 0 1px rgba(0, 0, 0, .55);
  display: grid; place-items: center; font: 700 1.2rem/1 sans-serif; }
input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize;
  touch-action: pan-y; }
.stage:has(input:focus-visible) { outline: 3px solid var(--st-primary-color); outline-offset: 2px; }
"""
_JS = """
export default function ({ data, parentElement }) {
  const one = (query) => parentElement.querySelector(query);
  const swipe = one(".swipe"), slider = one("input");
  swipe.style.width = data.width + "px";
  one(".photo").src = data.photo;
  for (const side of ["left", "right"]) {
    one(".titles ." + side).textContent = data[side].title;
    one(".layer." + side).src = data[side].layer;
    one(".layer." + side).alt = data[side].title;
  }
  slider.setAttribute("aria-label", "Divider: " + data.left.title + " on its left, " + data.right.title
    + " on its right");
  one(".legend").replaceChildren(...data.legend.map(([name, colour]) => {
    const entry = document.createElement("span"), key = document.createElement("i");
    key.style.background = colour;
    entry.append(key, name);
    return entry;
  }));
  const move = () => {
    swipe.style.setProperty("--at", slider.value + "%");
    slider.setAttribute("aria-valuetext", Math.round(slider.value) + " % from the left");
  };
  slider.oninput = move;
  move();
}
"""

_swipe = st.components.v2.component("splitlab_swipe", html=_HTML, css=_CSS, js=_JS)


def choose_sides(titles: Mapping[str, str]) -> tuple[str, str]:
    """Choose what is shown left and right of the divider, from two or more titles by their names in the link."""
    names, (before, after) = list(titles), st.columns(2)
    show = titles.__getitem__
    # If a side's choice no longer exists, choose something that is not on the other side.
    free = _first_but(st.session_state.get(_LEFT, st.query_params.get(_LEFT)), [*names[1:], names[0]])
    right = linked_selectbox("Right of the divider", names, _RIGHT, free, after, show)
    left = linked_selectbox("Left of the divider", names, _LEFT, _first_but(right, names), before, show)
    return left, right


def _first_but(other: str | None, names: Sequence[str]) -> str:
    return next(name for name in names if name != other)


def show_swipe(photo: Photo, left: Panel, right: Panel) -> None:
    """Show two panels over one photo, with a divider that can be moved by mouse, touch and arrow keys."""
    height, width = photo.pixels.shape[:2]
    sides = {
        side: {"title": panel.title, "layer": _layer_source(panel.objects, height, width)}
        for side, panel in ((_LEFT, left), (_RIGHT, right))
    }
    legend = {found.group: found.colour for panel in (left, right) for found in panel.objects}
    _swipe(
        key="swipe",
        data={
            "photo": as_jpeg(photo.pixels),
            "width": _swipe_width(photo.pixels),
            "legend": list(legend.items()),
            **sides,
        },
    )
    st.caption("Drag the divider, click where it should be, or use the arrow keys.")
