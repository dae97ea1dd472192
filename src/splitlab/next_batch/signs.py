"""What trained models show in photos without labels: where they differ, how shaky their masks are, what they count."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from splitlab.data.dataset import Dataset, ImageLabels, LabelState
from splitlab.data.images import ImageArray
from splitlab.errors import DataError
from splitlab.evaluation.class_map import ClassMap, class_map_for, require_known
from splitlab.evaluation.compare_models import weights_hash
from splitlab.evaluation.comparison import MIN_SCORE
from splitlab.evaluation.detections import ImageDetections
from splitlab.evaluation.disagreement import ComparedImage, ComparedObject, compare_image, mean_iou
from splitlab.evaluation.predict import predict
from splitlab.geometry import mask_to_rle, rle_to_mask
from splitlab.models.contract import DetectSettings, SegmentationModel
from splitlab.models.registry import load_model
from splitlab.next_batch.photo_rows import RowKind, Rows

_WHAT = "look at photos with the model"
_FIRST_COUNT = 2
_SETTINGS = DetectSettings(min_score=MIN_SCORE, best_class_only=True)


@dataclass(frozen=True)
class Signs:
    """What models show in N photos.

    Attributes:
        differ: (N,) 0..1, how much the models differ on the objects they see; 0 where they see nothing.
        doubt: (N,) 0..1, one minus the mean IoU of two models' masks of an object; 0 where no two see one.
        counts: (N, classes), how many objects of each class a model sees on average.
    """

    differ: NDArray[np.float32]
    doubt: NDArray[np.float32]
    counts: NDArray[np.float32]

    @classmethod
    def of_rows(cls, rows: Rows) -> Signs:
        """Take apart the rows of `sign_rows`."""
        numbers = rows.astype(np.float32)
        return cls(numbers[:, 0], numbers[:, 1], numbers[:, _FIRST_COUNT:])


@dataclass(frozen=True)
class _Viewer:
    """A model that looks at photos, or at their mirror images."""

    model: SegmentationModel
    classes: ClassMap
    size: int
    mirrors: bool

    def look(self, photos: Sequence[ImageArray]) -> list[ImageDetections]:
        if not self.mirrors:
            return predict(self.model, photos, self.size, _SETTINGS, self.classes)
        mirrored = [np.ascontiguousarray(photo[:, ::-1]) for photo in photos]
        return [_mirrored(found) for found in predict(self.model, mirrored, self.size, _SETTINGS, self.classes)]


def sign_rows(checkpoints: Sequence[Path], dataset: Dataset) -> RowKind:
    """Return the kind of rows that holds the signs of a photo: differ, doubt, and a count for each class.

    Several checkpoints are compared with each other, one with itself on the mirrored photo.

    Args:
        checkpoints: folders of trained models, one or more.
        dataset: its classes are counted.

    Raises:
        DataError: the dataset has no classes.
        CheckpointError: a checkpoint cannot be loaded, or knows none of the classes.
    """
    if not dataset.class_names:
        raise DataError(
            f"'{dataset.name}' has no classes yet, so what a model sees cannot be compared with it. Label some photos "
            "first, or choose them without a model: diversity or random."
        )
    viewers = [_viewer(folder, dataset) for folder in checkpoints]
    if len(viewers) == 1:
        viewers.append(replace(viewers[0], mirrors=True))
    # The class map of a card can be changed without its weights.
    places = [f"{weights_hash(folder)} {viewer.classes}" for folder, viewer in zip(checkpoints, viewers, strict=False)]
    digits = hashlib.sha256("\n".join(places).encode()).hexdigest()[:16]
    classes = len(dataset.class_names)

    def compute(photos: Sequence[ImageArray]) -> NDArray[np.float32]:
        found = [viewer.look(photos) for viewer in viewers]
        return np.array([_row(of_photo, classes) for of_photo in zip(*found, strict=True)], np.float32)

    side = max(viewer.size for viewer in viewers)
    return RowKind(f"signs-{digits}", _WHAT, _FIRST_COUNT + classes, side, compute)


def _viewer(folder: Path, dataset: Dataset) -> _Viewer:
    model, card = load_model(folder)
    classes = require_known(class_map_for(card, dataset.class_names), str(folder), dataset.name)
    return _Viewer(model, classes, card.image_size, mirrors=False)


def _mirrored(found: ImageDetections) -> ImageDetections:
    boxes = found.boxes.copy()
    boxes[:, [0, 2]] = found.width - found.boxes[:, [2, 0]]
    masks = tuple(mask_to_rle(rle_to_mask(mask)[:, ::-1]) for mask in found.masks)
    return replace(found, boxes=boxes, masks=masks)


def _row(found: Sequence[ImageDetections], classes: int) -> NDArray[np.float32]:
    # Labels that a photo has already would take the detections in their boxes out of the comparison.
    unlabelled = ImageLabels(0, Path(), found[0].width, found[0].height, (), LabelState.NONE)
    seen = compare_image(unlabelled, {str(place): one for place, one in enumerate(found)}, MIN_SCORE)
    row = np.zeros(_FIRST_COUNT + classes, np.float32)
    if seen.objects:
        row[0] = np.mean([_difference(seen, one) for one in seen.objects])
        row[1] = _doubt(seen.objects)
        votes = [vote.class_index for one in seen.objects for vote in one.votes.values()]
        row[_FIRST_COUNT:] = np.bincount(votes, minlength=classes) / len(found)
    return row


def _difference(seen: ComparedImage, one: ComparedObject) -> float:
    """Return the range of the scores that models give an object, 0 from those that miss it; 1 for several classes."""
    if len(one.classes) > 1:
        return 1.0
    scores = [vote.score for vote in one.votes.values()]
    return max(scores) - (min(scores) if len(scores) == len(seen.models) else 0.0)


def _doubt(objects: Sequence[ComparedObject]) -> float:
    shared = [one for one in objects if len(one.votes) > 1]
    if not shared:
        return 0.0
    scores = np.array([np.mean([vote.score for vote in one.votes.values()]) for one in shared])
    overlaps = np.array([mean_iou(one) or 0.0 for one in shared])
    return float(1 - (scores * overlaps).sum() / scores.sum())
