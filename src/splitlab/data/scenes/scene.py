"""One embedded scene: reef and weed, then animals in order of depth, with exact masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import cv2
import numpy as np
from numpy.typing import NDArray

from splitlab.data.scenes.animals import (
    Creature,
    Points,
    Spine,
    banded_fish,
    barred_star,
    beaded_star,
    compass_jelly,
    disc,
    ellipse,
    moon_jelly,
    spotted_fish,
    turn,
)
from splitlab.data.scenes.paint import (
    SUBPIXEL_BITS,
    Canvas,
    cloud,
    coverage,
    draw_water,
    lit,
    paint_creature,
    paint_over,
    random_coat,
    touched,
)
from splitlab.errors import SettingsError

_CORAL_SHARE = 0.55
_FORKS = 3

# Dark and light green, olive, rust, wine: RGB, 0..255.
_GREENS = ((44, 110, 72), (108, 150, 62), (122, 118, 52), (150, 92, 54), (118, 52, 74), (36, 96, 100))

# Neighbours in the list look alike: they share outlines and colours and differ in their marks only.
_CREATURES: dict[str, Callable[[np.random.Generator], Creature]] = {
    "banded fish": banded_fish,
    "spotted fish": spotted_fish,
    "barred star": barred_star,
    "beaded star": beaded_star,
    "compass jelly": compass_jelly,
    "moon jelly": moon_jelly,
}
CLASS_NAMES = tuple(_CREATURES)
_MIN_VISIBLE_PIXELS = 60
_TRIES = 8
_SMALLEST_SCENE = 96

_Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SceneSettings:
    """The parameters of a scene (docs/embedded-data.md explains their effects).

    Attributes:
        size: side of the square scene, pixels.
        most_objects: a scene has 1 to this many objects.
        company: probability of each further creature, below 1.
        smallest, largest: length of a creature as a share of `size`.
        weed_before, weed_behind: maximum number of weed clumps in front of all creatures, and behind them.
        reef: maximum number of corals and sponges behind all creatures.
        disguise: share of these that have the colours of a creature in the scene, 0..1.
        least_visible: minimum visible share of a creature's pixels.
        mark_contrast: strength of the marks that distinguish similar classes, 0..1.
        fade: how far the smallest creatures fade into the water, 0..1.
        noise: standard deviation of the camera noise, of 255.
    """

    size: int = 192
    most_objects: int = 6
    company: float = 0.2
    smallest: float = 0.3
    largest: float = 0.75
    weed_before: int = 3
    weed_behind: int = 1
    reef: int = 4
    disguise: float = 0.7
    least_visible: float = 0.5
    mark_contrast: float = 0.25
    fade: float = 0.35
    noise: float = 3.0

    def __post_init__(self) -> None:
        if self.size < _SMALLEST_SCENE:
            raise SettingsError(
                f"A scene of {self.size} pixels is too small to draw in; use {_SMALLEST_SCENE} or more."
            )
        if not 0 <= self.company < 1:
            raise SettingsError(f"company is {self.company}; it must be 0 or more and below 1.")
        if self.reef < 0 or not 0 <= self.disguise <= 1:
            raise SettingsError(
                f"reef is {self.reef} and disguise {self.disguise}; give 0 or more, and a share of 0 to 1."
            )


def draw_scene(rng: np.random.Generator, settings: SceneSettings) -> tuple[_Image, list[tuple[int, Mask]]]:
    """Draw one (size, size, 3) RGB scene; return it with the class index and visible mask of each object."""
    side = settings.size
    canvas, haze = draw_water(rng, side)
    grain = cloud(rng, side, side // 16)
    _paint_weed(canvas, _grow_weed(rng, side, settings.weed_behind), haze, grain, rng)
    weed = _grow_weed(rng, side, settings.weed_before)
    placed = _place_creatures(rng, settings, _covered_pixels([*chain(*weed)], side))
    coats = [random_coat(rng, settings.mark_contrast, haze, _fade(settings, item.length)) for item in placed]
    for clump in _grow_reef(rng, side, settings.reef):
        own_coat = random_coat(rng, settings.mark_contrast, haze, settings.fade / 2)
        worn = coats[rng.integers(len(coats))] if rng.random() < settings.disguise else own_coat
        paint_creature(canvas, clump, worn, grain)
    for item, coat in zip(reversed(placed), reversed(coats), strict=True):
        paint_creature(canvas, item.creature, coat, grain)
    _paint_weed(canvas, weed, haze, grain, rng)
    return _photo(rng, canvas, settings.noise), [(item.class_index, item.visible) for item in placed]


def _paint_weed(
    canvas: Canvas, clumps: list[tuple[Points, ...]], haze: Canvas, grain: Canvas, rng: np.random.Generator
) -> None:
    for clump in clumps:
        colour = np.array(_GREENS[rng.integers(len(_GREENS))], np.float32) / 255
        for blade in clump:
            _paint_blade(canvas, blade, colour * rng.uniform(0.7, 1.3, 3).astype(np.float32), haze, grain)


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


def _grow_weed(rng: np.random.Generator, side: int, most_clumps: int) -> list[tuple[Points, ...]]:
    """Grow up to `most_clumps` clumps of waving blades from the bottom; each clump is a tuple of polygons."""
    return [_weed_clump(rng, side) for _ in range(rng.integers(0, most_clumps + 1))]


def _weed_clump(rng: np.random.Generator, side: int) -> tuple[Points, ...]:
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


def _place_creatures(rng: np.random.Generator, settings: SceneSettings, covered: Mask) -> list[_Placed]:
    """Place at least one creature outside `covered`."""
    for _ in range(_TRIES):
        placed = _place_some(rng, settings, covered)
        if placed:
            return placed
    raise SettingsError(
        f"No creature fits with {settings.least_visible:.0%} of it visible. Lower least_visible or weed_before."
    )


@dataclass(frozen=True)
class _Placed:
    """A creature in canvas pixels, its visible pixels in the image, and its length as a share of the scene."""

    class_index: int
    creature: Creature
    visible: Mask
    length: float


def _place_some(rng: np.random.Generator, settings: SceneSettings, covered: Mask) -> list[_Placed]:
    """Place creatures from front to back, so that the visible part of each is known when it is placed."""
    wanted = min(int(rng.geometric(1 - settings.company)), settings.most_objects)
    lengths = np.exp(rng.uniform(np.log(settings.smallest), np.log(settings.largest), wanted))
    placed: list[_Placed] = []
    for length in sorted(lengths, reverse=True):
        class_index = int(rng.integers(len(CLASS_NAMES)))
        for _ in range(_TRIES):
            creature = _somewhere(rng, _CREATURES[CLASS_NAMES[class_index]](rng), length, settings.size)
            outline = _covered_pixels(creature.outline, settings.size)
            visible = outline & ~covered
            if visible.sum() >= max(settings.least_visible * outline.sum(), _MIN_VISIBLE_PIXELS):
                placed.append(_Placed(class_index, creature, visible, length))
                covered = covered | outline
                break
    return placed


def _somewhere(rng: np.random.Generator, creature: Creature, length: float, size: int) -> Creature:
    """Scale a creature to a share of the scene and place it with its centre well inside."""
    margin = 0.3 * length * size
    return creature.moved(turn(0.0, length * size, length * size), rng.uniform(margin, size - margin, 2))


def _covered_pixels(polygons: Sequence[Points], size: int) -> Mask:
    return coverage(polygons, (size, size)) > 0.5


def _grow_reef(rng: np.random.Generator, side: int, most_clumps: int) -> list[Creature]:
    """Grow up to `most_clumps` corals and sponges from the bottom, as creatures to paint."""
    return [_reef_clump(rng, side) for _ in range(rng.integers(0, most_clumps + 1))]


def _reef_clump(rng: np.random.Generator, side: int) -> Creature:
    foot = np.array([rng.uniform(0, 1), rng.uniform(0.85, 1.05)]) * side
    kind = _coral if rng.random() < _CORAL_SHARE else _sponge
    return kind(rng, foot, rng.uniform(0.3, 0.75) * side)


def _coral(rng: np.random.Generator, foot: Points, tall: float) -> Creature:
    """Draw stems that fork twice, with light tips."""
    stems = [_stem(rng, foot, -np.pi / 2 + rng.normal(0, 0.5), 0.5 * tall) for _ in range(rng.integers(2, 4))]
    branches: list[Points] = []
    root = 0.055 * tall
    for fork in range(_FORKS):
        branches += [stem.taper(root, 0.75 * root) for stem in stems]
        if fork < _FORKS - 1:
            stems = [_twig(rng, stem, side, 0.5 * tall * 0.62 ** (fork + 1)) for stem in stems for side in (-0.5, 0.5)]
            root *= 0.8
    return Creature(body=tuple(branches), fins=tuple(disc(stem.points[-1], 0.9 * root) for stem in stems), marks=())


def _stem(rng: np.random.Generator, start: Points, heading: float, length: float) -> Spine:
    bend = rng.uniform(-0.7, 0.7)
    return Spine.bent(heading + bend * np.linspace(0, 1, 10), length, (float(start[0]), float(start[1])))


def _twig(rng: np.random.Generator, stem: Spine, side: float, length: float) -> Spine:
    """Continue a stem, turned to a side, radians."""
    ahead = stem.points[-1] - stem.points[-2]
    return _stem(rng, stem.points[-1], float(np.arctan2(ahead[1], ahead[0])) + rng.normal(side, 0.2), length)


def _sponge(rng: np.random.Generator, foot: Points, tall: float) -> Creature:
    """Draw tubes side by side, wider at the top, with dark mouths."""
    tubes: list[Points] = []
    mouths: list[Points] = []
    for _ in range(rng.integers(2, 5)):
        start = foot + np.array([rng.normal(0, 0.12 * tall), 0.0])
        spine = _stem(rng, start, -np.pi / 2 + rng.uniform(-0.4, 0.4), rng.uniform(0.4, 0.9) * tall)
        width = rng.uniform(0.07, 0.12) * tall
        along = np.linspace(0, 1, 12)
        half = width * (0.6 + 0.4 * along + 0.06 * np.sin(rng.uniform(8, 14) * along))
        rim = spine.points[-1]
        tubes += [spine.ribbon(along, half, -half), ellipse(rim, width, 0.45 * width)]
        mouths.append(ellipse(rim, 0.7 * width, 0.28 * width))
    return Creature(body=tuple(tubes), fins=(), marks=tuple(mouths))


def _photo(rng: np.random.Generator, canvas: Canvas, noise: float) -> _Image:
    photo = 255 * canvas + noise * rng.standard_normal(canvas.shape, np.float32)
    return np.asarray(np.rint(photo).clip(0, 255), np.uint8)


def _fade(settings: SceneSettings, length: float) -> float:
    return settings.fade * (settings.largest - length) / (settings.largest - settings.smallest)
