"""Fit anchors to the boxes of a dataset by YOLOv5's rule, without torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans

from splitlab.data.dataset import ImageLabels

# A box matches an anchor if width and height are within this factor.
_LARGEST_RATIO = 4.0
# Anchors with this recall are good enough, as in YOLOv5.
_GOOD_RECALL = 0.98
_ANCHORS = 9
_SMALLEST_SIDE = 2.0
_MUTATIONS = 1000

_Sizes = NDArray[np.float64]


@dataclass(frozen=True)
class AnchorFit:
    """Anchors and their recall on the boxes of a dataset."""

    # Nine (width, height), pixels of the training image, smallest first; three per level.
    anchors: tuple[tuple[float, float], ...]
    best_possible_recall: float  # fraction of the boxes that match an anchor, 0..1
    of_standard: float  # the same for the initial anchors (YOLOv5's or the checkpoint's), which are kept from 0.98 on
    boxes: int  # number of boxes

    @property
    def are_standard(self) -> bool:
        """Whether the initial anchors were kept."""
        return self.best_possible_recall == self.of_standard

    def __str__(self) -> str:
        initial = f"The initial anchors match {self.of_standard:.1%} of {self.boxes} boxes"
        return initial if self.are_standard else f"{initial}, the fitted ones {self.best_possible_recall:.1%}"


def box_sizes(images: Iterable[ImageLabels], image_size: int) -> _Sizes:
    """Return (N, 2) width and height of all targets, in pixels of images whose long side is `image_size`."""
    sizes = [
        ((right - left) * ratio, (bottom - top) * ratio)
        for image in images
        for ratio in [image_size / max(image.width, image.height)]
        for left, top, right, bottom in (label.box for label in image.targets)
    ]
    return np.array(sizes, np.float64).reshape(-1, 2)


def _best_possible_recall(sizes: _Sizes, anchors: _Sizes) -> float:
    """Return the fraction of boxes (N, 2) that match at least one anchor (A, 2), 0..1; 1 without boxes."""
    return float((_fits(sizes, anchors) > 1 / _LARGEST_RATIO).mean()) if len(sizes) else 1.0


def fit_anchors(sizes: _Sizes, standard: _Sizes) -> AnchorFit:
    """Keep the standard anchors where they serve, else fit others by k-means and mutation; take the better ones.

    Args:
        sizes: (N, 2) width and height of the boxes, pixels of the training image.
        standard: (9, 2) anchors to start from, in the same pixels.
    """
    # Like YOLOv5: what is smaller than two pixels is no target.
    sizes = sizes[(sizes > _SMALLEST_SIDE).all(axis=1)]
    of_standard = _best_possible_recall(sizes, standard)
    chosen, recall = standard, of_standard
    if of_standard < _GOOD_RECALL and len(sizes) >= _ANCHORS:
        fitted = _mutate(_cluster(sizes), sizes)
        of_fitted = _best_possible_recall(sizes, fitted)
        if of_fitted > of_standard:
            chosen, recall = fitted, of_fitted
    ordered = chosen[chosen.prod(axis=1).argsort()]
    return AnchorFit(tuple((float(w), float(h)) for w, h in ordered.round(2)), recall, of_standard, len(sizes))


def _fits(sizes: _Sizes, anchors: _Sizes) -> NDArray[np.float64]:
    """Return (N,) for each box the worse of its two side ratios to the best anchor, 0..1."""
    ratio = sizes[:, None] / anchors[None]
    best: NDArray[np.float64] = np.minimum(ratio, 1 / ratio).min(axis=2).max(axis=1)
    return best


def _cluster(sizes: _Sizes) -> _Sizes:
    # Ratios are differences of logarithms. Initial centres spread by area make the result deterministic.
    logs = np.log(sizes)
    by_area = logs[logs.sum(axis=1).argsort()]
    first = by_area[((np.arange(_ANCHORS) + 0.5) * len(logs) / _ANCHORS).astype(int)]
    centres, _ = kmeans(logs, first)
    # Centres without boxes are dropped, which happens if many boxes are equal.
    filled = np.resize(np.exp(centres), (_ANCHORS, 2))
    return np.asarray(filled, np.float64)


def _mutate(anchors: _Sizes, sizes: _Sizes) -> _Sizes:
    """Mutate the anchors at random, and keep each change that improves the fitness."""
    rng = np.random.default_rng(0)
    best = _fitness(sizes, anchors)
    for _ in range(_MUTATIONS):
        strength = rng.random() * 0.1
        changed = anchors * np.exp(strength * rng.standard_normal(anchors.shape) * (rng.random(anchors.shape) < 0.9))
        fitness = _fitness(sizes, changed)
        if fitness > best:
            anchors, best = changed, fitness
    return anchors


def _fitness(sizes: _Sizes, anchors: _Sizes) -> float:
    fits = _fits(sizes, anchors)
    return float((fits * (fits > 1 / _LARGEST_RATIO)).mean())
