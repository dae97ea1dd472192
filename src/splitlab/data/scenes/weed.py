"""Sea grass and kelp: textured background that hides parts of the creatures behind it."""

from __future__ import annotations

import cv2
import numpy as np

from splitlab.data.scenes.body import Points, Spine
from splitlab.data.scenes.paint import SUBPIXEL_BITS, coverage, lit, paint_over, touched
from splitlab.data.scenes.water import Canvas

# Dark and light green, olive, rust, wine: RGB, 0..255.
GREENS = ((44, 110, 72), (108, 150, 62), (122, 118, 52), (150, 92, 54), (118, 52, 74), (36, 96, 100))


def grow_weed(rng: np.random.Generator, side: int, most_clumps: int) -> list[tuple[Points, ...]]:
    """Grow up to `most_clumps` clumps of waving blades from the bottom; each clump is a tuple of polygons."""
    return [_clump(rng, side) for _ in range(rng.integers(0, most_clumps + 1))]


def paint_weed(
    canvas: Canvas, clumps: list[tuple[Points, ...]], haze: Canvas, grain: Canvas, rng: np.random.Generator
) -> None:
    """Paint the clumps over the canvas."""
    for clump in clumps:
        colour = np.array(GREENS[rng.integers(len(GREENS))], np.float32) / 255
        for blade in clump:
            _paint_blade(canvas, blade, colour * rng.uniform(0.7, 1.3, 3).astype(np.float32), haze, grain)


def _clump(rng: np.random.Generator, side: int) -> tuple[Points, ...]:
    foot, sway, width = rng.uniform(0, 1) * side, rng.uniform(-0.5, 0.5), rng.uniform(0.018, 0.038) * side
    tall = rng.uniform(0.35, 0.85) * side
    return tuple(
        _blade(rng, foot + rng.normal(0, 2.2 * width), side, tall * rng.uniform(0.6, 1.1), sway, width)
        for _ in range(rng.integers(2, 6))
    )


def _blade(rng: np.random.Generator, foot: float, side: int, tall: float, sway: float, width: float) -> Points:
    ticks = np.linspace(0, 1, 24)
    waves, phase = rng.uniform(0.8, 1.6), rng.uniform(0, 2 * np.pi)
    heading = -np.pi / 2 + (sway + rng.normal(0, 0.15)) * ticks + 0.3 * np.sin(2 * np.pi * waves * ticks + phase)
    spine = Spine.bent(heading, tall, (foot, 1.03 * side))
    half = width * rng.uniform(0.7, 1.2) * (0.55 + 0.45 * np.sin(np.pi * ticks**0.8)) * (1 - ticks**6)
    frill = 0.14 * width * np.sin(2 * np.pi * rng.uniform(4, 7) * ticks)
    return spine.ribbon(ticks, -half - frill, half - frill)


def _paint_blade(canvas: Canvas, blade: Points, colour: Canvas, haze: Canvas, grain: Canvas) -> None:
    part, corner = touched(canvas, [blade])
    whole = coverage([blade - corner], part.shape[:2])
    tone = np.linspace(1.25, 0.7, len(whole), dtype=np.float32)[:, None, None]
    leaf = lit(colour * tone, whole, grain)
    half = len(blade) // 2
    rib = (blade[:half] + blade[: half - 1 : -1]) / 2 - corner
    vein = np.zeros(whole.shape, np.uint8)
    fixed = (rib * (1 << SUBPIXEL_BITS)).round().astype(np.int32)
    cv2.polylines(vein, [fixed], isClosed=False, color=72, lineType=cv2.LINE_AA, shift=SUBPIXEL_BITS)
    leaf *= 1 - vein[..., None].astype(np.float32) / 255
    paint_over(part, leaf + 0.08 * (haze - leaf), whole)
