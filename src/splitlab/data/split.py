"""The split of a dataset into a full set F (masks) and a weak set W (boxes only)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from splitlab.data.dataset import Dataset, ImageId
from splitlab.errors import SplitError


@dataclass(frozen=True)
class Split:
    """Image ids of F and W, disjoint.

    Attributes:
        full: image ids of F.
        weak: image ids of W.
        seed: it was drawn with; 0 where nothing was drawn.
        source: the hash of the labels it was drawn from.
        drawn: how, such as "random".
    """

    full: tuple[ImageId, ...]
    weak: tuple[ImageId, ...]
    seed: int
    source: str
    drawn: str = "random"

    def __post_init__(self) -> None:
        if not self.full and not self.weak:
            raise SplitError("A split of 0/0 has nothing to train on: give |F| or |W| at least one image.")
        both = set(self.full) & set(self.weak)
        if both:
            raise SplitError(
                f"Image {min(both, key=str)} stands in F and in W ({len(both)} do): each belongs to one of them."
            )

    @property
    def name(self) -> str:
        """The split as the paper writes it, such as "400/5000"."""
        return f"{len(self.full)}/{len(self.weak)}"

    @cached_property
    def hash(self) -> str:
        """sha256 over the ids, the seed and the source: equal splits, equal hashes."""
        content = {"full": self.full, "weak": self.weak, "seed": self.seed, "source": self.source}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return the split as its file and the command line show it."""
        return {
            "name": self.name,
            "full": list(self.full),
            "weak": list(self.weak),
            "seed": self.seed,
            "source": self.source,
            "drawn": self.drawn,
            "hash": self.hash,
        }


def draw_split(dataset: Dataset, full: int, weak: int, seed: int) -> Split:
    """Draw |F| = `full` and |W| = `weak` images by seed.

    All images are shuffled once. F is taken from the front and W from the back, so with one seed a smaller F
    lies in a larger one and a smaller W in a larger one, whatever the other's size. Images that lack a mask
    are put behind the others: they can stand in W only.

    Raises:
        SplitError: the dataset does not have so many images, or not so many with masks.
    """
    order = np.random.default_rng(seed).permutation(len(dataset.images))
    shuffled = [dataset.images[index] for index in order]
    shuffled.sort(key=lambda image: not image.can_be_full)
    _check_sizes(dataset, full, weak, sum(image.can_be_full for image in shuffled))
    ids = [image.image_id for image in shuffled]
    return Split(tuple(ids[:full]), tuple(ids[::-1][:weak]), seed, dataset.source_hash)


def _check_sizes(dataset: Dataset, full: int, weak: int, with_masks: int) -> None:
    if full < 0 or weak < 0:
        raise SplitError(f"|F| = {full}, |W| = {weak}: sizes cannot be negative.")
    if full > with_masks:
        raise SplitError(
            f"|F| = {full} is more than the {with_masks} images with masks in '{dataset.name}'. Choose a smaller |F|."
        )
    if full + weak > len(dataset.images):
        raise SplitError(
            f"|F| + |W| = {full} + {weak} = {full + weak} is more than the {len(dataset.images)} images "
            f"in '{dataset.name}'. Choose |F| + |W| up to {len(dataset.images)}."
        )


def read_split(path: Path) -> Split:
    """Read a split file and check that it is whole.

    Raises:
        SplitError: the file is missing, broken, or its hash is not that of its ids.
    """
    try:
        content = json.loads(path.read_text())
        split = Split(
            tuple(_image_id(image_id) for image_id in content["full"]),
            tuple(_image_id(image_id) for image_id in content["weak"]),
            int(content["seed"]),
            str(content["source"]),
            str(content.get("drawn", "random")),
        )
        stated = content["hash"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SplitError(f"{path}: is no split file ({error!r}). Draw the split again.") from error
    if stated != split.hash:
        raise SplitError(f"{path}: its ids were changed after it was drawn (the hash differs). Draw the split again.")
    return split


def _image_id(value: object) -> ImageId:
    if isinstance(value, int | str):
        return value
    raise TypeError(f"{value!r} is no image id")
