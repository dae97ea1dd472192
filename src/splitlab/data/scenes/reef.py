"""Coral and sponges: background that wears the creatures' own colours, so that colour gives no outline away."""

from __future__ import annotations

import numpy as np

from splitlab.data.scenes.body import Creature, Points, Spine, disc, ellipse

CORAL_SHARE = 0.55
FORKS = 3


def grow_reef(rng: np.random.Generator, side: int, most_clumps: int) -> list[Creature]:
    """Grow up to `most_clumps` corals and sponges from the bottom; they are painted as creatures are."""
    return [_clump(rng, side) for _ in range(rng.integers(0, most_clumps + 1))]


def _clump(rng: np.random.Generator, side: int) -> Creature:
    foot = np.array([rng.uniform(0, 1), rng.uniform(0.85, 1.05)]) * side
    kind = _coral if rng.random() < CORAL_SHARE else _sponge
    return kind(rng, foot, rng.uniform(0.3, 0.75) * side)


def _coral(rng: np.random.Generator, foot: Points, tall: float) -> Creature:
    """Stems that fork twice, with light tips."""
    stems = [_stem(rng, foot, -np.pi / 2 + rng.normal(0, 0.5), 0.5 * tall) for _ in range(rng.integers(2, 4))]
    branches: list[Points] = []
    root = 0.055 * tall
    for fork in range(FORKS):
        branches += [stem.taper(root, 0.75 * root) for stem in stems]
        if fork < FORKS - 1:
            stems = [_twig(rng, stem, side, 0.5 * tall * 0.62 ** (fork + 1)) for stem in stems for side in (-0.5, 0.5)]
            root *= 0.8
    return Creature(body=tuple(branches), fins=tuple(disc(stem.points[-1], 0.9 * root) for stem in stems), marks=())


def _twig(rng: np.random.Generator, stem: Spine, side: float, length: float) -> Spine:
    """Grow on from the end of a stem, turned to a side, radians."""
    ahead = stem.points[-1] - stem.points[-2]
    return _stem(rng, stem.points[-1], float(np.arctan2(ahead[1], ahead[0])) + rng.normal(side, 0.2), length)


def _stem(rng: np.random.Generator, start: Points, heading: float, length: float) -> Spine:
    bend = rng.uniform(-0.7, 0.7)
    return Spine.bent(heading + bend * np.linspace(0, 1, 10), length, (float(start[0]), float(start[1])))


def _sponge(rng: np.random.Generator, foot: Points, tall: float) -> Creature:
    """Tubes side by side, wider at the top, with dark mouths."""
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
