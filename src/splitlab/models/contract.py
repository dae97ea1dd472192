"""The interface of a model: what training and evaluation need from every family."""

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
    """A fused batch: mask images of F and box images of W."""

    images: Tensor  # (B, 3, S, S) float, 0..1
    boxes: Tensor  # (N, 4) xyxy, pixels of the S x S images
    classes: Tensor  # (N,) int64
    image_index: Tensor  # (N,) int64, the image of each object
    has_mask: Tensor  # (B,) bool, True for images of F
    object_has_mask: Tensor  # (N,) bool, True where the object's mask is known; False for every object of W
    masks: Tensor  # (N, S/4, S/4) uint8, 0 or 1. No loss reads the rows of objects without a mask

    def to(self, device: torch.device) -> Batch:
        """Copy the batch to a device."""
        return Batch(**{name: tensor.to(device, non_blocking=True) for name, tensor in vars(self).items()})

    def pin_memory(self) -> Batch:
        """Copy the batch to pinned memory; called by torch's data loader."""
        return Batch(**{name: tensor.pin_memory() for name, tensor in vars(self).items()})

    def only(self, images: Tensor) -> Batch:
        """Return the batch of the images where the (B,) bool is True."""
        kept = images[self.image_index]
        return Batch(
            images=self.images[images],
            boxes=self.boxes[kept],
            classes=self.classes[kept],
            image_index=(images.cumsum(0) - 1)[self.image_index[kept]],
            has_mask=self.has_mask[images],
            object_has_mask=self.object_has_mask[kept],
            masks=self.masks[kept],
        )


@dataclass(frozen=True)
class BoxMasks:
    """The masks that a teacher predicts for N objects whose boxes are given, see `models.weak_masks`."""

    chance: Tensor  # (N, SIDE, SIDE) 0..1, in the windows of the boxes
    confidence: Tensor  # (N,) 0..1, in the object; 0 for objects that the teacher has no mask of


@dataclass(frozen=True)
class BoxLesson:
    """What the box images of a batch teach about masks."""

    pairwise: float  # weight of the pairwise term, 0..1
    masks: BoxMasks | None  # the teacher's masks of the box images' objects, if there is a teacher


@dataclass(frozen=True)
class Detections:
    """The detections in one S x S image, best first."""

    boxes: Tensor  # (N, 4) xyxy, pixels of the S x S image
    scores: Tensor  # (N,) 0..1
    classes: Tensor  # (N,) int64
    mask_logits: Tensor  # (N, h, w) over the whole image at a lower resolution; above 0 is the object


@dataclass(frozen=True)
class DetectSettings:
    """What counts as a detection."""

    min_score: float = 0.001
    nms_iou: float = 0.6  # the lower-scored of two boxes is dropped above this IoU
    max_detections: int = 100  # per image
    # Report only the best class of each box. As in YOLOv5 and Ultralytics, this is used for display but not for
    # scoring. DETR always reports one class per query.
    best_class_only: bool = False
    # Class numbers that are not detected; None for those that the model's card leaves unused.
    unused: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.min_score < 1 or not 0 < self.nms_iou <= 1 or self.max_detections < 1:
            raise SettingsError(
                f"{self}: min_score must be at least 0 and below 1, nms_iou above 0 and at most 1, max_detections at "
                "least 1."
            )


@dataclass(frozen=True)
class ExplainedLoss:
    """A loss and the tensors it was computed from."""

    parts: dict[str, Tensor]  # as `SegmentationModel.loss` returns them
    gains: dict[str, float]  # the factor each part was multiplied by
    outputs: list[Tensor]  # the raw model outputs that the parts read; their first axis is the batch's images


class SegmentationModel(nn.Module, ABC):
    """An instance segmentation model that can be trained on mixed batches.

    Properties of a family that must be known without building a model are in `splitlab.families`.
    """

    stride: int = 32  # image sides must be multiples of it, pixels
    # Name prefix of the pretrained backbone's parameters, which get a lower learning rate; empty where everything
    # starts from random weights.
    pretrained_prefix: str = ""
    # Names of the training stages in order (boxes, then masks); one unnamed stage by default.
    stages: tuple[str, ...] = ("",)
    # Whether masks are cut to their boxes when resized to the image. The class states its original's behaviour; a
    # loaded model follows its card.
    cuts_masks: bool = True
    # Whether `detect` moves each box halfway to the rectangle around its mask; ignored by families that cannot refine
    # boxes.
    refines_boxes: bool = False
    # Class numbers that mean no class, such as the gaps between COCO's ids; a loaded model follows its card.
    unused_classes: tuple[int, ...] = ()
    # (N, 2) width and height of the published anchors, pixels, for `anchors: auto`; empty for models without anchors.
    standard_anchors: tuple[tuple[int, int], ...] = ()

    def set_stage(self, name: str) -> None:
        """Switch to one of `stages`; models with a single stage do nothing."""

    def keep_outputs(self, max_bytes: int) -> None:
        """Cache the outputs of frozen parts per image, up to a limit in bytes; most models have no frozen parts."""

    def class_rows(self, class_count: int) -> dict[str, Tensor]:
        """Map each class to the head-tensor rows that predict it, for a model like this with `class_count` classes.

        Returns:
            (class_count, R) int64 by tensor name: the R rows of each class.
        """
        return {}

    def load_shipped_weights(self) -> None:
        """Load weights that are installed with a package, such as a backbone's; most models have none."""

    def start_pretrained(self, name: str, folder: Path) -> str:
        """Load downloadable weights for the model `name`, cached in `folder`; return a sentence that describes them.

        Raises:
            SettingsError: the family has no such weights.
            CheckpointError: the file exists but cannot be used.
            RunError: the folder cannot be written.
        """
        raise SettingsError(f"There are no downloadable weights for {name} to store in {folder}.")

    def scores_of_used(self, scores: Tensor, settings: DetectSettings) -> Tensor:
        """Return (..., classes) scores with 0 for classes that are not detected, so that another one can be best."""
        unused = self.unused_classes if settings.unused is None else settings.unused
        return scores.index_fill(-1, torch.tensor(unused, device=scores.device), 0) if unused else scores

    def take_scales(self, weights: Weights, copied: Collection[str], scale: float) -> None:
        """Copy from a checkpoint what is measured in pixels and not learnt, such as anchors; most models have none.

        Args:
            weights: weights of the checkpoint.
            copied: names of its tensors that this model copied.
            scale: image size of this model divided by the checkpoint's.
        """

    def set_loss_factors(self, class_factor: float, mask_factor: float) -> None:
        """Multiply the class and mask parts of the loss by these factors; ignored by families without them."""

    @property
    def anchor_sizes(self) -> Tensor:
        """The anchors as (N, 2) width and height, pixels; N is 0 for models without anchors."""
        return torch.zeros(0, 2)

    def set_anchor_sizes(self, sizes: Tensor) -> None:
        """Set other anchors: (N, 2) width and height, pixels, smallest first; they are saved in checkpoints."""

    def explained_loss(self, batch: Batch) -> ExplainedLoss:
        """Return the loss with the tensors it was computed from."""
        raise SettingsError(f"{type(self).__name__} cannot explain the parts of its loss. Choose a YOLOv5 model.")

    @abstractmethod
    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the parts of the loss by name, as scalars; their sum is minimized."""

    def loss_with_boxes(self, batch: Batch, lesson: BoxLesson) -> dict[str, Tensor]:
        """Return the parts of the loss, with what box images teach about masks; see `Family.weak_masks`."""
        raise SettingsError(f"{type(self).__name__} cannot learn masks from boxes. Set weak_masks to ignore.")

    def masks_in_boxes(self, batch: Batch) -> BoxMasks:
        """Return the masks of all objects of a batch, whose boxes and classes are given; see `Family.weak_masks`."""
        raise SettingsError(f"{type(self).__name__} cannot teach masks in boxes. Set weak_masks to ignore.")

    @abstractmethod
    def detect(self, images: Tensor, settings: DetectSettings) -> list[Detections]:
        """Find objects in (B, 3, S, S) images with values 0..1."""

    def attention(self, images: Tensor, settings: DetectSettings) -> list[Tensor] | None:
        """Return (N, rows, columns) attention maps per image, in the order of `detect`; None for most families."""
        return None

    @abstractmethod
    def outputs(self, images: Tensor) -> dict[str, Tensor]:
        """Return the outputs of an exported file by name, before detections are selected."""
