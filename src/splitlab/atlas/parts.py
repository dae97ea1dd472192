"""The parts of a dataset as an atlas or experiment uses them: for training, evaluation, tests and choices."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from splitlab.data.dataset import Dataset, ImageId
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.open_dataset import EMBEDDED, open_dataset
from splitlab.data.reading import with_background
from splitlab.data.scenes.embedded import EmbeddedSettings, make_embedded
from splitlab.errors import DataError


@dataclass(frozen=True)
class _DrawnScenes:
    """Embedded scenes beside those of training: folder in the workspace, seed, and number for choices and for tests.

    `compares_recipes` is whether runs are scored on the scenes for choices.
    """

    folder: str
    seed: int
    choice: int
    test: int
    compares_recipes: bool = False


_SCENES = _DrawnScenes("embedded-test", 901, 0, 600)
_MANY_SCENES = _DrawnScenes("embedded-recipe", 904, 1000, 3000)
_SCENES_OF: Mapping[str, _DrawnScenes] = MappingProxyType(
    {
        "recipe": replace(_MANY_SCENES, compares_recipes=True),
        "embedded-grid": _MANY_SCENES,
        "weak-masks": replace(_MANY_SCENES, compares_recipes=True),
    }
)

_QUARTERS = 4
"""One in four photos goes into the test part."""

_ROTATING = frozenset({"pets-grid", "weak-masks-pets"})
"""Plans in which each seed is tested on a quarter of its own (docs/decisions/0906-next-grids.md)."""


@dataclass(frozen=True)
class Parts:
    """A dataset as the atlas uses it.

    Attributes:
        train: Images that F and W are drawn from.
        val: Images for evaluation while training.
        test: Images for results.
        choice: Images on which an experiment compares recipes to choose one; none in an atlas.
    """

    train: Dataset
    val: Dataset
    test: Dataset
    choice: Dataset | None = None


def open_parts(name: str, data: str, data_dir: Path) -> tuple[Parts, ...]:
    """Open a dataset for an atlas or experiment, and hold out its test part; embedded scenes are drawn on first use.

    Args:
        name: Name of the atlas or experiment.
        data: Name or folder of its dataset.
        data_dir: The workspace's folder of datasets.

    Returns:
        The parts of seed 0, 1, ...; further seeds start again. Only one if all seeds have the same.
    """
    if data == EMBEDDED:
        return (_with_scenes(data, data_dir, _SCENES_OF.get(name, _SCENES)),)
    return tuple(_with_quarter(data, data_dir, quarter) for quarter in range(_QUARTERS if name in _ROTATING else 1))


def part_hash(part: Dataset) -> str:
    """Return 12 hexadecimal digits for a part: its label file and its images."""
    text = f"{part.source_hash} {[image.image_id for image in part.images]}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _with_scenes(data: str, data_dir: Path, scenes: _DrawnScenes) -> Parts:
    whole = open_dataset(data, data_dir)
    # Scenes for choices are the train images of the drawn folder, which needs at least one.
    settings = EmbeddedSettings(train_images=max(scenes.choice, 1), val_images=scenes.test)
    drawn = read_coco_folder(make_embedded(data_dir / scenes.folder, scenes.seed, settings))
    return Parts(whole.train, whole.val, drawn.val, drawn.train if scenes.compares_recipes else None)


def _with_quarter(data: str, data_dir: Path, quarter: int) -> Parts:
    whole = open_dataset(data, data_dir)
    taken = _held_out([image.image_id for image in whole.train.images], quarter)
    if not taken:
        raise DataError(f"'{whole.train.name}' has {len(whole.train.images)} training images, too few for a test part.")
    # Photos without objects were included when the rows were measured.
    train = with_background(whole.train)
    test, rest = (
        replace(train, images=tuple(image for image in train.images if (image.image_id in taken) == is_test))
        for is_test in (True, False)
    )
    return Parts(rest, whole.val, test)


def _held_out(image_ids: list[ImageId], quarter: int = 0) -> frozenset[ImageId]:
    """Select a quarter of the images, in the order of the hashes of their ids."""

    def place(image_id: ImageId) -> bytes:
        return hashlib.sha256(str(image_id).encode()).digest()

    size = len(image_ids) // _QUARTERS
    return frozenset(sorted(image_ids, key=place)[quarter * size : (quarter + 1) * size])
