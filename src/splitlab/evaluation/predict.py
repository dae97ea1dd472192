"""Detect objects in photos with a model, and score it on a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from splitlab.checkpoints.scores import CUT
from splitlab.data.dataset import Dataset
from splitlab.data.fit_for_training import refuse_unscorable
from splitlab.data.images import ImageArray, load_labelled
from splitlab.evaluation.class_map import NO_CLASS, ClassMap
from splitlab.evaluation.detections import ImageDetections
from splitlab.evaluation.known_classes import evaluate_known
from splitlab.evaluation.scores import Scores
from splitlab.geometry import FloatArray, MaskArray, Rle, empty_rle, mask_to_rle
from splitlab.models.contract import Detections, DetectSettings, SegmentationModel

_GREY = 114
# OpenCV cannot warp images with longer sides; a tile of this many pixels takes 16 MB.
_TILE_SIDE, _TILE_PIXELS = 32_000, 4_000_000
# Most low-scoring detections of a model of COCO's 80 classes are of classes that the data does not have.
_ROOM_FOR_OTHERS = 3

_Region = tuple[int, int, int, int]
"""left, top, right, bottom in pixels of the image, the far edge outside."""

_Progress = Callable[[int], None]


@dataclass(frozen=True)
class Letterbox:
    """The position of an image in the model's square: scaled by `ratio`, moved by `left` and `top` pixels.

    `inner_height` and `inner_width` are its sides in the square, 1 or more.
    """

    ratio: float
    left: int
    top: int
    height: int
    width: int
    inner_height: int
    inner_width: int

    @property
    def inside(self) -> tuple[slice, slice]:
        """Its rows and columns in the square."""
        return slice(self.top, self.top + self.inner_height), slice(self.left, self.left + self.inner_width)


def predict(
    model: SegmentationModel,
    images: Sequence[ImageArray],
    size: int,
    settings: DetectSettings,
    classes: ClassMap | None = None,
) -> list[ImageDetections]:
    """Detect objects in (H, W, 3) uint8 RGB images of any size, in one batch.

    Args:
        model: in evaluation mode; `cuts_masks` says whether masks end at their boxes.
        images: the images.
        size: side of the model's square input, pixels.
        settings: thresholds for detections.
        classes: maps the model's classes to a dataset's; detections without a counterpart are dropped before
            `settings` limits their number.
    """
    squares, places = zip(*(letterbox(image, size) for image in images), strict=True)
    device = next(model.parameters()).device
    batch = torch.from_numpy(np.stack(squares)).to(device).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        if classes is None:
            found = model.detect(batch, settings)
        elif classes.changes_nothing:
            found = model.detect(batch, replace(settings, unused=()))
        else:
            found = _detect_known(model, batch, settings, classes)
    return [_back(detections, place, size, model.cuts_masks) for detections, place in zip(found, places, strict=True)]


def predict_in_batches(
    model: SegmentationModel,
    images: Iterator[ImageArray],
    size: int,
    settings: DetectSettings,
    batch_size: int = 8,
    classes: ClassMap | None = None,
) -> Iterator[ImageDetections]:
    """Detect objects in any number of images as `predict` does, with one batch in memory."""
    waiting: list[ImageArray] = []
    for image in images:
        waiting.append(image)
        if len(waiting) == batch_size:
            yield from predict(model, waiting, size, settings, classes)
            waiting = []
    if waiting:
        yield from predict(model, waiting, size, settings, classes)


def letterbox(image: ImageArray, size: int) -> tuple[ImageArray, Letterbox]:
    """Scale an (H, W, 3) image into the middle of a grey square; return the square and the position of the image."""
    height, width = image.shape[:2]
    ratio = size / max(height, width)
    inner_height, inner_width = max(round(height * ratio), 1), max(round(width * ratio), 1)
    top, left = (size - inner_height) // 2, (size - inner_width) // 2
    place = Letterbox(ratio, left, top, height, width, inner_height, inner_width)
    square = np.full((size, size, 3), _GREY, np.uint8)
    interpolation = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
    square[place.inside] = cv2.resize(image, (inner_width, inner_height), interpolation=interpolation)
    return square, place


def evaluate_model(
    model: SegmentationModel, dataset: Dataset, size: int, progress: _Progress, classes: ClassMap | None = None
) -> tuple[Scores, list[ImageDetections]]:
    """Run a model over all images of a dataset at `size` pixels; return scores and detections.

    The mask scores state in `cut_to_box` whether masks were cut to their boxes.

    Args:
        model: any model; its training mode is restored afterwards.
        dataset: the dataset to score on.
        size: side of the model's square input, pixels.
        progress: called with the number of images done.
        classes: maps the model's classes to the dataset's; None if they are equal. Scores cover the classes that the
            model knows, see `evaluate_known`.

    Raises:
        DataError: labels of the dataset cannot be read, so scores would be wrong.
    """
    refuse_unscorable(dataset)
    was_training = model.training
    model.eval()
    detections: list[ImageDetections] = []
    images = map(load_labelled, dataset.images)
    for found in predict_in_batches(model, images, size, DetectSettings(), classes=classes):
        detections.append(found)
        progress(len(detections))
    model.train(was_training)
    scores = evaluate_known(dataset, detections, dataset.class_names if classes is None else classes.known)
    scores["mask"][CUT] = model.cuts_masks
    return scores, detections


def _back(found: Detections, place: Letterbox, size: int, cuts_masks: bool) -> ImageDetections:
    inner = found.boxes.cpu().numpy() - [place.left, place.top, place.left, place.top]
    sides = [place.width, place.height, place.width, place.height]
    boxes = (inner / place.ratio).clip(0, sides).astype(np.float32)
    logits = found.mask_logits.float().cpu().numpy()
    masks = tuple(
        _full_size_mask(logit, _inside(box) if cuts_masks else _reach(logit, place, size), place, size)
        for logit, box in zip(logits, boxes, strict=True)
    )
    return ImageDetections(
        place.height, place.width, boxes, found.scores.cpu().numpy(), found.classes.cpu().numpy(), masks
    )


def _full_size_mask(logit: FloatArray, region: _Region, place: Letterbox, size: int) -> Rle:
    """Scale one (h, w) map of the square to a region of the image; positive values are the object.

    Only the region is computed, tile by tile, so memory holds the mask and one tile.
    """
    left, top, right, bottom = region
    if right <= left or bottom <= top or not (logit > 0).any():
        return empty_rle(place.height, place.width)
    # Column order, as in the encoding.
    mask = np.zeros((place.height, place.width), bool, order="F")
    wide = min(right - left, _TILE_SIDE)
    high = min(max(_TILE_PIXELS // wide, 1), _TILE_SIDE)
    for x in range(left, right, wide):
        for y in range(top, bottom, high):
            tile = (x, y, min(x + wide, right), min(y + high, bottom))
            mask[y : tile[3], x : tile[2]] = _is_object(logit, tile, place, size)
    return mask_to_rle(mask)


def _is_object(logit: FloatArray, tile: _Region, place: Letterbox, size: int) -> MaskArray:
    """Return where the map is positive, for the pixels of a tile."""
    left, top, right, bottom = tile
    scale = place.ratio * logit.shape[-1] / size
    shrink = logit.shape[-1] / size
    # From pixel centres of the tile to cell centres of the map.
    to_map = np.array(
        [
            [scale, 0, (left + 0.5) * scale + place.left * shrink - 0.5],
            [0, scale, (top + 0.5) * scale + place.top * shrink - 0.5],
        ]
    )
    scaled = cv2.warpAffine(
        logit,
        to_map,
        (int(right - left), int(bottom - top)),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(scaled > 0)


def _inside(box: FloatArray) -> _Region:
    """Return the pixels that a box covers at least partly."""
    left, top = np.floor(box[:2]).astype(int)
    right, bottom = np.ceil(box[2:]).astype(int)
    return left, top, right, bottom


def _reach(logit: FloatArray, place: Letterbox, size: int) -> _Region:
    """Return the image's pixels that may be positive when an (h, w) map of the square is scaled to it."""
    rows, columns = (np.flatnonzero((logit > 0).any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return 0, 0, 0, 0
    top, bottom = _pixels_near(rows, place.top, place.height, place.ratio, logit.shape[-1] / size)
    left, right = _pixels_near(columns, place.left, place.width, place.ratio, logit.shape[-1] / size)
    return left, top, right, bottom


def _pixels_near(cells: NDArray[np.int64], margin: int, side: int, ratio: float, shrink: float) -> tuple[int, int]:
    """Return the first pixel, and the one after the last, within a cell of the first and last of `cells`.

    Bilinear scaling reads the next cell; another half cell allows for rounding.
    """
    near = np.array([cells[0] - 1.5, cells[-1] + 1.5])
    first, last = ((near + 0.5) / shrink - margin) / ratio - 0.5
    return max(int(np.floor(first)), 0), min(int(np.ceil(last)) + 1, side)


def _detect_known(
    model: SegmentationModel, batch: torch.Tensor, settings: DetectSettings, classes: ClassMap
) -> list[Detections]:
    """Detect more objects than asked for, since some are dropped afterwards."""
    roomy = replace(settings, max_detections=settings.max_detections * _ROOM_FOR_OTHERS, unused=classes.unused)
    places = torch.tensor(classes.places, device=batch.device)
    known = []
    for found in model.detect(batch, roomy):
        numbers = places[found.classes]
        kept = (numbers != NO_CLASS).nonzero().flatten()[: settings.max_detections]
        known.append(Detections(found.boxes[kept], found.scores[kept], numbers[kept], found.mask_logits[kept]))
    return known
