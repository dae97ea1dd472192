"""What every drawn creature is made of: a bent spine, polygons around it, and a place in the scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Creature:
    """One creature as polygons, each (N, 2) xy.

    Attributes:
        body: painted in the main colour.
        fins: painted in the second colour, under the body; with the body they are the outline.
        marks: the pattern that tells look-alikes apart; only what lies on the body shows.
        eyes: discs that show over everything, from large to small.
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
        """Return the creature turned and scaled by a (2, 2) matrix and then moved to `centre`."""

        def moved(parts: tuple[Points, ...]) -> tuple[Points, ...]:
            return tuple(part @ matrix.T + centre for part in parts)

        return Creature(moved(self.body), moved(self.fins), moved(self.marks), moved(self.eyes))


@dataclass(frozen=True)
class Spine:
    """A bent line with (N, 2) points and normals: body coordinates for all that lies on it."""

    points: Points
    normals: Points

    @classmethod
    def bent(cls, headings: Points, length: float, start: tuple[float, float] = (0.0, 0.0)) -> Spine:
        """Walk `length` in equal steps with these headings, radians."""
        steps = np.stack([np.cos(headings), np.sin(headings)], axis=1)
        points = np.cumsum(steps, axis=0) * length / len(headings) + np.asarray(start)
        return cls(points, np.stack([-steps[:, 1], steps[:, 0]], axis=1))

    def at(self, along: Points | float, across: Points | float) -> Points:
        """Turn body coordinates (share of the length, distance to the side) into (N, 2) points."""
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


def disc(centre: Points | Sequence[float], radius: float, corners: int = 14) -> Points:
    """Return a round polygon."""
    return ellipse(centre, radius, radius, corners)


def ellipse(centre: Points | Sequence[float], half_width: float, half_height: float, corners: int = 28) -> Points:
    """Return an upright ellipse as a polygon."""
    points: Points = _circle(corners) * (half_width, half_height) + np.asarray(centre)
    return points


@cache
def _circle(corners: int) -> Points:
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def turn(angle: float, scale_x: float = 1.0, scale_y: float = 1.0) -> Points:
    """Return the (2, 2) matrix that scales and then turns by `angle`, radians."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine * scale_x, -sine * scale_y], [sine * scale_x, cosine * scale_y]])
