"""The images of a fused batch and the loss of a model on them, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from splitlab.geometry import FloatArray, MaskArray

MASK_PART = "mask"


class Scramble(StrEnum):
    """Which masks are replaced by coin flips before the loss is computed."""

    NOTHING = "none"
    WEAK = "all of W"
    FULL = "one of F"


@dataclass(frozen=True)
class BatchImage:
    """One image of a fused batch as the loss gets it."""

    pixels: NDArray[np.uint8]  # (S, S, 3) uint8 RGB
    boxes: FloatArray  # (N, 4) xyxy, pixels
    classes: NDArray[np.int64]  # (N,) int64
    masks: MaskArray  # (N, S/4, S/4) bool; all False for an image of W, unless scrambled
    has_mask: bool  # whether the image is in F


@dataclass(frozen=True)
class BatchLook:
    """A fused batch and a model's loss on it."""

    images: tuple[BatchImage, ...]  # those of F first, as in the batch
    losses: Mapping[str, float]  # each part times its gain, summed over the batch's images, as the model returns it
    gains: Mapping[str, float]  # the factor of each part
    # By part, for each image the norm of the part's gradient with respect to the model's outputs for the image (raw
    # predictions and prototypes). 0 means that the part learns nothing from the image.
    pulls: Mapping[str, tuple[float, ...]]
    gradients: Mapping[str, str]  # sha256 of the whole loss's gradient by parameter name
    scrambled: int  # number of masks replaced by coin flips

    @property
    def mask_images(self) -> int:
        """Number of images of F in the batch."""
        return sum(image.has_mask for image in self.images)

    @property
    def per_image(self) -> dict[str, float]:
        """Each part of the loss divided by the batch size, as in a run's curves."""
        return {part: value / len(self.images) for part, value in self.losses.items()}

    @property
    def mask_over_batch(self) -> float:
        """The mask part of `per_image` if it were divided by the batch size (docs/protocol.md, YOLOv5, Loss)."""
        return self.per_image[MASK_PART] * self.mask_images / len(self.images)

    def unmoved(self, part: str) -> tuple[int, ...]:
        """Return the images, counted from 0, from which a part learns nothing."""
        return tuple(place for place, pull in enumerate(self.pulls[part]) if pull == 0)


@dataclass(frozen=True)
class Changes:
    """The bitwise differences between two looks at one batch."""

    losses: tuple[str, ...]  # parts with another value
    pulls: frozenset[tuple[str, int]]  # parts and images (counted from 0) with another gradient
    gradients: tuple[str, ...]  # parameters with another gradient
    parameters: int  # total number of parameters

    @property
    def are_none(self) -> bool:
        """Whether everything is identical."""
        return not (self.losses or self.pulls or self.gradients)


def changes_between(before: BatchLook, after: BatchLook) -> Changes:
    """Compare two looks at one batch bit by bit."""
    return Changes(
        tuple(part for part, value in before.losses.items() if after.losses[part] != value),
        frozenset(
            (part, place)
            for part, pulls in before.pulls.items()
            for place, pull in enumerate(pulls)
            if after.pulls[part][place] != pull
        ),
        tuple(name for name, digest in before.gradients.items() if after.gradients[name] != digest),
        len(before.gradients),
    )
