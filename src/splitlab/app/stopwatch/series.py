"""A series of timed labels: which object is drawn next and how, and what has been drawn so far. It is never changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from splitlab.budget.stopwatch import BOX, MOST_SECONDS, OUTLINE, TimedLabel
from splitlab.data.dataset import Box
from splitlab.errors import BudgetError
from splitlab.geometry import (
    MAX_OUTLINE_PIXELS,
    Rle,
    box_iou,
    outline_length,
    polygons_to_rle,
    rle_area,
    union,
)

DRAWN_KINDS = (BOX, OUTLINE)
"""The kinds of label that can be drawn on the page."""
YOU = "you"
"""The annotator of labels that were drawn in this session."""
MARK = "mark"
"""Clicks on objects of photos without ground truth; they are not timed."""
_MOST_POINTS = 1000
_FAR = 1e9
_Point = tuple[float, float]


@dataclass(frozen=True)
class Target:
    """One object to label, and its photo.

    Attributes:
        item: Name of the object in files.
        picture: The photo as a data URL.
        width: Of the photo that points refer to, in pixels; the picture may be smaller.
        height: As `width`.
        name: Class of the object; empty if unknown.
        point: A point of the object, x and y; None if the objects are yet to be marked.
        box: Its true box, if known.
        mask: Its true mask, if known.
    """

    item: str
    picture: str
    width: int
    height: int
    name: str = ""
    point: _Point | None = None
    box: Box | None = None
    mask: Rle | None = None


@dataclass(frozen=True)
class Task:
    """What to draw on which target; the first of a series has the number 0, and `of` is how many there are."""

    series: str
    number: int
    of: int
    kind: str
    target: Target

    @property
    def id(self) -> str:
        """An id that no other task of the session has."""
        return f"{self.series} {self.number}"


@dataclass(frozen=True)
class Series:
    """Timed labels: each target once in every kind.

    In each round through the targets the kinds alternate, and with each round they change places. So half of the
    objects get their box first, and half their outline: what is learned about an object by drawing it once helps both.

    Attributes:
        name: Different for each series of a session.
        targets: The objects, in the order in which they are shown.
        kinds: Kinds of label.
        labels: What has been drawn.
        done: Tasks that are behind, also those that were skipped.
    """

    name: str
    targets: tuple[Target, ...]
    kinds: tuple[str, ...] = DRAWN_KINDS
    labels: tuple[TimedLabel, ...] = ()
    done: int = 0

    @property
    def length(self) -> int:
        """Number of tasks."""
        return len(self.targets) * len(self.kinds)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The next task and the one after it, as far as there are any."""
        return tuple(self._task(number) for number in range(self.done, min(self.done + 2, self.length)))

    def ended(self) -> Series:
        """Return the series without the tasks that are left."""
        return replace(self, done=self.length)

    def after(self, message: object) -> Series:
        """Return the series after a message of the browser: a finished label, or a skipped one.

        A message for another task, such as a second click on Done, changes nothing.

        Raises:
            BudgetError: The message is no label.
        """
        said = _fields(message)
        if not self.tasks or said.get("task") != self.tasks[0].id:
            return self
        task = self.tasks[0]
        if said.get("skip") is True:
            return replace(self, done=self.done + 1)
        seconds = said.get("seconds")
        if not isinstance(seconds, int | float) or not 0 < seconds <= MOST_SECONDS:
            raise BudgetError("This label has no time of up to an hour. Draw it again, or skip it.")
        points = read_points(said.get("points"), task.target)
        label = TimedLabel(YOU, task.kind, task.target.item, float(seconds), iou_of(points, task))
        return replace(self, done=self.done + 1, labels=(*self.labels, label))

    def _task(self, number: int) -> Task:
        turn, place = divmod(number, len(self.targets))
        kind = self.kinds[(place + turn) % len(self.kinds)]
        return Task(self.name, number, self.length, kind, self.targets[place])


@dataclass(frozen=True)
class Marking:
    """Photos whose objects are marked by clicks, before a series.

    Attributes:
        name: Different for each series of a session.
        photos: The photos; their targets have no point.
        marked: The objects so far.
        done: Photos that are behind.
    """

    name: str
    photos: tuple[Target, ...]
    marked: tuple[Target, ...] = ()
    done: int = 0

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The next photo and the one after it, as far as there are any."""
        numbers = range(self.done, min(self.done + 2, len(self.photos)))
        return tuple(Task(self.name, number, len(self.photos), MARK, self.photos[number]) for number in numbers)

    def after(self, message: object) -> Marking:
        """Return the photos after a message of the browser; one for another photo changes nothing.

        Raises:
            BudgetError: The message has no points in the photo.
        """
        said = _fields(message)
        if not self.tasks or said.get("task") != self.tasks[0].id:
            return self
        photo = self.tasks[0].target
        points = read_points(said.get("points"), photo)
        found = [replace(photo, item=f"{photo.item} #{number}", point=point) for number, point in enumerate(points, 1)]
        return replace(self, done=self.done + 1, marked=(*self.marked, *found))


def read_points(points: object, target: Target) -> list[_Point]:
    """Return the points that a browser sent, moved into the photo.

    Raises:
        BudgetError: They are no list of up to 1000 pairs of finite numbers, or their outline is too long to draw.
    """
    if not isinstance(points, list) or not 0 < len(points) <= _MOST_POINTS:
        raise BudgetError(f"A label has from 1 to {_MOST_POINTS} points. Draw it again, or skip it.")
    read = [_point(point, target) for point in points]
    if outline_length(np.array(read, np.float64)) > MAX_OUTLINE_PIXELS:
        raise BudgetError("This outline is too long. Draw it with fewer points, or skip it.")
    return read


def iou_of(points: list[_Point], task: Task) -> float | None:
    """Return the IoU of a drawn label with the true box or the true mask; None where that is unknown.

    Raises:
        BudgetError: They are too few points for a label of this kind.
    """
    if len(points) < 2 or (task.kind != BOX and len(points) < 3):
        raise BudgetError("A box has two corners, an outline three points or more. Draw it again, or skip it.")
    target = task.target
    if task.kind == BOX:
        drawn = (*np.min(points, axis=0), *np.max(points, axis=0))
        return None if target.box is None else box_iou(drawn, target.box)
    if target.mask is None:
        return None
    outline = polygons_to_rle([[value for point in points for value in point]], target.height, target.width)
    either = rle_area(union([outline, target.mask]))
    return (rle_area(outline) + rle_area(target.mask) - either) / either if either else 0.0


def _fields(message: object) -> dict[str, Any]:
    return message if isinstance(message, dict) else {}


def _point(point: object, target: Target) -> _Point:
    # Not `math.isfinite`: JSON may contain an integer that no float can hold.
    if not isinstance(point, list) or len(point) != 2 or not all(_is_near(number) for number in point):
        raise BudgetError("A point of this label is no pair of numbers. Draw it again, or skip it.")
    x, y = point
    return min(max(float(x), 0.0), float(target.width)), min(max(float(y), 0.0), float(target.height))


def _is_near(number: object) -> bool:
    return isinstance(number, int | float) and abs(number) < _FAR
