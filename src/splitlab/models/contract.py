"""What every model takes and gives, so that the training loop and the evaluation know none by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

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


class SegmentationModel(nn.Module, ABC):
    """An instance segmentation model that can be trained on mixed batches.

    Attributes:
        stride: images must have sides that are multiples of it, pixels.
        pretrained_prefix: parameters whose names start with it come from a pretrained backbone and learn more
            slowly; empty where everything starts at random.
        stages: what it learns one after the other, by name: boxes, then masks. One stage without a name is the rule.
        cuts_masks: whether each mask is cut to its box when it is brought to an image's size. A class has what its
            original does, a loaded model what its card says.
        refines_boxes: whether `detect` moves each box halfway to the rectangle around its mask. For YOLOv5 alone, and
            only where its card says so; others pass over it.
    """

    stride: int = 32
    pretrained_prefix: str = ""
    stages: tuple[str, ...] = ("",)
    cuts_masks: bool = True
    refines_boxes: bool = False

    def set_stage(self, name: str) -> None:
        """Say which of `stages` is learnt from now on; who has one stage has nothing to do."""

    def keep_outputs(self, max_bytes: int) -> None:
        """Keep what frozen parts say of an image until it comes again, within a limit; most models have none."""

    def class_rows(self, class_count: int) -> dict[str, Tensor]:  # noqa: ARG002
        """Say which rows of which tensors answer for the classes of a model like this with so many of them.

        Returns:
            (class_count, R) int64 by the tensor's name: each class has R rows of its own in it.
        """
        return {}

    @abstractmethod
    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the parts of the loss by name, scalars; their sum is minimised."""

    @abstractmethod
    def detect(self, images: Tensor, settings: DetectSettings) -> list[Detections]:
        """Find objects in (B, 3, S, S) images with values 0..1."""

    def attention(self, images: Tensor, settings: DetectSettings) -> list[Tensor] | None:  # noqa: ARG002
        """Return (N, rows, columns) per image, in the order of `detect`: where the model looked for each object.

        None for models that have no such thing.
        """
        return None

    @abstractmethod
    def outputs(self, images: Tensor) -> dict[str, Tensor]:
        """Return what the model answers before anything is chosen, by name: what an exported file answers."""
