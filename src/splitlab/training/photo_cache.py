"""Photos scaled to the training size, kept in memory as far as a limit allows."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from torch.utils.data import get_worker_info

from splitlab.data.dataset import ImageLabels
from splitlab.data.images import ImageArray, load_labelled

# In a process, whatever it shares its batches out to.
MAX_BYTES = 1_000_000_000


class PhotoCache:
    """Reads photos, scales their long side to `size` pixels, and keeps the first as far as the limit allows."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: dict[Path, ImageArray] = {}
        self._bytes = 0

    def get(self, labels: ImageLabels) -> ImageArray:
        """Return the scaled photo, (h, w, 3) uint8 RGB with max(h, w) = size.

        Raises:
            ImageError: the photo cannot be read.
            DataError: it has another size than its labels say.
        """
        if labels.path in self._kept:
            return self._kept[labels.path]
        photo = self._scaled(labels)
        worker = get_worker_info()
        if self._bytes + photo.nbytes <= MAX_BYTES / (worker.num_workers if worker else 1):
            self._kept[labels.path] = photo
            self._bytes += photo.nbytes
        return photo

    def _scaled(self, labels: ImageLabels) -> ImageArray:
        photo = load_labelled(labels)
        ratio = self._size / max(photo.shape[:2])
        width, height = (max(round(side * ratio), 1) for side in (photo.shape[1], photo.shape[0]))
        interpolation = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(photo, (width, height), interpolation=interpolation), np.uint8)
