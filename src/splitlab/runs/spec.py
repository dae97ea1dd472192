"""Everything needed to do a run again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from splitlab.errors import SettingsError

MAX_IMAGE_SIZE, MAX_SEED = 4096, 2**32 - 1
DEVICES = ("cpu", "cuda", "mps")


@dataclass(frozen=True)
class RunSpec:
    """The settings of one run: data, split, model and training.

    Attributes:
        data: what `open_dataset` takes: a folder, a name in the work space, or `embedded`.
        full: |F|, images with masks.
        weak: |W|, images with boxes only.
        seed: of the split, the weights, the order and the augmentation.
        model: a name of the model registry.
        image_size: side of the square training images, pixels.
        steps: optimiser steps; each takes one fused batch.
        batch_size: images in a batch.
        f_size: images of F in a mixed batch.
        learning_rate: of AdamW at its peak.
        backbone_factor: pretrained parameters learn at this share of it.
        weight_decay: of AdamW, on matrices and kernels only.
        plain_tail: share of the steps at the end that see single images instead of mosaics.
        evaluate_every: steps between two evaluations, and so the most that a kill can lose.
        device: cpu, cuda or mps.
        drawn: how the split was drawn, in a word; its images stand in the run's `split.json`.
    """

    data: str
    full: int
    weak: int
    seed: int = 0
    model: str = "yolov5n-lite0-seg"
    image_size: int = 224
    steps: int = 720
    batch_size: int = 16
    f_size: int = 4
    learning_rate: float = 1.5e-3
    backbone_factor: float = 0.3
    weight_decay: float = 0.01
    plain_tail: float = 0.15
    evaluate_every: int = 120
    device: str = "cpu"
    drawn: str = "random"

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "f_size", "evaluate_every", "image_size"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        if self.full and self.weak and not self.f_size < self.batch_size:
            raise SettingsError(
                f"f_size {self.f_size} must be below the batch size {self.batch_size}: "
                "a mixed batch holds images of F and of W."
            )
        if self.image_size > MAX_IMAGE_SIZE or self.seed > MAX_SEED:
            raise SettingsError(
                f"image_size is {self.image_size} and seed {self.seed}; at most {MAX_IMAGE_SIZE} and {MAX_SEED}."
            )
        for name in ("full", "weak", "seed"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} is {getattr(self, name)}; it cannot be negative.")
        for name in ("learning_rate", "backbone_factor"):
            if not 0 < getattr(self, name) <= 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be above 0 and at most 1.")
        if not 0 <= self.plain_tail <= 1:
            raise SettingsError(f"plain_tail is {self.plain_tail}; it is a share of the steps, 0 to 1.")
        if self.device not in DEVICES:
            raise SettingsError(f"device is '{self.device}'; choose one of {', '.join(DEVICES)}.")

    @property
    def split_name(self) -> str:
        """The split as the paper writes it, such as "400/5000"."""
        return f"{self.full}/{self.weak}"

    def to_json(self) -> dict[str, Any]:
        """Return all settings by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> RunSpec:
        """Build a spec from `to_json`.

        Raises:
            SettingsError: a name is unknown, missing, or has a value it may not have.
        """
        try:
            return cls(**content)
        except TypeError as error:
            raise SettingsError(f"These are not the settings of a run ({error}).") from error
