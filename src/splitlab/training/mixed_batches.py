"""Batches that mix images of F and W, augmented: photos, boxes and masks change together."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import get_worker_info

from splitlab.data.dataset import ImageLabels, ObjectLabel
from splitlab.data.images import ImageArray, load_labelled
from splitlab.data.masks import read_mask
from splitlab.data.split import boxes_only, without_masks
from splitlab.errors import SettingsError
from splitlab.geometry import FloatArray, rle_to_mask
from splitlab.models.contract import Batch
from splitlab.runs.settings import AugmentationSettings

# Per process, shared by its data loader workers.
_MAX_BYTES = 1_000_000_000
_GREY = 114
_MASK_STRIDE = 4
_HALF_COVERED = 127
# Minimum visibility of a target, with or without a mask: YOLOv5's rule for outlines, which the authors apply to F and W
# alike (docs/protocol.md, YOLOv5).
_MIN_SIDE_PIXELS, _MIN_VISIBLE_SHARE, _MAX_ASPECT_RATIO = 2.0, 0.01, 100.0

_Matrix = NDArray[np.float64]
_Image = NDArray[np.uint8]


class PhotoCache:
    """Reads photos, resizes their long side to `size` pixels, and keeps as many as fit in memory."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._cached: dict[Path, ImageArray] = {}
        self._bytes = 0

    def get(self, labels: ImageLabels) -> ImageArray:
        """Return the resized photo, (h, w, 3) uint8 RGB with max(h, w) = size."""
        if labels.path in self._cached:
            return self._cached[labels.path]
        photo = self._scaled(labels)
        worker = get_worker_info()
        if self._bytes + photo.nbytes <= _MAX_BYTES / (worker.num_workers if worker else 1):
            self._cached[labels.path] = photo
            self._bytes += photo.nbytes
        return photo

    def _scaled(self, labels: ImageLabels) -> ImageArray:
        photo = load_labelled(labels)
        ratio = self._size / max(photo.shape[:2])
        width, height = (max(round(side * ratio), 1) for side in (photo.shape[1], photo.shape[0]))
        interpolation = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(photo, (width, height), interpolation=interpolation), np.uint8)


@dataclass(frozen=True)
class Example:
    """One augmented image with its targets."""

    image: _Image  # (S, S, 3) uint8 RGB
    boxes: FloatArray  # (N, 4) float32 xyxy, pixels
    classes: NDArray[np.int64]  # (N,) int64
    has_mask: NDArray[np.bool_]  # (N,) bool; False for objects with only a box
    masks: _Image  # (N, S/4, S/4) uint8, 0 or 1; all zero for objects with only a box


def mosaic_example(
    four: Sequence[ImageLabels], photos: PhotoCache, size: int, rng: np.random.Generator, changes: AugmentationSettings
) -> Example:
    """Place four images around a random centre, and crop a random window."""
    centre = rng.uniform(0.5 * size, 1.5 * size, 2)
    window = _random_window(2 * size, size, rng, changes)
    tiles = []
    for corner, labels in zip(((1, 1), (0, 1), (1, 0), (0, 0)), four, strict=True):
        photo = photos.get(labels)
        extent = np.array([photo.shape[1], photo.shape[0]])
        tiles.append((labels, photo, window @ _shift(*(centre - extent * corner))))
    return _render(tiles, size, rng, changes)


def single_example(
    labels: ImageLabels, photos: PhotoCache, size: int, rng: np.random.Generator, changes: AugmentationSettings
) -> Example:
    """Place one whole image in the middle, randomly scaled, shifted and flipped."""
    photo = photos.get(labels)
    middle = _shift((size - photo.shape[1]) / 2, (size - photo.shape[0]) / 2)
    window = _random_window(size, size, rng, changes)
    return _render([(labels, photo, window @ middle)], size, rng, changes)


def _random_window(canvas: int, size: int, rng: np.random.Generator, changes: AugmentationSettings) -> _Matrix:
    zoom = rng.uniform(1 - changes.scale, 1 + changes.scale)
    target = rng.uniform(0.5 - changes.translate, 0.5 + changes.translate, 2) * size
    window = _shift(*target) @ np.diag([zoom, zoom, 1.0]) @ _shift(-canvas / 2, -canvas / 2)
    if rng.random() < changes.flip:
        window = _shift(size, 0) @ np.diag([-1.0, 1.0, 1.0]) @ window
    return window


def _shift(x: float, y: float) -> _Matrix:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _render(
    tiles: Sequence[tuple[ImageLabels, _Image, _Matrix]],
    size: int,
    rng: np.random.Generator,
    changes: AugmentationSettings,
) -> Example:
    canvas = np.full((size, size, 3), _GREY, np.uint8)
    boxes: list[FloatArray] = []
    classes: list[int] = []
    has_mask: list[bool] = []
    masks: list[_Image] = []
    for labels, photo, placed in tiles:
        cv2.warpAffine(
            photo,
            _on_pixels(placed),
            (size, size),
            dst=canvas,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_TRANSPARENT,
        )
        from_original = placed @ np.diag([photo.shape[1] / labels.width, photo.shape[0] / labels.height, 1.0])
        for label in labels.targets:
            target = _place_object(label, from_original, size)
            if target is not None:
                boxes.append(target[0])
                classes.append(label.class_index)
                has_mask.append(label.mask is not None)
                masks.append(target[1])
    return Example(
        image=_jitter_colour(canvas, rng, changes),
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        classes=np.array(classes, np.int64),
        has_mask=np.array(has_mask, np.bool_),
        masks=np.array(masks, np.uint8).reshape(-1, size // _MASK_STRIDE, size // _MASK_STRIDE),
    )


def _on_pixels(matrix: _Matrix) -> _Matrix:
    # OpenCV's origin is the centre of the first pixel, that of boxes its corner.
    return (_shift(-0.5, -0.5) @ matrix @ _shift(0.5, 0.5))[:2]


def _place_object(label: ObjectLabel, from_original: _Matrix, size: int) -> tuple[FloatArray, _Image] | None:
    """Return an object's box and mask (blank if it has none) in the image, or None if too little of it is visible.

    A clipped box is refitted to the visible mask, as in Ultralytics' `segment2box`.
    """
    corners = np.array(label.box, np.float64).reshape(2, 2) @ from_original[:2, :2].T + from_original[:2, 2]
    whole = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    box = whole.clip(0, size)
    if not _is_seen(box, whole):
        return None
    if label.mask is None:
        return box.astype(np.float32), np.zeros((size // _MASK_STRIDE, size // _MASK_STRIDE), np.uint8)
    bitmap = rle_to_mask(read_mask(label.mask)).astype(np.uint8) * 255
    drawn = np.asarray(cv2.warpAffine(bitmap, _on_pixels(from_original), (size, size)), np.uint8)
    if not np.array_equal(box, whole):
        box = _refit(box, drawn)
        if not _is_seen(box, whole):
            return None
    return box.astype(np.float32), _shrink(drawn)


def _is_seen(box: _Matrix, whole: _Matrix) -> bool:
    sides, all_sides = box[2:] - box[:2], whole[2:] - whole[:2]
    return bool(
        sides.min() > _MIN_SIDE_PIXELS
        and sides.max() < _MAX_ASPECT_RATIO * sides.min()
        and sides.prod() > _MIN_VISIBLE_SHARE * all_sides.prod()
    )


def _refit(box: _Matrix, mask: _Image) -> _Matrix:
    """Move the sides of a clipped box to the mask, unless they are within a pixel: drawn masks have whole pixels."""
    left, top, width, height = cv2.boundingRect((mask > _HALF_COVERED).astype(np.uint8))
    of_mask = np.array([left, top, left + width, top + height], np.float64)
    return np.where(np.abs(of_mask - box) < 1, box, of_mask)


def _shrink(drawn: _Image) -> _Image:
    side = drawn.shape[0] // _MASK_STRIDE
    return (cv2.resize(drawn, (side, side), interpolation=cv2.INTER_AREA) > _HALF_COVERED).astype(np.uint8)


def _jitter_colour(image: _Image, rng: np.random.Generator, changes: AugmentationSettings) -> _Image:
    most = changes.hue, changes.saturation, changes.value
    hue, saturation, value = rng.uniform(-1, 1, 3) * most + 1
    levels = np.arange(256)
    tables = (levels * hue % 180, (levels * saturation).clip(0, 255), (levels * value).clip(0, 255))
    channels = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV))
    changed = [cv2.LUT(channel, table.astype(np.uint8)) for channel, table in zip(channels, tables, strict=True)]
    return np.asarray(cv2.cvtColor(cv2.merge(changed), cv2.COLOR_HSV2RGB), np.uint8)


@dataclass(frozen=True)
class BatchSettings:
    """How batches are made."""

    image_size: int  # side of the training images, pixels
    batch_size: int  # images per batch
    f_size: int  # mask images per batch, if there are box images as well
    steps: int  # batches in the run
    seed: int  # of order and augmentation
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)  # strength of the augmentation
    with_difficult: bool = False  # whether box images keep difficult objects, as the paper's authors do for DETR


class _Stream:
    """An endless, shuffled pass over one set; mosaics combine images of this set only."""

    def __init__(self, images: Sequence[ImageLabels], number: int, settings: BatchSettings, photos: PhotoCache) -> None:
        self._images = images
        self._number = number
        self._settings = settings
        self._photos = photos

    def __len__(self) -> int:
        return len(self._images)

    def example(self, place: int, mosaic: float) -> Example:
        """Make the example at a position of the endless pass; `mosaic` is the probability of a mosaic, 0..1."""
        size, augmentation = self._settings.image_size, self._settings.augmentation
        order = self._rng(0, place // len(self)).permutation(len(self))
        labels = self._images[order[place % len(self)]]
        rng = self._rng(1, place)
        if self._rng(2, place).random() >= mosaic:
            return single_example(labels, self._photos, size, rng, augmentation)
        others = [self._images[index] for index in rng.integers(len(self), size=3)]
        return mosaic_example([labels, *others], self._photos, size, rng, augmentation)

    def _rng(self, use: int, number: int) -> np.random.Generator:
        return np.random.default_rng([self._settings.seed, self._number, use, number])


class MixedBatches(TorchDataset[Batch]):
    """Fused batches by step: `f_size` images of F, the rest of W; all of one set if the other is empty."""

    def __init__(self, full: Sequence[ImageLabels], weak: Sequence[ImageLabels], settings: BatchSettings) -> None:
        self._settings = settings
        photos = PhotoCache(settings.image_size)
        self._full = _Stream(full, 0, settings, photos)
        as_weak = without_masks if settings.with_difficult else boxes_only
        self._weak = _Stream([as_weak(labels) for labels in weak], 1, settings, photos)
        f_size = settings.f_size if weak else settings.batch_size
        self._f_size = f_size if full else 0
        self._process, self._processes = 0, 1

    def __len__(self) -> int:
        return self._settings.steps

    def __getitem__(self, step: int) -> Batch:
        """Make the batch of a step, 0-based."""
        augmentation = self._settings.augmentation
        is_plain = step >= self._settings.steps * (1 - augmentation.plain_tail)
        mosaic = 0.0 if is_plain else augmentation.mosaic
        w_size = self._settings.batch_size - self._f_size
        full = [self._full.example(step * self._f_size + slot, mosaic) for slot in self._own(self._f_size)]
        weak = [self._weak.example(step * w_size + slot, mosaic) for slot in self._own(w_size)]
        return _fuse(full, weak)

    def of_process(self, index: int, count: int) -> MixedBatches:
        """Return the batches of one of `count` processes: each gets an equal part of F's and of W's images."""
        check_divisible(self._f_size, self._settings.batch_size, count)
        part = copy(self)
        part._process, part._processes = index, count
        return part

    def _own(self, slots: int) -> range:
        each = slots // self._processes
        return range(self._process * each, (self._process + 1) * each)


def check_divisible(f_size: int, batch_size: int, processes: int) -> None:
    """Raise SettingsError if the processes cannot share F and W of a batch equally."""
    if f_size % processes or batch_size % processes:
        raise SettingsError(
            f"{processes} processes cannot share f_size {f_size} and batch_size {batch_size} equally. "
            f"Make both multiples of {processes}, or start fewer processes."
        )


def _fuse(full: Sequence[Example], weak: Sequence[Example]) -> Batch:
    """Combine mask examples and box examples in one batch, mask examples first."""
    examples = [*full, *weak]
    counts = [len(example.classes) for example in examples]
    pixels = torch.from_numpy(np.stack([example.image for example in examples]))
    image_index = torch.arange(len(examples)).repeat_interleave(torch.tensor(counts))
    of_f = torch.arange(len(examples)) < len(full)
    known = torch.from_numpy(np.concatenate([example.has_mask for example in examples]))
    return Batch(
        # The permuted view is what torch calls channels_last.
        images=pixels.permute(0, 3, 1, 2).float() / 255,
        boxes=torch.from_numpy(np.concatenate([example.boxes for example in examples])),
        classes=torch.from_numpy(np.concatenate([example.classes for example in examples])),
        image_index=image_index,
        has_mask=of_f,
        object_has_mask=known & of_f[image_index],
        masks=torch.from_numpy(np.concatenate([example.masks for example in examples])),
    )
