"""The three parts of a data set that the atlas keeps apart: to train on, to choose by, to report on.

No choice ever looks at the test part. For the embedded scenes it is drawn anew, by another seed. Of photos it is a
quarter of those that are there to train on, by a hash of their ids: they are in no F and no W. The val part that a data
set comes with stays what choices are made by, because its scores have been looked at before. Decision 0901 says why.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from splitlab.data.dataset import Dataset, ImageId
from splitlab.data.formats.coco_folder import read_coco_folder
from splitlab.data.open_dataset import EMBEDDED, open_dataset
from splitlab.data.reading import with_background
from splitlab.data.scenes.make_embedded import EmbeddedSettings, make_embedded
from splitlab.errors import DataError

TEST_FOLDER = "embedded-test"
TEST_SEED, TEST_SCENES = 901, 600
TEST_SHARE = 4
"""One in so many photos goes into the test part."""


@dataclass(frozen=True)
class Parts:
    """A data set as the atlas sees it.

    Attributes:
        train: what F and W are drawn from.
        val: what choices are made by; runs are followed on it while they train.
        test: what is reported.
    """

    train: Dataset
    val: Dataset
    test: Dataset


def open_parts(data: str, data_dir: Path) -> Parts:
    """Open a data set and take its test part out.

    Args:
        data: what `open_dataset` takes; the scenes of `embedded` and of its test part are drawn on first use.
        data_dir: the work space's folder of data sets.

    Raises:
        DataError: it cannot be read, or has too few images to take some out.
    """
    whole = open_dataset(data, data_dir)
    if data == EMBEDDED:
        scenes = EmbeddedSettings(train_images=1, val_images=TEST_SCENES)
        return Parts(
            whole.train, whole.val, read_coco_folder(make_embedded(data_dir / TEST_FOLDER, TEST_SEED, scenes)).val
        )
    taken = held_out([image.image_id for image in whole.train.images])
    if not taken:
        raise DataError(
            f"'{whole.train.name}' has {len(whole.train.images)} images to train on: too few to test on some."
        )
    # All photos of the atlas were labelled: one without an object counts as it did when the rows were measured.
    train = with_background(whole.train)
    return Parts(
        _with(train, lambda image_id: image_id not in taken),
        whole.val,
        _with(train, taken.__contains__),
    )


def held_out(image_ids: list[ImageId]) -> frozenset[ImageId]:
    """Choose a quarter of some images: those whose ids have the smallest hashes."""

    def place(image_id: ImageId) -> bytes:
        return hashlib.sha256(str(image_id).encode()).digest()

    return frozenset(sorted(image_ids, key=place)[: len(image_ids) // TEST_SHARE])


def part_hash(part: Dataset) -> str:
    """Return 12 hexadecimal digits for a part: of the labels it was read from and of the images that are in it."""
    told = f"{part.source_hash} {[image.image_id for image in part.images]}"
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _with(dataset: Dataset, is_in: Callable[[ImageId], bool]) -> Dataset:
    return replace(dataset, images=tuple(image for image in dataset.images if is_in(image.image_id)))
