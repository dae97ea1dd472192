"""Ways to choose the next photos, behind one interface."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from splitlab.budget.label_prices import LabelPrices
from splitlab.errors import SettingsError
from splitlab.next_batch.candidates import Candidates, Pick, Task
from splitlab.next_batch.nearest import Nearest
from splitlab.next_batch.signs import Signs

_Floats = NDArray[np.float64]

AT_RANDOM, DIFFER, DOUBTFUL, UNLIKE = "random", "models disagree", "masks look poor", "unlike what is labelled"
"""The reasons; the other one is that of `rare`."""


def rare(class_name: str) -> str:
    """Return the reason for a photo of a rare class."""
    return f"rare class: {class_name}"


class Strategy(Protocol):
    """A way to choose photos.

    Attributes:
        name: on the command line and in tables.
        needs_models: whether it reads `Candidates.signs`, so that it needs a checkpoint.
        needs_features: whether it reads `Candidates.features` and `Candidates.centres`.
    """

    name: ClassVar[str]
    needs_models: ClassVar[bool]
    needs_features: ClassVar[bool]

    def pick(self, candidates: Candidates, count: int) -> Sequence[Pick]:
        """Choose `count` different photos of at least as many candidates, first things first."""
        ...


@dataclass(frozen=True)
class Random:
    """Takes photos in their random order, as `plan_labelling` does: masks from the front, boxes from the back."""

    name: ClassVar[str] = "random"
    needs_models: ClassVar[bool] = False
    needs_features: ClassVar[bool] = False

    def pick(self, candidates: Candidates, count: int) -> Sequence[Pick]:
        """Choose `count` photos."""
        places = range(len(candidates.photos))
        return [Pick(place, AT_RANDOM) for place in (places if candidates.task == Task.MASKS else places[::-1])[:count]]


@dataclass(frozen=True)
class Disagreement:
    """Takes photos on whose objects models differ most: several, or one on the photo and its mirror image."""

    name: ClassVar[str] = "disagreement"
    needs_models: ClassVar[bool] = True
    needs_features: ClassVar[bool] = False

    def pick(self, candidates: Candidates, count: int) -> Sequence[Pick]:
        """Choose `count` photos."""
        return _highest(_signs(candidates).differ, DIFFER, count)


@dataclass(frozen=True)
class MaskQuality:
    """Draws masks where the models' masks of an object overlap least; boxes at random."""

    name: ClassVar[str] = "mask-quality"
    needs_models: ClassVar[bool] = True
    needs_features: ClassVar[bool] = False

    def pick(self, candidates: Candidates, count: int) -> Sequence[Pick]:
        """Choose `count` photos."""
        if candidates.task == Task.BOXES:
            return Random().pick(candidates, count)
        return _highest(_signs(candidates).doubt, DOUBTFUL, count)


@dataclass(frozen=True)
class Rarity:
    """Takes photos on which models see classes of which few objects are labelled."""

    name: ClassVar[str] = "rarity"
    needs_models: ClassVar[bool] = True
    needs_features: ClassVar[bool] = False

    def pick(self, candidates: Candidates, count: int) -> Sequence[Pick]:
        """Choose `count` photos; each counts as labelled for the next."""
        rarity = _Rarity(candidates)
        picks = []
        for place in islice(_best_left(len(candidates.photos), rarity.values), count):
            picks.append(Pick(place, rarity.reason(place)))
            rarity.add(place)
        return picks


@dataclass(frozen=True)
class Diversity:
    """Takes the photo that is least like any labelled or chosen one, again and again (k-center greedy)."""

    name: ClassVar[str] = "diversity"
    needs_models: ClassVar[bool] = False
    needs_features: ClassVar[bool] = True

    def pick(self, candidates: Candidates, count: int) -> Sequence[Pick]:
        """Choose `count` photos."""
        nearest = _nearest(candidates)
        picks = []
        for place in islice(_best_left(len(candidates.photos), lambda: nearest.distances), count):
            picks.append(Pick(place, UNLIKE))
            nearest.add(place)
        return picks


@dataclass(frozen=True)
class GainPerHour:
    """Takes photos whose labels promise most for their price.

    A photo's promise is the mean of what the other strategies see in it, each 0..1, times the square root of its
    objects: the objects of one photo are alike, so the tenth teaches less than the first.

    Attributes:
        prices: of labels. Where they are for an object, a photo costs as many as it is expected to show.
    """

    prices: LabelPrices
    name: ClassVar[str] = "gain-per-hour"
    needs_models: ClassVar[bool] = True
    needs_features: ClassVar[bool] = True

    def pick(self, candidates: Candidates, count: int) -> Sequence[Pick]:
        """Choose `count` photos; each changes what is rare and what is unlike the labelled ones."""
        signs, rarity, nearest = _signs(candidates), _Rarity(candidates), _nearest(candidates)
        of_first = _largest(rarity.values()), _largest(nearest.distances)
        fixed = {DIFFER: signs.differ} | ({DOUBTFUL: signs.doubt} if candidates.task == Task.MASKS else {})
        per_second = np.sqrt(candidates.objects) / self.seconds(candidates)

        def parts() -> dict[str, _Floats]:
            # Without any centre all are equally far.
            far = np.minimum(nearest.distances / of_first[1], 1.0)
            return {**fixed, UNLIKE: far, rare(""): rarity.values() / of_first[0]}

        def values() -> _Floats:
            found = parts().values()
            return np.asarray(sum(found) / len(found) * per_second)

        picks = []
        for place in islice(_best_left(len(candidates.photos), values), count):
            # What sets the photo apart: a part that is large for all of them is no reason.
            ahead = {reason: float(part[place] - part.mean()) for reason, part in parts().items()}
            reason = max(ahead, key=ahead.__getitem__)
            picks.append(Pick(place, rarity.reason(place) if reason == rare("") else reason))
            rarity.add(place)
            nearest.add(place)
        return picks

    def seconds(self, candidates: Candidates) -> _Floats:
        """Return the price of each photo's labels, (N,) seconds."""
        of_one = self.prices.per_image(1.0)
        seconds = of_one.mask_seconds if candidates.task == Task.MASKS else of_one.box_seconds
        return seconds * (candidates.objects if self.prices.per_object else np.ones(len(candidates.photos)))


_MAKERS: Mapping[str, Callable[[LabelPrices], Strategy]] = MappingProxyType(
    {
        Random.name: lambda _: Random(),
        Disagreement.name: lambda _: Disagreement(),
        MaskQuality.name: lambda _: MaskQuality(),
        Rarity.name: lambda _: Rarity(),
        Diversity.name: lambda _: Diversity(),
        GainPerHour.name: GainPerHour,
    }
)
STRATEGY_NAMES = tuple(_MAKERS)
"""The names of the strategies."""


def strategy_named(name: str, prices: LabelPrices) -> Strategy:
    """Return a strategy by its name; `prices` are those of labels.

    Raises:
        SettingsError: there is no such strategy.
    """
    if name not in _MAKERS:
        raise SettingsError(f"There is no strategy {name[:40]!r}. Choose one of {', '.join(STRATEGY_NAMES)}.")
    return _MAKERS[name](prices)


class _Rarity:
    """How rare the classes on each photo are: the more objects of a class are labelled, the less one more is worth."""

    def __init__(self, candidates: Candidates) -> None:
        self._counts = _signs(candidates).counts.astype(np.float64)
        # A second object of a class on one photo shows little that the first does not.
        self._shown = self._counts.clip(0, 1)
        self._labelled = candidates.labelled.copy()
        self._names = candidates.class_names

    def values(self) -> _Floats:
        return np.asarray(self._shown @ self._worth())

    def add(self, place: int) -> None:
        self._labelled += self._counts[place]

    def reason(self, place: int) -> str:
        worth = self._shown[place] * self._worth()
        return rare(self._names[int(worth.argmax())]) if worth.any() else AT_RANDOM

    def _worth(self) -> _Floats:
        return 1 / (1 + self._labelled)


def _highest(values: NDArray[np.float32], reason: str, count: int) -> list[Pick]:
    # Equal values keep their random order.
    order = np.argsort(-values, kind="stable")[:count].tolist()
    return [Pick(place, reason if values[place] > 0 else AT_RANDOM) for place in order]


def _best_left(photos: int, values: Callable[[], NDArray[np.floating]]) -> Iterator[int]:
    """Yield the place with the highest value that was not yielded yet; values may change between two places."""
    left = np.ones(photos, bool)
    for _ in range(photos):
        best = int(np.where(left, values(), -np.inf).argmax())
        left[best] = False
        yield best


def _largest(values: NDArray[np.floating]) -> float:
    largest = float(values.max(initial=0))
    return largest if 0 < largest < np.inf else 1.0


def _signs(candidates: Candidates) -> Signs:
    if candidates.signs is None:
        raise TypeError("this strategy needs what models show in the photos")
    return candidates.signs


def _nearest(candidates: Candidates) -> Nearest:
    if candidates.features is None or candidates.centres is None:
        raise TypeError("this strategy needs the features of the photos")
    return Nearest(candidates.features, candidates.centres)
