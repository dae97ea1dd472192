"""Match detections to labelled objects, and name the kinds of errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from splitlab.data.dataset import Dataset, ImageId, ImageLabels
from splitlab.errors import DataError
from splitlab.evaluation.detections import ImageDetections, mask_regions, scored_masks
from splitlab.geometry import xyxy_to_xywh

Kind = Literal["mask", "box"]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
IouArray = NDArray[np.float64]

FOUND_IOU = 0.5
NO_MATCH = -1
# As in results files, so that detections in memory and from files have the same order.
_SCORE_DECIMALS = 5


@dataclass(frozen=True)
class ImageOverlaps:
    """The overlaps of one image's D detections with its G labelled objects. Masks are no longer needed.

    Attributes:
        image_id: of the image.
        places: (D,) int64, the index of each among all detections of the image; it stays when others are removed.
        classes: (D,) int64, the predicted classes.
        scores: (D,) float64, 0..1.
        truth_classes: (G,) int64.
        crowds: (G,) bool, True for regions that are not scored: crowds and tiny objects; for masks also boxes of
            objects without a mask.
        iou: (D, G) float64. For crowds, the share of the detection inside the crowd, as in COCO.
    """

    image_id: ImageId
    places: IntArray
    classes: IntArray
    scores: IouArray
    truth_classes: IntArray
    crowds: BoolArray
    iou: IouArray

    def above(self, min_score: float) -> ImageOverlaps:
        """Keep the detections with a score of `min_score` or more."""
        return self.keep_detections(self.scores >= min_score)

    def keep_detections(self, kept: BoolArray) -> ImageOverlaps:
        """Keep the detections where (D,) `kept` is True."""
        return replace(
            self, places=self.places[kept], classes=self.classes[kept], scores=self.scores[kept], iou=self.iou[kept]
        )

    def keep_objects(self, kept: BoolArray) -> ImageOverlaps:
        """Keep the labelled objects where (G,) `kept` is True."""
        return replace(self, truth_classes=self.truth_classes[kept], crowds=self.crowds[kept], iou=self.iou[:, kept])


class ErrorKind(StrEnum):
    """The outcome of a detection, or of an object that was not found. `FOUND` is not an error."""

    FOUND = "found"
    MISCLASSIFIED = "misclassified"
    BAD_MASK = "bad mask"
    BOTH = "misclassified with bad mask"
    DUPLICATE = "duplicate"
    BACKGROUND = "background"
    MISSED = "missed"

    @property
    def key(self) -> str:
        """The kind in JSON, where earlier names stay."""
        return self.value.replace("misclassified with", "wrong class and").replace("misclassified", "wrong class")


ERRORS: tuple[ErrorKind, ...] = tuple(kind for kind in ErrorKind if kind is not ErrorKind.FOUND)

MEANINGS: Mapping[ErrorKind, str] = MappingProxyType(
    {
        ErrorKind.FOUND: "the right class, and an IoU of 0.5 or more with an object that was still free",
        ErrorKind.MISCLASSIFIED: "an IoU of 0.5 or more with an object of another class",
        ErrorKind.BAD_MASK: "the right class, but an IoU of only 0.1 to 0.5",
        ErrorKind.BOTH: "another class, and an IoU of only 0.1 to 0.5",
        ErrorKind.DUPLICATE: "right, but a better-scoring detection found the object already",
        ErrorKind.BACKGROUND: "an IoU of less than 0.1 with every object",
        ErrorKind.MISSED: "an object that no detection found or nearly found",
    }
)
"""What each kind means at TIDE's limits of 0.5 and 0.1."""


def overlaps_of_dataset(
    dataset: Dataset, detections: Sequence[ImageDetections], kind: Kind = "mask"
) -> list[ImageOverlaps]:
    """Compute the overlaps of detections, in the order of `dataset.images`, with the labels.

    Raises:
        DataError: detections and images do not match, or a mask on disk cannot be read.
    """
    if len(detections) != len(dataset.images):
        raise DataError(
            f"There are detections of {len(detections)} images, dataset '{dataset.name}' has {len(dataset.images)}. "
            "Run the model on this dataset again."
        )
    return [overlaps_of_image(labels, found, kind) for labels, found in zip(dataset.images, detections, strict=True)]


def overlaps_of_image(labels: ImageLabels, found: ImageDetections, kind: Kind = "mask") -> ImageOverlaps:
    """Compute the overlaps of one image's detections with its labels.

    Raises:
        DataError: the detections are of an image of another size, or a mask on disk cannot be read.
    """
    if (found.height, found.width) != (labels.height, labels.width):
        raise DataError(
            f"Image {labels.image_id} is {labels.width} x {labels.height} pixels, its detections are of "
            f"{found.width} x {found.height}. Run the model on this dataset again."
        )
    of_masks = kind == "mask"
    crowds = mask_regions(labels) if of_masks else np.array([not label.is_scored for label in labels.objects], bool)
    return ImageOverlaps(
        image_id=labels.image_id,
        places=np.arange(len(found.classes)),
        classes=found.classes,
        scores=found.scores.astype(np.float64).round(_SCORE_DECIMALS),
        truth_classes=np.array([label.class_index for label in labels.objects], np.int64),
        crowds=crowds,
        iou=_mask_iou(labels, found, crowds) if of_masks else _box_iou(labels, found, crowds),
    )


def match_by_score(image: ImageOverlaps, min_iou: float = FOUND_IOU) -> IntArray:
    """Match each detection, best score first, with the free object of its class that it overlaps most.

    A detection without an object that is in a crowd of its class is matched with the crowd, which stays free.

    Returns:
        (D,) int64, the object of each, or `NO_MATCH`.
    """
    same_class = image.classes[:, None] == image.truth_classes[None, :]
    return _match_greedily(np.where(same_class, image.iou, -1.0), image.scores, image.crowds, min_iou)


def match_any_class(image: ImageOverlaps, min_iou: float = FOUND_IOU) -> IntArray:
    """Match as `match_by_score` does, ignoring classes."""
    return _match_greedily(image.iou, image.scores, image.crowds, min_iou)


def _mask_iou(labels: ImageLabels, found: ImageDetections, regions: BoolArray) -> IouArray:
    if not labels.objects or not found.masks:
        return np.zeros((len(found.masks), len(labels.objects)))
    return _coco_iou(list(found.masks), scored_masks(labels), regions)


def _coco_iou(found: object, truth: object, crowds: BoolArray) -> IouArray:
    iou: IouArray = coco_mask.iou(found, truth, crowds.astype(int).tolist())
    return iou


def _box_iou(labels: ImageLabels, found: ImageDetections, crowds: BoolArray) -> IouArray:
    if not labels.objects or not len(found.boxes):
        return np.zeros((len(found.boxes), len(labels.objects)))
    truth = np.array([label.box for label in labels.objects], np.float32)
    return _coco_iou(xyxy_to_xywh(found.boxes).astype(np.float64), xyxy_to_xywh(truth).astype(np.float64), crowds)


def _match_greedily(iou: IouArray, scores: IouArray, crowds: BoolArray, min_iou: float) -> IntArray:
    """Match (D, G) overlaps as COCOeval does; of equal overlaps it takes the last."""
    matched = np.full(len(scores), NO_MATCH, np.int64)
    possible = iou >= min_iou
    free = ~crowds
    order = np.argsort(-scores, kind="stable")
    for row in order[possible[order].any(axis=1)]:
        columns = np.flatnonzero(possible[row] & free)
        if not columns.size:
            columns = np.flatnonzero(possible[row] & crowds)
        if columns.size:
            best = columns[::-1][np.argmax(iou[row, columns[::-1]])]
            matched[row] = best
            free[best] = False
    return matched
