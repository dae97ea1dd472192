"""Paint polygons as lit, textured, soft-edged things on the canvas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from splitlab.data.scenes.body import Creature, Points
from splitlab.data.scenes.water import Canvas

SUBPIXEL_BITS = 4
LIGHT = (-0.4, -0.7, 0.6)
SHADOW, GLOSS = 0.35, 0.3
EYE_SHADES = (0.96, 0.06)


@dataclass(frozen=True)
class Coat:
    """The (3,) RGB colours of a creature, 0..1, and how far it fades into the haze, 0..1."""

    main: Canvas
    second: Canvas
    mark: Canvas
    haze: Canvas
    fade: float


# Cream or ink, 0..1: of the marks of any class, so that their form alone tells look-alikes apart.
TONES = ((0.99, 0.96, 0.87), (0.16, 0.11, 0.22))
# Main and second colour: RGB, 0..255. Any class may wear any of them.
COATS = (
    ((244, 128, 72), (250, 190, 104)),
    ((250, 200, 72), (240, 150, 60)),
    ((232, 92, 104), (250, 168, 150)),
    ((196, 120, 190), (236, 170, 200)),
    ((124, 128, 214), (176, 190, 240)),
    ((92, 186, 190), (190, 226, 190)),
    ((206, 156, 112), (236, 206, 160)),
    ((170, 200, 92), (230, 220, 120)),
)


def random_coat(rng: np.random.Generator, contrast: float, haze: Canvas, fade: float) -> Coat:
    """Choose colours; the marks' tone is mixed into the main colour where `contrast` is below 1."""
    tone = np.array(TONES[rng.integers(len(TONES))], np.float32)
    pair = np.array(COATS[rng.integers(len(COATS))], np.float32) / 255
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
    for eye, shade in zip(near.eyes, EYE_SHADES, strict=False):
        colour += coverage([eye], shape)[..., None] * (shade - colour)
    colour += coat.fade * (coat.haze - colour)
    paint_over(part, colour, whole)


def paint_over(part: Canvas, colour: Canvas, whole: Canvas) -> None:
    """Lay a colour of this coverage over part of the canvas, with its soft shadow under it."""
    fall = max(min(whole.shape) // 20, 2)
    shadow = cv2.GaussianBlur(whole, (0, 0), fall)
    moved = np.zeros_like(shadow)
    moved[fall:, fall // 2 :] = shadow[:-fall, : -(fall // 2) or None]
    part *= 1 - SHADOW * moved[..., None]
    part += whole[..., None] * (colour - part)


def lit(colour: Canvas, whole: Canvas, grain: Canvas) -> Canvas:
    """Shade a (H, W, 3) colour as a rounded, grainy thing of this coverage, lit from above."""
    inner = cv2.distanceTransform((whole > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    radius = max(0.7 * float(inner.max()), 2.0)
    bump: Canvas = radius * np.sqrt(1 - (1 - (inner / radius).clip(0, 1)) ** 2)
    facing = _facing_light(cv2.GaussianBlur(bump, (0, 0), max(0.12 * radius, 1.0)))
    height, width = whole.shape
    shade = (0.6 + 0.62 * facing) * (0.84 + 0.32 * grain[:height, :width])
    return np.asarray((colour * shade[..., None] + GLOSS * facing[..., None] ** 12).clip(0, 1), np.float32)


def _facing_light(height: Canvas) -> Canvas:
    """Return the cosine between a height map's normals and the light, 0..1."""
    slope_x, slope_y = (cv2.Sobel(height, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
    towards = LIGHT[2] - LIGHT[0] * slope_x - LIGHT[1] * slope_y
    return np.asarray((towards / np.sqrt(slope_x**2 + slope_y**2 + 1)).clip(0, 1), np.float32)


def touched(canvas: Canvas, polygons: Sequence[Points]) -> tuple[Canvas, Points]:
    """Return the part of the canvas that polygons and their shadow touch, and its top left corner, xy."""
    corners = np.concatenate(polygons)
    low = np.floor(corners.min(axis=0) - 4).clip(0, len(canvas) - 8).astype(int)
    high = np.ceil(corners.max(axis=0) + 0.06 * len(canvas)).clip(low + 8, len(canvas)).astype(int)
    return canvas[low[1] : high[1], low[0] : high[0]], low.astype(float)
