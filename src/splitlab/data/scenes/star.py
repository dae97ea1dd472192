"""Sea stars in a look-alike pair: bars or beads on five bent arms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from splitlab.data.scenes.body import Creature, Points, Spine, disc, turn

Pattern = Callable[[Spine, float], tuple[Points, ...]]

ARMS = 5


def barred_star(rng: np.random.Generator) -> Creature:
    """Draw a sea star with bars across its arms, about 1 wide."""
    return _star(rng, _bars)


def beaded_star(rng: np.random.Generator) -> Creature:
    """Draw a sea star with a row of beads along each arm, about 1 wide."""
    return _star(rng, _beads)


def _star(rng: np.random.Generator, pattern: Pattern) -> Creature:
    root = rng.uniform(0.11, 0.15)
    arms = [_arm(rng, 2 * np.pi * number / ARMS) for number in range(ARMS)]
    star = Creature(
        body=(disc((0, 0), 1.45 * root), *(arm.taper(root, 0.4 * root) for arm in arms)),
        fins=(),
        marks=tuple(mark for arm in arms for mark in pattern(arm, root)),
    )
    seen_from = turn(rng.uniform(0, np.pi), 1.0, rng.uniform(0.6, 1.0))
    return star.moved(seen_from @ turn(rng.uniform(0, 2 * np.pi)), np.zeros(2))


def _arm(rng: np.random.Generator, heading: float) -> Spine:
    bend = rng.uniform(-1.3, 1.3)
    return Spine.bent(heading + rng.uniform(-0.2, 0.2) + bend * np.linspace(0, 1, 16) ** 1.5, rng.uniform(0.38, 0.56))


def _bars(arm: Spine, root: float) -> tuple[Points, ...]:
    sides = np.array([-1.3, 1.3, 1.3, -1.3]) * root
    return tuple(arm.at(np.array([along, along, along + 0.15, along + 0.15]), sides) for along in (0.26, 0.52, 0.77))


def _beads(arm: Spine, root: float) -> tuple[Points, ...]:
    along = np.array([0.14, 0.4, 0.64, 0.87])
    radii = root * (0.44 - 0.2 * along)
    return tuple(disc(place, radius) for place, radius in zip(arm.at(along, 0.0), radii, strict=True))
