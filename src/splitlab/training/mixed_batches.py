"""Batches that fuse two streams, F and W (Sec. 3.4).

A batch is a function of seed and step alone, so a resumed run sees the same batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.utils.data import Dataset as TorchDataset

from splitlab.data.dataset import ImageLabels
from splitlab.data.split import boxes_only, without_masks
from splitlab.errors import SettingsError
from splitlab.models.contract import Batch
from splitlab.runs.settings import AugmentationSettings
from splitlab.training.augment import Example, PhotoCache, mosaic_example, single_example


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
