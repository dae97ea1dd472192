"""A data set as a split leaves it: masks in F only."""

from __future__ import annotations

from dataclasses import replace

from splitlab.data.dataset import ImageLabels, TrainVal
from splitlab.data.splits.split import Split
from splitlab.errors import SplitError


def as_split(data: TrainVal, split: Split) -> TrainVal:
    """Return the data set with F as it is, W with boxes only, and no other photo in train; val stays.

    Objects of W that are difficult are left out, as in training. The result's `source_hash` is the split's hash.

    Raises:
        SplitError: the split was drawn from other labels.
        DataError: an image of the split is not in the data set.
    """
    if split.source != data.train.source_hash:
        raise SplitError(f"The split {split.name} was drawn from other labels than those of '{data.train.name}'.")
    images = (*data.train.select(split.full), *map(boxes_only, data.train.select(split.weak)))
    return replace(data, train=replace(data.train, images=images, source_hash=split.hash, paper_pools=()))


def boxes_only(labels: ImageLabels) -> ImageLabels:
    """Return labels as they are in W: without masks, so that nothing behind can read them, nor difficult objects."""
    kept = (label for label in labels.objects if not label.is_difficult)
    return replace(labels, objects=tuple(replace(label, mask=None) for label in kept))
