"""One scene under water: creatures in look-alike pairs, partly behind weed and each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from splitlab.data.scenes.body import Creature, Points, turn
from splitlab.data.scenes.fish import banded_fish, spotted_fish
from splitlab.data.scenes.jelly import compass_jelly, moon_jelly
from splitlab.data.scenes.paint import coverage, paint_creature, random_coat
from splitlab.data.scenes.reef import grow_reef
from splitlab.data.scenes.star import barred_star, beaded_star
from splitlab.data.scenes.water import Canvas, cloud, draw_water
from splitlab.data.scenes.weed import grow_weed, paint_weed
from splitlab.errors import SettingsError

# Neighbours are look-alikes: one outline and one set of colours, told apart by their marks alone.
CREATURES: dict[str, Callable[[np.random.Generator], Creature]] = {
    "banded fish": banded_fish,
    "spotted fish": spotted_fish,
    "barred star": barred_star,
    "beaded star": beaded_star,
    "compass jelly": compass_jelly,
    "moon jelly": moon_jelly,
}
CLASS_NAMES = tuple(CREATURES)
MIN_VISIBLE_PIXELS = 60
TRIES = 8
SMALLEST_SCENE = 96

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SceneSettings:
    """The knobs of a scene (docs/embedded-data.md says what each does).

    Attributes:
        size: side of the square scene, pixels.
        most_objects: a scene holds 1 to this many.
        company: chance that one more creature is there, 0..1, below 1.
        smallest, largest: length of a creature as a share of `size`.
        weed_before, weed_behind: most clumps of weed in front of all creatures, and behind them.
        reef: most corals and sponges behind all creatures.
        disguise: share of these that wear the coat of a creature of the scene, 0..1.
        least_visible: share of a creature's pixels that must show.
        mark_contrast: strength of the marks that tell look-alikes apart, 0..1.
        fade: how far the smallest creatures fade into the water, 0..1.
        noise: standard deviation of the camera's noise, of 255.
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
        if self.size < SMALLEST_SCENE:
            raise SettingsError(f"A scene of {self.size} pixels is too small to draw in; use {SMALLEST_SCENE} or more.")
        if not 0 <= self.company < 1:
            raise SettingsError(f"company is {self.company}; it is a chance of 0 or more and below 1.")
        if self.reef < 0 or not 0 <= self.disguise <= 1:
            raise SettingsError(
                f"reef is {self.reef} and disguise {self.disguise}; give 0 or more, and a share of 0 to 1."
            )


@dataclass(frozen=True)
class _Placed:
    """A creature in canvas pixels, what shows of it in the image, and its length as a share of the scene."""

    class_index: int
    creature: Creature
    visible: Mask
    length: float


def draw_scene(rng: np.random.Generator, settings: SceneSettings) -> tuple[Image, list[tuple[int, Mask]]]:
    """Draw one (size, size, 3) RGB scene; return it with (class index, visible mask) for each object."""
    side = settings.size
    canvas, haze = draw_water(rng, side)
    grain = cloud(rng, side, side // 16)
    paint_weed(canvas, grow_weed(rng, side, settings.weed_behind), haze, grain, rng)
    weed = grow_weed(rng, side, settings.weed_before)
    placed = _place_creatures(rng, settings, _covered_pixels([*chain(*weed)], side))
    coats = [random_coat(rng, settings.mark_contrast, haze, _fade(settings, item.length)) for item in placed]
    for clump in grow_reef(rng, side, settings.reef):
        own_coat = random_coat(rng, settings.mark_contrast, haze, settings.fade / 2)
        worn = coats[rng.integers(len(coats))] if rng.random() < settings.disguise else own_coat
        paint_creature(canvas, clump, worn, grain)
    for item, coat in zip(reversed(placed), reversed(coats), strict=True):
        paint_creature(canvas, item.creature, coat, grain)
    paint_weed(canvas, weed, haze, grain, rng)
    return _photo(rng, canvas, settings.noise), [(item.class_index, item.visible) for item in placed]


def _fade(settings: SceneSettings, length: float) -> float:
    """Return how far a creature of this length, a share of the scene, fades into the water."""
    return settings.fade * (settings.largest - length) / (settings.largest - settings.smallest)


def _place_creatures(rng: np.random.Generator, settings: SceneSettings, covered: Mask) -> list[_Placed]:
    """Place at least one creature where `covered` leaves room."""
    for _ in range(TRIES):
        placed = _place_some(rng, settings, covered)
        if placed:
            return placed
    raise SettingsError(
        f"No creature finds a place where {settings.least_visible:.0%} of it show. Lower least_visible or weed_before."
    )


def _place_some(rng: np.random.Generator, settings: SceneSettings, covered: Mask) -> list[_Placed]:
    """Place creatures from the front to the back, so that what shows of one is known when it is placed."""
    wanted = min(int(rng.geometric(1 - settings.company)), settings.most_objects)
    lengths = np.exp(rng.uniform(np.log(settings.smallest), np.log(settings.largest), wanted))
    placed: list[_Placed] = []
    for length in sorted(lengths, reverse=True):
        class_index = int(rng.integers(len(CLASS_NAMES)))
        for _ in range(TRIES):
            creature = _somewhere(rng, CREATURES[CLASS_NAMES[class_index]](rng), length, settings.size)
            outline = _covered_pixels(creature.outline, settings.size)
            visible = outline & ~covered
            if visible.sum() >= max(settings.least_visible * outline.sum(), MIN_VISIBLE_PIXELS):
                placed.append(_Placed(class_index, creature, visible, length))
                covered = covered | outline
                break
    return placed


def _somewhere(rng: np.random.Generator, creature: Creature, length: float, size: int) -> Creature:
    """Scale the creature to a share of the scene and put it where its middle is well inside."""
    margin = 0.3 * length * size
    return creature.moved(turn(0.0, length * size, length * size), rng.uniform(margin, size - margin, 2))


def _covered_pixels(polygons: Sequence[Points], size: int) -> Mask:
    return coverage(polygons, (size, size)) > 0.5


def _photo(rng: np.random.Generator, canvas: Canvas, noise: float) -> Image:
    photo = 255 * canvas + noise * rng.standard_normal(canvas.shape, np.float32)
    return np.asarray(np.rint(photo).clip(0, 255), np.uint8)
