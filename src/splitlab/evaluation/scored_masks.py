"""The masks of the ground truth as scores see them, where some objects may have a box only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from splitlab.data.dataset import ImageLabels, ObjectLabel
from splitlab.data.masks import read_mask
from splitlab.geometry import Rle, mask_to_rle, union


def mask_regions(labels: ImageLabels) -> NDArray[np.bool_]:
    """Return (G,) bool: which of an image's objects are regions, where a mask is neither right nor wrong.

    Crowds and tiny objects are such, and so is the box of an object without a mask: nobody knows whether a mask in it
    is a good one.
    """
    return np.array([not label.is_scored or label.mask is None for label in labels.objects], bool)


def scored_masks(labels: ImageLabels) -> list[Rle]:
    """Return the masks of an image's G objects, a filled box where an object has none.

    Where a class has tiny objects, they and its crowds are one region: each of them has the mask of all. So what lies
    in several of them is ignored by the sum of its pixels there, as the Cityscapes benchmark has it.

    Raises:
        DataError: a mask on disk cannot be read.
    """
    masks = [_filled_box(labels, label) if label.mask is None else read_mask(label.mask) for label in labels.objects]
    for class_index in {label.class_index for label in labels.objects if label.is_tiny}:
        region = [
            place
            for place, label in enumerate(labels.objects)
            if label.class_index == class_index and not label.is_scored
        ]
        whole = union([masks[place] for place in region])
        for place in region:
            masks[place] = whole
    return masks


def _filled_box(labels: ImageLabels, label: ObjectLabel) -> Rle:
    # A side that is no number covers nothing; numpy would count one below 0 from the far end.
    sides = np.nan_to_num(np.array(label.box)).clip(0, max(labels.height, labels.width))
    (left, top), (right, bottom) = np.floor(sides[:2]).astype(int), np.ceil(sides[2:]).astype(int)
    mask = np.zeros((labels.height, labels.width), bool)
    mask[top:bottom, left:right] = True
    return mask_to_rle(mask)
