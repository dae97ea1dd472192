"""The photos that a strategy chooses from, with what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from splitlab.data.dataset import ImageLabels
from splitlab.next_batch.signs import Signs


class Task(StrEnum):
    """What is drawn on a photo."""

    MASKS = "masks"
    BOXES = "boxes"


@dataclass(frozen=True)
class Candidates:
    """N photos of which some get one kind of labels.

    Attributes:
        photos: N of them, in a random order, no two near-duplicates.
        task: what is drawn.
        class_names: of the C classes.
        labelled: (C,) float64, objects of each class that have such labels, with those predicted in photos chosen
            before.
        objects: (N,) float64, how many objects each photo is expected to show, above 0.
        signs: what models show in the photos; None for a strategy that needs no model.
        features: (N, D) of the photos, of unit length; None for a strategy that needs none.
        centres: (M, D) of the photos that have such labels or were chosen before; None likewise.
    """

    photos: tuple[ImageLabels, ...]
    task: Task
    class_names: tuple[str, ...]
    labelled: NDArray[np.float64]
    objects: NDArray[np.float64]
    signs: Signs | None = None
    features: NDArray[np.float16] | None = None
    centres: NDArray[np.float16] | None = None


class Pick(NamedTuple):
    """A chosen photo: its place among the candidates, and the reason in a few words."""

    place: int
    reason: str
