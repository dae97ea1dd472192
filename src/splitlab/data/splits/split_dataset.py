"""A data set as a split leaves it: masks in F only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from splitlab.data.dataset import ImageLabels, LabelState, TrainVal
from splitlab.data.splits.split import Split
from splitlab.errors import SplitError


def boxes_only(labels: ImageLabels) -> ImageLabels:
    """Return labels as a YOLO's W has them: without masks, so that nothing can read them, nor difficult objects.

    An image whose objects are all difficult is not background: its labels no longer say what it shows.
    """
    kept = tuple(label for label in labels.objects if not label.is_difficult)
    state = labels.state if kept or not labels.objects else LabelState.NONE
    return without_masks(replace(labels, objects=kept, state=state))


def without_masks(labels: ImageLabels) -> ImageLabels:
    """Return labels as DETR's box images have them: without masks, so that nothing can read them, but all objects."""
    return replace(labels, objects=tuple(replace(label, mask=None) for label in labels.objects))


def as_split(data: TrainVal, split: Split, as_weak: Callable[[ImageLabels], ImageLabels] = boxes_only) -> TrainVal:
    """Return the data set with F as it is, W with boxes only, and no other photo in train; val stays.

    Args:
        data: the whole data set.
        split: its F and W.
        as_weak: what W keeps of an image's labels, `boxes_only` or `without_masks`.

    Returns:
        The data set; its `source_hash` is the split's hash.

    Raises:
        SplitError: the split was drawn from other labels.
        DataError: an image of the split is not in the data set.
    """
    if split.source != data.train.source_hash:
        raise SplitError(f"The split {split.name} was drawn from other labels than those of '{data.train.name}'.")
    images = (*data.train.select(split.full), *map(as_weak, data.train.select(split.weak)))
    # The pools name photos that are no longer there.
    train = replace(data.train, images=images, source_hash=split.hash, few_shot_pool=(), paper_pools=())
    return replace(data, train=train)
