"""The split of a dataset into a full set F (masks) and a weak set W (boxes only), and its file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from splitlab.data.dataset import ImageId
from splitlab.errors import SplitError


@dataclass(frozen=True)
class Split:
    """Image ids of F and W, disjoint.

    Attributes:
        full: image ids of F.
        weak: image ids of W.
        seed: it was drawn with; 0 where nothing was drawn.
        source: the hash of the labels it was drawn from.
        drawn: how, in a word such as "random" or "paper".
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
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SplitError(f"{path}: is no split file ({error!r}). Draw the split again.") from error
    if stated != split.hash:
        raise SplitError(f"{path}: its ids were changed after it was drawn (the hash differs). Draw the split again.")
    return split


def _image_id(value: object) -> ImageId:
    if isinstance(value, int | str):
        return value
    raise TypeError(f"{value!r} is no image id")
