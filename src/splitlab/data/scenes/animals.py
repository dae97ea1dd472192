"""The animals of the embedded scenes: fish, jellyfish and starfish, each a body with a pattern."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

Points = NDArray[np.float64]

_BODY_END = 0.84
_PROFILE = PchipInterpolator(
    [0.0, 0.03, 0.12, 0.33, 0.55, 0.74, _BODY_END, 1.0], [0.0, 0.3, 0.68, 1.0, 0.82, 0.36, 0.2, 0.2]
)

_JellyPattern = Callable[[float, float], tuple[Points, ...]]

_ARMS = 5


@dataclass(frozen=True)
class Creature:
    """One creature as polygons, each (N, 2) xy.

    Attributes:
        body: painted in the main colour.
        fins: painted in the second colour, under the body; together they are the outline.
        marks: the pattern that distinguishes similar classes; only its part on the body is visible.
        eyes: discs on top of everything, from large to small.
    """

    body: tuple[Points, ...]
    fins: tuple[Points, ...]
    marks: tuple[Points, ...]
    eyes: tuple[Points, ...] = ()

    @property
    def outline(self) -> tuple[Points, ...]:
        """The polygons whose union is the creature."""
        return (*self.body, *self.fins)

    def moved(self, matrix: Points, centre: Points) -> Creature:
        """Return the creature transformed by a (2, 2) matrix and then moved to `centre`."""

        def moved(parts: tuple[Points, ...]) -> tuple[Points, ...]:
            return tuple(part @ matrix.T + centre for part in parts)

        return Creature(moved(self.body), moved(self.fins), moved(self.marks), moved(self.eyes))


@dataclass(frozen=True)
class Spine:
    """A curve with (N, 2) points and normals: the coordinate system of a body."""

    points: Points
    normals: Points

    @classmethod
    def bent(cls, headings: Points, length: float, start: tuple[float, float] = (0.0, 0.0)) -> Spine:
        """Follow headings in radians for `length` in equal steps."""
        steps = np.stack([np.cos(headings), np.sin(headings)], axis=1)
        points = np.cumsum(steps, axis=0) * length / len(headings) + np.asarray(start)
        return cls(points, np.stack([-steps[:, 1], steps[:, 0]], axis=1))

    def at(self, along: Points | float, across: Points | float) -> Points:
        """Convert body coordinates (share of the length, distance to the side) to (N, 2) points."""
        place = np.atleast_1d(along).clip(0, 1) * (len(self.points) - 1)
        before = np.minimum(place.astype(int), len(self.points) - 2)
        share = (place - before)[:, None]
        middle = self.points[before] * (1 - share) + self.points[before + 1] * share
        normal = self.normals[before] * (1 - share) + self.normals[before + 1] * share
        points: Points = middle + normal * np.reshape(across, (-1, 1))
        return points

    def ribbon(self, along: Points, upper: Points, lower: Points) -> Points:
        """Return the polygon between two distances to the side, both (N,) at `along`."""
        return self.at(np.concatenate([along, along[::-1]]), np.concatenate([upper, lower[::-1]]))

    def taper(self, root: float, tip: float) -> Points:
        """Return a round-ended polygon whose half width goes from `root` to `tip`."""
        along = np.linspace(0, 1, 14)
        half = (root + (tip - root) * along) * np.sqrt(1 - np.maximum((along - 0.88) / 0.12, 0) ** 2)
        return self.ribbon(along, half, -half)


_FishPattern = Callable[[np.random.Generator, Spine, float], tuple[Points, ...]]

_StarPattern = Callable[[Spine, float], tuple[Points, ...]]


def disc(centre: Points | Sequence[float], radius: float, corners: int = 14) -> Points:
    """Return a round polygon."""
    return ellipse(centre, radius, radius, corners)


def ellipse(centre: Points | Sequence[float], half_width: float, half_height: float, corners: int = 28) -> Points:
    """Return an upright ellipse as a polygon."""
    points: Points = _circle(corners) * (half_width, half_height) + np.asarray(centre)
    return points


def turn(angle: float, scale_x: float = 1.0, scale_y: float = 1.0) -> Points:
    """Return the (2, 2) matrix that scales and then turns by `angle`, radians."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine * scale_x, -sine * scale_y], [sine * scale_x, cosine * scale_y]])


def banded_fish(rng: np.random.Generator) -> Creature:
    """Draw a fish with bands across its body, about 1 long."""
    return _fish(rng, _bands)


def spotted_fish(rng: np.random.Generator) -> Creature:
    """Draw a fish with spots on its body, about 1 long."""
    return _fish(rng, _spots)


def compass_jelly(rng: np.random.Generator) -> Creature:
    """Draw a jellyfish with rays on its bell, about 1 long."""
    return _jelly(rng, _rays)


def moon_jelly(rng: np.random.Generator) -> Creature:
    """Draw a jellyfish with rings on its bell, about 1 long."""
    return _jelly(rng, _rings)


def barred_star(rng: np.random.Generator) -> Creature:
    """Draw a sea star with bars across its arms, about 1 wide."""
    return _star(rng, _bars)


def beaded_star(rng: np.random.Generator) -> Creature:
    """Draw a sea star with a row of beads along each arm, about 1 wide."""
    return _star(rng, _beads)


@cache
def _circle(corners: int) -> Points:
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _fish(rng: np.random.Generator, pattern: _FishPattern) -> Creature:
    height = rng.uniform(0.17, 0.29)
    ticks = np.linspace(0, 1, 40)
    bend, wave = rng.uniform(-0.9, 0.9), rng.uniform(-0.5, 0.5)
    spine = Spine.bent(bend * (ticks - 0.4) + wave * np.sin(2 * np.pi * ticks), 1.0, (-0.5, 0.0))
    along = np.linspace(0, _BODY_END, 28)
    half = height * _PROFILE(along)
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
    """Return a sail on the edge of the body. `height` is signed; `peak` is where along the fin it is highest."""
    along = np.linspace(*reach, 12)
    edge = height * _PROFILE(along)
    sail = np.sin(np.pi * np.linspace(0, 1, 12) ** (np.log(0.5) / np.log(peak))) ** 0.7
    # A fin leans back.
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
    half = height * _PROFILE(along)
    across = np.repeat([-0.55, 0.0, 0.55], [len(row) for row in rows]) * half
    places = spine.at(along + rng.uniform(-0.012, 0.012, len(along)), across)
    radii = rng.uniform(0.75, 1.05, len(along)) * (0.028 + 0.1 * half)
    return tuple(disc(place, radius) for place, radius in zip(places, radii, strict=True))


def _jelly(rng: np.random.Generator, pattern: _JellyPattern) -> Creature:
    half_width, height = rng.uniform(0.26, 0.34), rng.uniform(0.3, 0.44)
    jelly = Creature(
        body=(_bell(rng, half_width, height),), fins=_arms(rng, half_width), marks=pattern(half_width, height)
    )
    return jelly.moved(turn(rng.uniform(-0.7, 0.7)), np.zeros(2))


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


def _bell(rng: np.random.Generator, half_width: float, height: float) -> Points:
    """Return a dome with a scalloped rim; the rim is at y = 0, the top at -height."""
    angles = np.linspace(np.pi, 2 * np.pi, 24)
    bulge = rng.uniform(0.75, 1.0)
    dome = np.stack([half_width * np.cos(angles), -height * np.abs(np.sin(angles)) ** bulge], axis=1)
    rim = np.linspace(1, -1, 41)
    scallops = 0.05 * np.abs(np.sin(rim * np.pi * 2.5)) - 0.04 + 0.05 * (1 - rim**2)
    return np.concatenate([dome, np.stack([half_width * rim, scallops], axis=1)])


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
    """Return a ring as one polygon with a slit, since polygons have no holes."""
    outer = ellipse(centre, half_width, half_height)
    inner = ellipse(centre, 0.5 * half_width, 0.5 * half_height)
    return np.concatenate([outer, outer[:1], inner[:1], inner[::-1]])


def _star(rng: np.random.Generator, pattern: _StarPattern) -> Creature:
    root = rng.uniform(0.11, 0.15)
    arms = [_arm(rng, 2 * np.pi * number / _ARMS) for number in range(_ARMS)]
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
