"""How good the masks are of objects whose boxes were found: what is left of a mask where only the mask may be wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splitlab.data.dataset import Dataset
from splitlab.evaluation.image_detections import ImageDetections
from splitlab.evaluation.object_matches import NO_MATCH, ImageOverlaps, match_by_score, overlaps_of_dataset


@dataclass(frozen=True)
class MasksOfClass:
    """Masks of one class.

    Attributes:
        mask_iou: mean mask IoU over the objects whose box was found, 0..1; None where none was.
        found: objects whose box was found.
        objects: all objects of the class that have a mask.
    """

    mask_iou: float | None
    found: int
    objects: int


def masks_in_found_boxes(
    dataset: Dataset, detections: Sequence[ImageDetections], min_score: float
) -> dict[str, MasksOfClass]:
    """Return the masks of each class, by its name.

    A box is found where a detection of its class, scored `min_score` or more, overlaps it at IoU 0.5; matched as COCO
    does it. The mask IoU is that of the same detection, however bad: a mean over masks that were found would leave out
    the very ones that failed.

    Args:
        dataset: the truth, with masks.
        detections: in the order of its images.
        min_score: of the detections that count, 0..1.
    """
    ious: dict[int, list[float]] = defaultdict(list)
    boxes, masks = (overlaps_of_dataset(dataset, detections, kind) for kind in ("box", "mask"))
    for of_boxes, of_masks in zip(boxes, masks, strict=True):
        for class_index, iou in _found(of_boxes.above(min_score), of_masks):
            ious[class_index].append(iou)
    counts = [0] * len(dataset.class_names)
    for label in (label for image in dataset.images for label in image.targets):
        counts[label.class_index] += label.mask is not None and label.is_scored
    return {
        name: MasksOfClass(float(np.mean(ious[index])) if ious[index] else None, len(ious[index]), counts[index])
        for index, name in enumerate(dataset.class_names)
    }


def _found(boxes: ImageOverlaps, masks: ImageOverlaps) -> list[tuple[int, float]]:
    """Return class and mask IoU of each object whose box was found, crowds and those without a mask left out."""
    matched = match_by_score(boxes)
    return [
        (int(boxes.truth_classes[target]), float(masks.iou[place, target]))
        for place, target in zip(boxes.places, matched, strict=True)
        if target != NO_MATCH and not masks.crowds[target]
    ]
