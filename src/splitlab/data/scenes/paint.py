"""Painting for the embedded scenes: water, light, and shapes with soft edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from splitlab.data.scenes.animals import Creature, Points

# float32, 0..1: (H, W, 3) RGB or (H, W). The stubs of cv2 and numpy lose the type at every step.
Canvas = NDArray[Any]

_SAND_SHARE = 0.75
# Light at the surface, the depth below, and the sand: RGB, 0..255.
_WATERS = (
    ((150, 226, 222), (10, 74, 104), (214, 200, 160)),
    ((128, 200, 236), (14, 44, 104), (190, 190, 176)),
    ((176, 226, 180), (18, 84, 84), (196, 190, 134)),
    ((238, 206, 186), (52, 48, 104), (206, 168, 150)),
    ((168, 184, 236), (38, 34, 88), (176, 162, 180)),
    ((206, 232, 214), (34, 104, 120), (226, 212, 184)),
)

SUBPIXEL_BITS = 4
_LIGHT = (-0.4, -0.7, 0.6)
_SHADOW, _GLOSS = 0.35, 0.3
_EYE_SHADES = (0.96, 0.06)

# Cream or ink, 0..1. Marks of all classes have them, so that only their form tells similar classes apart.
_TONES = ((0.99, 0.96, 0.87), (0.16, 0.11, 0.22))
# Main and second colour: RGB, 0..255. Every class may have any of them.
_COATS = (
    ((244, 128, 72), (250, 190, 104)),
    ((250, 200, 72), (240, 150, 60)),
    ((232, 92, 104), (250, 168, 150)),
    ((196, 120, 190), (236, 170, 200)),
    ((124, 128, 214), (176, 190, 240)),
    ((92, 186, 190), (190, 226, 190)),
    ((206, 156, 112), (236, 206, 160)),
    ((170, 200, 92), (230, 220, 120)),
)


@dataclass(frozen=True)
class Coat:
    """A creature's (3,) RGB colours, 0..1, and how far it fades into the haze, 0..1."""

    main: Canvas
    second: Canvas
    mark: Canvas
    haze: Canvas
    fade: float


def draw_water(rng: np.random.Generator, side: int) -> tuple[Canvas, Canvas]:
    """Draw the background.

    Returns:
        (side, side, 3) float32 RGB, 0..1, and the (3,) colour that distant things fade into.
    """
    surface, depth, sand = (np.array(colour, np.float32) / 255 for colour in _WATERS[rng.integers(len(_WATERS))])
    # The distance is soft, so it is drawn at half the size.
    water = cv2.resize(_far_water(rng, side // 2, surface, depth), (side, side), interpolation=cv2.INTER_LINEAR)
    if rng.random() < _SAND_SHARE:
        _add_sand(rng, water, sand, depth)
    _add_motes(rng, water)
    return water, (surface + depth) / 2


def cloud(rng: np.random.Generator, side: int, cells: int, octaves: int = 3) -> Canvas:
    """Draw smooth noise of several scales, (side, side) float32 in 0..1."""
    noise = np.zeros((side, side), np.float32)
    for octave in range(octaves):
        coarse = rng.random((cells << octave, cells << octave), np.float32)
        noise += cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC) / (1 << octave)
    return np.asarray((noise / (2 - 0.5 ** (octaves - 1))).clip(0, 1), np.float32)


def random_coat(rng: np.random.Generator, contrast: float, haze: Canvas, fade: float) -> Coat:
    """Choose colours at random; `contrast` below 1 blends the marks into the main colour."""
    tone = np.array(_TONES[rng.integers(len(_TONES))], np.float32)
    pair = np.array(_COATS[rng.integers(len(_COATS))], np.float32) / 255
    main, second = (pair * rng.uniform(0.7, 1.12, (2, 3)).astype(np.float32)).clip(0, 1)
    mark = main + np.float32(contrast) * (tone - main)
    return Coat(main, second, mark, haze, fade)


def coverage(polygons: Sequence[Points], shape: tuple[int, int]) -> Canvas:
    """Return how much of each pixel the union of polygons covers, (height, width) float32 in 0..1."""
    plane = np.zeros(shape, np.uint8)
    for polygon in polygons:
        fixed = (polygon * (1 << SUBPIXEL_BITS)).round().astype(np.int32)
        cv2.fillPoly(plane, [fixed], 255, cv2.LINE_AA, SUBPIXEL_BITS)
    return plane.astype(np.float32) / 255


def paint_creature(canvas: Canvas, creature: Creature, coat: Coat, grain: Canvas) -> None:
    """Paint one creature, in canvas pixels, over the (side, side, 3) canvas."""
    part, corner = touched(canvas, creature.outline)
    near, shape = creature.moved(np.eye(2), -corner), part.shape[:2]
    body, whole = coverage(near.body, shape), coverage(near.outline, shape)
    colour = coat.second + body[..., None] * (coat.main - coat.second)
    colour = colour * np.linspace(1.12, 0.86, shape[0], dtype=np.float32)[:, None, None]
    colour += (coverage(near.marks, shape) * body)[..., None] * (coat.mark - colour)
    colour = lit(colour, whole, grain)
    for eye, shade in zip(near.eyes, _EYE_SHADES, strict=False):
        colour += coverage([eye], shape)[..., None] * (shade - colour)
    colour += coat.fade * (coat.haze - colour)
    paint_over(part, colour, whole)


def paint_over(part: Canvas, colour: Canvas, whole: Canvas) -> None:
    """Paint a colour with this coverage over part of the canvas, with its soft shadow."""
    fall = max(min(whole.shape) // 20, 2)
    shadow = cv2.GaussianBlur(whole, (0, 0), fall)
    moved = np.zeros_like(shadow)
    moved[fall:, fall // 2 :] = shadow[:-fall, : -(fall // 2) or None]
    part *= 1 - _SHADOW * moved[..., None]
    part += whole[..., None] * (colour - part)


def lit(colour: Canvas, whole: Canvas, grain: Canvas) -> Canvas:
    """Shade a (H, W, 3) colour as a rounded, grainy body of this coverage, lit from above."""
    inner = cv2.distanceTransform((whole > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    radius = max(0.7 * float(inner.max()), 2.0)
    bump: Canvas = radius * np.sqrt(1 - (1 - (inner / radius).clip(0, 1)) ** 2)
    facing = _facing_light(cv2.GaussianBlur(bump, (0, 0), max(0.12 * radius, 1.0)))
    height, width = whole.shape
    shade = (0.6 + 0.62 * facing) * (0.84 + 0.32 * grain[:height, :width])
    return np.asarray((colour * shade[..., None] + _GLOSS * facing[..., None] ** 12).clip(0, 1), np.float32)


def touched(canvas: Canvas, polygons: Sequence[Points]) -> tuple[Canvas, Points]:
    """Return the part of the canvas that polygons and their shadow cover, and its top left corner, xy."""
    corners = np.concatenate(polygons)
    low = np.floor(corners.min(axis=0) - 4).clip(0, len(canvas) - 8).astype(int)
    high = np.ceil(corners.max(axis=0) + 0.06 * len(canvas)).clip(low + 8, len(canvas)).astype(int)
    return canvas[low[1] : high[1], low[0] : high[0]], low.astype(float)


def _add_motes(rng: np.random.Generator, water: Canvas) -> None:
    side = len(water)
    motes = np.zeros((side, side), np.float32)
    for x, y in rng.integers(0, 16 * side, (rng.integers(10, 40), 2)).tolist():
        cv2.circle(motes, (x, y), int(rng.integers(8, 22)), float(rng.uniform(0.3, 1.0)), -1, shift=4)
    water += (1 - water) * cv2.GaussianBlur(motes, (0, 0), 0.6)[..., None]


def _far_water(rng: np.random.Generator, side: int, surface: Canvas, depth: Canvas) -> Canvas:
    fall = np.linspace(0, 1, side, dtype=np.float32)[:, None, None] ** rng.uniform(0.5, 0.9)
    water: Canvas = (surface * (1 - fall) + depth * fall) * (0.88 + 0.24 * cloud(rng, side, 5)[..., None])
    _add_rays(rng, water)
    for layer in range(2):
        _add_reef(rng, water, (surface + depth) / 2, layer)
    return water


def _add_rays(rng: np.random.Generator, water: Canvas) -> None:
    side = len(water)
    light = np.zeros((side // 2, side // 2), np.float32)
    source = np.array([rng.uniform(0, 1), -0.3]) * len(light)
    for angle in np.pi / 2 + rng.uniform(-0.8, 0.8, rng.integers(4, 8)):
        width = rng.uniform(0.02, 0.07)
        ends = [source + 2 * len(light) * np.array([np.cos(a), np.sin(a)]) for a in (angle - width, angle + width)]
        ray = np.zeros_like(light)
        cv2.fillPoly(ray, [np.stack([source, *ends]).round().astype(np.int32)], rng.uniform(0.05, 0.16))
        light += ray
    light *= np.linspace(1, 0.1, len(light), dtype=np.float32)[:, None]
    soft = cv2.resize(cv2.GaussianBlur(light, (0, 0), 1.2), (side, side), interpolation=cv2.INTER_LINEAR)
    water += (1 - water) * soft[..., None]


def _add_reef(rng: np.random.Generator, water: Canvas, haze: Canvas, layer: int) -> None:
    """Add a row of far rocks, the nearer layer darker and lower."""
    side = len(water)
    ridge = (0.42 + 0.18 * layer + rng.uniform(0, 0.25) + 0.34 * (cloud(rng, side, 4)[0] - 0.5)) * side
    rows = np.arange(side, dtype=np.float32)[:, None]
    alpha = ((rows - ridge[None, :]) / (4 - 2 * layer)).clip(0, 1)[..., None] * 0.8
    rock = haze * (0.62 - 0.2 * layer) * (0.55 + 0.9 * cloud(rng, side, 12)[..., None])
    water += alpha * (rock * rng.uniform(0.85, 1.1, 3).astype(np.float32) - water)


def _add_sand(rng: np.random.Generator, water: Canvas, sand: Canvas, depth: Canvas) -> None:
    side = len(water)
    top = (rng.uniform(0.66, 0.88) + 0.12 * (cloud(rng, side, 3)[0] - 0.5)) * side
    rows = np.arange(side, dtype=np.float32)[:, None]
    down = ((rows - top[None, :]) / (0.35 * side)).clip(0, 1)
    bends = 5 * cloud(rng, side, 4)
    ripples = 0.5 + 0.5 * np.sin(bends * 2 + np.sqrt(down + 0.02) * rng.uniform(40, 60))
    grain = rng.random((side // 2, side // 2), np.float32)
    speckle = cv2.resize(grain, (side, side), interpolation=cv2.INTER_LINEAR)
    tone = (0.62 + 0.2 * ripples + 0.22 * speckle + 0.2 * down)[..., None]
    alpha = ((rows - top[None, :]) / 4).clip(0, 1)[..., None]
    water += alpha * ((0.8 * sand + 0.2 * depth) * tone - water)


def _facing_light(height: Canvas) -> Canvas:
    """Return the cosine between a height map's normals and the light, 0..1."""
    slope_x, slope_y = (cv2.Sobel(height, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
    towards = _LIGHT[2] - _LIGHT[0] * slope_x - _LIGHT[1] * slope_y
    return np.asarray((towards / np.sqrt(slope_x**2 + slope_y**2 + 1)).clip(0, 1), np.float32)
