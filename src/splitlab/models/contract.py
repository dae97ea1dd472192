"""What every model takes and gives, so that the training loop and the evaluation know none by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from splitlab.checkpoints.weights import Weights
from splitlab.errors import SettingsError


@dataclass(frozen=True)
class Batch:
    """A fused batch: mask images of F and box images of W side by side.

    Attributes:
        images: (B, 3, S, S) float, 0..1.
        boxes: (N, 4) xyxy, pixels of the S x S images.
        classes: (N,) int64.
        image_index: (N,) int64, the image each object is in.
        has_mask: (B,) bool, True for images of F.
        object_has_mask: (N,) bool, True where the object's mask is known; False for every object of W.
        masks: (N, S/4, S/4) uint8 0 or 1. Rows of objects without a mask are never read by a loss.
    """

    images: Tensor
    boxes: Tensor
    classes: Tensor
    image_index: Tensor
    has_mask: Tensor
    object_has_mask: Tensor
    masks: Tensor

    def to(self, device: torch.device) -> Batch:
        """Copy the batch to a device."""
        return Batch(**{name: tensor.to(device, non_blocking=True) for name, tensor in vars(self).items()})

    def pin_memory(self) -> Batch:
        """Copy the batch to memory that a GPU reads by itself; torch's data loader calls it."""
        return Batch(**{name: tensor.pin_memory() for name, tensor in vars(self).items()})


@dataclass(frozen=True)
class Detections:
    """What a model found in one S x S image, best first.

    Attributes:
        boxes: (N, 4) xyxy, pixels of the S x S image.
        scores: (N,) 0..1.
        classes: (N,) int64.
        mask_logits: (N, h, w) over the whole S x S image at lower resolution; over 0 is the object.
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    mask_logits: Tensor


@dataclass(frozen=True)
class DetectSettings:
    """What counts as a detection.

    Attributes:
        min_score: the least score.
        nms_iou: the box IoU above which the lower of two goes.
        max_detections: the most that are kept of an image.
        best_class_only: whether a box answers for its best class alone. As in YOLOv5 and Ultralytics, it does where
            people look at what is found, and not where it is scored. DETR names one class a query at all times.
    """

    min_score: float = 0.001
    nms_iou: float = 0.6
    max_detections: int = 100
    best_class_only: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.min_score < 1 or not 0 < self.nms_iou <= 1 or self.max_detections < 1:
            raise SettingsError(
                f"{self}: min_score must be in 0..1, nms_iou above 0 and up to 1, max_detections at least 1."
            )


@dataclass(frozen=True)
class ExplainedLoss:
    """A loss, and what it was computed from.

    Attributes:
        parts: as `SegmentationModel.loss` returns them.
        gains: what each part was multiplied by.
        answers: the model's raw outputs that the parts read, each with the batch's images along its first axis.
    """

    parts: dict[str, Tensor]
    gains: dict[str, float]
    answers: list[Tensor]


class SegmentationModel(nn.Module, ABC):
    """An instance segmentation model that can be trained on mixed batches.

    What differs from family to family and must be known without building a model stands in `splitlab.families`.

    Attributes:
        stride: images must have sides that are multiples of it, pixels.
        pretrained_prefix: parameters whose names start with it come from a pretrained backbone and learn more
            slowly; empty where everything starts at random.
        stages: what it learns one after the other, by name: boxes, then masks. One stage without a name is the rule.
        cuts_masks: whether each mask is cut to its box when it is brought to an image's size. A class has what its
            original does, a loaded model what its card says.
        refines_boxes: whether `detect` moves each box halfway to the rectangle around its mask. Families that cannot
            refine boxes ignore it.
        standard_anchors: (N, 2) width and height of the published anchors, pixels, for `anchors: auto`; empty for
            models without anchors.
    """

    stride: int = 32
    pretrained_prefix: str = ""
    stages: tuple[str, ...] = ("",)
    cuts_masks: bool = True
    refines_boxes: bool = False
    standard_anchors: tuple[tuple[int, int], ...] = ()

    def set_stage(self, name: str) -> None:
        """Say which of `stages` is learnt from now on; who has one stage has nothing to do."""

    def keep_outputs(self, max_bytes: int) -> None:
        """Keep what frozen parts say of an image until it comes again, within a limit; most models have none."""

    def class_rows(self, class_count: int) -> dict[str, Tensor]:
        """Say which rows of which tensors answer for the classes of a model like this with so many of them.

        Returns:
            (class_count, R) int64 by the tensor's name: each class has R rows of its own in it.
        """
        return {}

    def load_shipped_weights(self) -> None:
        """Load the weights that come with a package, such as a backbone's; most models have none."""

    def start_pretrained(self, name: str, folder: Path) -> str:
        """Take weights of the model's name that can be downloaded, kept in `folder`; return a sentence on what it took.

        Raises:
            SettingsError: the family has no such weights.
            CheckpointError: the file is there and cannot be used.
            RunError: the folder cannot be written.
        """
        raise SettingsError(f"There are no weights to download for {name}, to keep in {folder}.")

    def take_scales(self, weights: Weights, copied: Collection[str], scale: float) -> None:
        """Take from a checkpoint what is measured in pixels and not learnt, such as anchors; most models have none.

        Args:
            weights: of the checkpoint.
            copied: names of its tensors that this model took.
            scale: pixels of this model's images for each of the checkpoint's.
        """

    def set_loss_factors(self, class_factor: float, mask_factor: float) -> None:
        """Let the parts of the loss for classes and masks count so many times as much; families without ignore it."""

    @property
    def anchor_sizes(self) -> Tensor:
        """The anchors as (N, 2) width and height, pixels; N is 0 for models without anchors."""
        return torch.zeros(0, 2)

    def set_anchor_sizes(self, sizes: Tensor) -> None:
        """Take other anchors: (N, 2) width and height, pixels, the smallest first; checkpoints carry them."""

    def explained_loss(self, batch: Batch) -> ExplainedLoss:
        """Return the loss together with what it was computed from.

        Raises:
            SettingsError: the family cannot tell.
        """
        raise SettingsError(f"{type(self).__name__} does not tell the parts of its loss apart. Choose a YOLOv5 model.")

    @abstractmethod
    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the parts of the loss by name, scalars; their sum is minimised."""

    @abstractmethod
    def detect(self, images: Tensor, settings: DetectSettings) -> list[Detections]:
        """Find objects in (B, 3, S, S) images with values 0..1."""

    def attention(self, images: Tensor, settings: DetectSettings) -> list[Tensor] | None:
        """Return (N, rows, columns) per image, in the order of `detect`: where the model looked for each object.

        None for models that have no such thing.
        """
        return None

    @abstractmethod
    def outputs(self, images: Tensor) -> dict[str, Tensor]:
        """Return what the model answers before anything is chosen, by name: what an exported file answers."""
