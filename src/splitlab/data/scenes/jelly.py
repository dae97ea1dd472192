"""Jellyfish in a look-alike pair: rays or rings on the bell over swaying arms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from splitlab.data.scenes.body import Creature, Points, Spine, ellipse, turn

Pattern = Callable[[float, float], tuple[Points, ...]]


def compass_jelly(rng: np.random.Generator) -> Creature:
    """Draw a jellyfish with rays on its bell, about 1 long."""
    return _jelly(rng, _rays)


def moon_jelly(rng: np.random.Generator) -> Creature:
    """Draw a jellyfish with rings on its bell, about 1 long."""
    return _jelly(rng, _rings)


def _jelly(rng: np.random.Generator, pattern: Pattern) -> Creature:
    half_width, height = rng.uniform(0.26, 0.34), rng.uniform(0.3, 0.44)
    jelly = Creature(
        body=(_bell(rng, half_width, height),),
        fins=_arms(rng, half_width),
        marks=pattern(half_width, height),
    )
    return jelly.moved(turn(rng.uniform(-0.7, 0.7)), np.zeros(2))


def _bell(rng: np.random.Generator, half_width: float, height: float) -> Points:
    """A dome whose rim is scalloped; its rim lies at y = 0 and its top at -height."""
    angles = np.linspace(np.pi, 2 * np.pi, 24)
    bulge = rng.uniform(0.75, 1.0)
    dome = np.stack([half_width * np.cos(angles), -height * np.abs(np.sin(angles)) ** bulge], axis=1)
    rim = np.linspace(1, -1, 41)
    scallops = 0.05 * np.abs(np.sin(rim * np.pi * 2.5)) - 0.04 + 0.05 * (1 - rim**2)
    return np.concatenate([dome, np.stack([half_width * rim, scallops], axis=1)])


def _arms(rng: np.random.Generator, half_width: float) -> tuple[Points, ...]:
    sway, phase = rng.uniform(-0.9, 0.9), rng.uniform(0, 2 * np.pi)
    count = int(rng.integers(4, 6))
    ticks = np.linspace(0, 1, 18)
    arms = []
    for root in np.linspace(-0.72, 0.72, count):
        heading = np.pi / 2 + sway * ticks + 0.55 * np.sin(2 * np.pi * ticks + phase + root) - 0.2 * root
        spine = Spine.bent(heading, rng.uniform(0.35, 0.65), (root * half_width, -0.04))
        arms.append(spine.taper(rng.uniform(0.042, 0.06), 0.022))
    return tuple(arms)


def _rays(half_width: float, height: float) -> tuple[Points, ...]:
    rays = []
    for side in np.linspace(-0.78, 0.78, 4):
        foot = np.array([side * half_width, 0.02])
        top = np.array([0.22 * side * half_width, -0.86 * height])
        middle = (foot + top) / 2 + [0.25 * side * half_width, 0.0]
        wide, thin = np.array([0.15 * half_width, 0.0]), np.array([0.05 * half_width, 0.0])
        rays.append(np.stack([top - thin, middle - wide, foot - wide, foot + wide, middle + wide, top + thin]))
    return tuple(rays)


def _rings(half_width: float, height: float) -> tuple[Points, ...]:
    middles = ((-0.46, -0.32), (0.46, -0.32), (0.0, -0.6))
    return tuple(_ring((x * half_width, y * height), 0.24 * half_width, 0.17 * height) for x, y in middles)


def _ring(centre: tuple[float, float], half_width: float, half_height: float) -> Points:
    """Return a ring as one polygon with a slit, for polygons have no holes."""
    outer = ellipse(centre, half_width, half_height)
    inner = ellipse(centre, 0.5 * half_width, 0.5 * half_height)
    return np.concatenate([outer, outer[:1], inner[:1], inner[::-1]])
