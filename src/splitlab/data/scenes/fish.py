"""Fish in a look-alike pair: bands or spots on one kind of body with a bent spine and fins."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.interpolate import PchipInterpolator

from splitlab.data.scenes.body import Creature, Points, Spine, disc, turn

Pattern = Callable[[np.random.Generator, Spine, float], tuple[Points, ...]]

BODY_END = 0.84
PROFILE = PchipInterpolator(
    [0.0, 0.03, 0.12, 0.33, 0.55, 0.74, BODY_END, 1.0], [0.0, 0.3, 0.68, 1.0, 0.82, 0.36, 0.2, 0.2]
)


def banded_fish(rng: np.random.Generator) -> Creature:
    """Draw a fish with bands across its body, about 1 long."""
    return _fish(rng, _bands)


def spotted_fish(rng: np.random.Generator) -> Creature:
    """Draw a fish with spots on its body, about 1 long."""
    return _fish(rng, _spots)


def _fish(rng: np.random.Generator, pattern: Pattern) -> Creature:
    height = rng.uniform(0.17, 0.29)
    ticks = np.linspace(0, 1, 40)
    bend, wave = rng.uniform(-0.9, 0.9), rng.uniform(-0.5, 0.5)
    spine = Spine.bent(bend * (ticks - 0.4) + wave * np.sin(2 * np.pi * ticks), 1.0, (-0.5, 0.0))
    along = np.linspace(0, BODY_END, 28)
    half = height * PROFILE(along)
    fish = Creature(
        body=(spine.ribbon(along, -half, 0.9 * half),),
        fins=_fins(rng, spine, height),
        marks=pattern(rng, spine, height),
        eyes=tuple(disc(spine.at(0.12, -0.25 * height)[0], share * height) for share in (0.2, 0.11)),
    )
    facing = rng.choice([-1.0, 1.0])
    return fish.moved(turn(rng.uniform(-0.5, 0.5), facing), np.zeros(2))


def _fins(rng: np.random.Generator, spine: Spine, height: float) -> tuple[Points, ...]:
    back = _fin(spine, (0.2, rng.uniform(0.66, 0.8)), -height, rng.uniform(0.35, 0.8), rng.uniform(0.3, 0.8))
    belly = _fin(spine, (rng.uniform(0.42, 0.5), 0.76), 0.9 * height, rng.uniform(0.3, 0.8), rng.uniform(0.4, 0.8))
    breast = _fin(spine, (0.26, 0.4), 0.8 * height, rng.uniform(0.3, 0.7), 0.8)
    return (back, belly, breast, _tail(rng, spine, height))


def _fin(spine: Spine, reach: tuple[float, float], height: float, rise: float, peak: float) -> Points:
    """Raise a sail on the body's edge; `height` is signed, `peak` says where along the fin it stands highest."""
    along = np.linspace(*reach, 12)
    edge = height * PROFILE(along)
    sail = np.sin(np.pi * np.linspace(0, 1, 12) ** (np.log(0.5) / np.log(peak))) ** 0.7
    # A fin leans back, so its edge lies behind its root.
    lean = 0.08 * sail
    across = np.concatenate([edge + rise * height * sail, 0.8 * edge[::-1]])
    return spine.at(np.concatenate([along + lean, along[::-1]]), across)


def _tail(rng: np.random.Generator, spine: Spine, height: float) -> Points:
    spread, notch = rng.uniform(0.65, 1.05) * height, rng.uniform(0.88, 0.97)
    root = 0.2 * height
    along = np.array([0.8, 0.84, 0.9, 0.96, 1.0, 0.97, notch, 0.97, 1.0, 0.96, 0.9, 0.84, 0.8])
    upper = np.array([root, root, 0.45 * spread, 0.8 * spread, spread, 0.6 * spread])
    return spine.at(along, np.concatenate([-upper, [0.0], upper[::-1]]))


def _bands(rng: np.random.Generator, spine: Spine, height: float) -> tuple[Points, ...]:
    count = int(rng.integers(3, 5))
    edges = np.linspace(0.2, 0.8, count + 1)[:-1] + rng.uniform(-0.01, 0.01, count)
    width = rng.uniform(0.5, 0.6) * 0.6 / count
    side = np.linspace(-1.2, 1.2, 8)
    bulge = 0.02 * np.cos(2 * side)
    across = np.concatenate([side, side[::-1]]) * height
    return tuple(spine.at(np.concatenate([edge + bulge, (edge + width + bulge)[::-1]]), across) for edge in edges)


def _spots(rng: np.random.Generator, spine: Spine, height: float) -> tuple[Points, ...]:
    rows = [np.arange(0.22 + 0.08 * (row % 2), 0.8, 0.16) for row in range(3)]
    along = np.concatenate(rows)
    half = height * PROFILE(along)
    across = np.repeat([-0.55, 0.0, 0.55], [len(row) for row in rows]) * half
    places = spine.at(along + rng.uniform(-0.012, 0.012, len(along)), across)
    radii = rng.uniform(0.75, 1.05, len(along)) * (0.028 + 0.1 * half)
    return tuple(disc(place, radius) for place, radius in zip(places, radii, strict=True))
