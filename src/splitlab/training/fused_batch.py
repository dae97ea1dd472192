"""What one fused batch holds, and what each part of the loss makes of each of its images."""

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
    """One image of a fused batch, as the loss gets it.

    Attributes:
        pixels: (S, S, 3) uint8 RGB.
        boxes: (N, 4) xyxy, pixels.
        classes: (N,) int64.
        masks: (N, S/4, S/4) bool; all False for an image of W, unless they were scrambled.
        has_mask: whether it is of F.
    """

    pixels: NDArray[np.uint8]
    boxes: FloatArray
    classes: NDArray[np.int64]
    masks: MaskArray
    has_mask: bool


@dataclass(frozen=True)
class BatchLook:
    """A fused batch, and what a model's own loss says of it.

    Attributes:
        images: those of F first, as they stand in the batch.
        losses: each part as the model returns it: times its gain, summed over the batch's images.
        gains: what each part was multiplied by.
        pulls: by part, for each image the norm of the part's gradient with respect to what the model answers for this
            image (its raw predictions and its prototypes). 0: the part tells the model nothing about the image.
        gradients: sha256 of the whole loss's gradient with respect to each of the model's parameters, by their names.
        scrambled: how many of the batch's masks were replaced by coin flips.
    """

    images: tuple[BatchImage, ...]
    losses: Mapping[str, float]
    gains: Mapping[str, float]
    pulls: Mapping[str, tuple[float, ...]]
    gradients: Mapping[str, str]
    scrambled: int

    @property
    def mask_images(self) -> int:
        """Images of F in the batch."""
        return sum(image.has_mask for image in self.images)

    @property
    def per_image(self) -> dict[str, float]:
        """Each part of the loss over the batch size, as a run's curves show it."""
        return {part: value / len(self.images) for part, value in self.losses.items()}

    @property
    def mask_over_batch(self) -> float:
        """The mask part of `per_image` if it were divided by the batch size, not by the mask images (PROTOCOL.md)."""
        return self.per_image[MASK_PART] * self.mask_images / len(self.images)

    def unmoved(self, part: str) -> tuple[int, ...]:
        """Return the images, counted from 0, about which a part tells the model nothing at all."""
        return tuple(place for place, pull in enumerate(self.pulls[part]) if pull == 0)


@dataclass(frozen=True)
class Changes:
    """What is not bit for bit the same in two looks at one batch.

    Attributes:
        losses: the parts whose value is another.
        pulls: the parts and images (counted from 0) whose gradient is another.
        gradients: the parameters whose gradient is another.
        parameters: how many parameters there are.
    """

    losses: tuple[str, ...]
    pulls: frozenset[tuple[str, int]]
    gradients: tuple[str, ...]
    parameters: int

    @property
    def are_none(self) -> bool:
        """Whether everything is the same."""
        return not (self.losses or self.pulls or self.gradients)


def changes_between(before: BatchLook, after: BatchLook) -> Changes:
    """Compare two looks at one batch, number by number."""
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
