"""The one in-memory Dataset: COCO categories, absolute pixels, images left on disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from splitlab.errors import DataError
from splitlab.geometry import Rle

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class ObjectLabel:
    """One labelled object.

    Attributes:
        class_index: 0-based place in `Dataset.class_names`.
        box: xyxy, pixels.
        mask: the object's mask in image size, or None where only the box is known.
        area: square pixels, of the mask where there is one, else of the box.
        is_crowd: a region of many objects: never a target, and ignored by the evaluation.
    """

    class_index: int
    box: Box
    mask: Rle | None
    area: float
    is_crowd: bool = False


@dataclass(frozen=True, slots=True)
class ImageLabels:
    """One image on disk with its labelled objects; `width` and `height` in pixels."""

    image_id: int
    path: Path
    width: int
    height: int
    objects: tuple[ObjectLabel, ...]

    @property
    def targets(self) -> tuple[ObjectLabel, ...]:
        """The objects a model is to find: all but the crowds."""
        return tuple(label for label in self.objects if not label.is_crowd)

    @property
    def can_be_full(self) -> bool:
        """Whether every target has a mask, so that the image may stand in F."""
        return all(label.mask is not None for label in self.targets)


@dataclass(frozen=True)
class Dataset:
    """Labelled images of one subset (train or val).

    Attributes:
        name: what people call it, such as "pets".
        class_names: in the order of `ObjectLabel.class_index`.
        category_ids: the COCO category id of each class.
        images: sorted by image id.
        source_hash: sha256 of the labels it was read from; a split remembers it.
        licence: what its source says of its licence; empty where it says nothing.
    """

    name: str
    class_names: tuple[str, ...]
    category_ids: tuple[int, ...]
    images: tuple[ImageLabels, ...]
    source_hash: str
    licence: str = ""

    @cached_property
    def by_id(self) -> dict[int, ImageLabels]:
        """The images by their id."""
        return {image.image_id: image for image in self.images}

    def select(self, image_ids: Iterable[int]) -> tuple[ImageLabels, ...]:
        """Return the images of these ids, in their order.

        Raises:
            DataError: an id is not in the dataset.
        """
        ids = list(image_ids)
        unknown = [image_id for image_id in ids if image_id not in self.by_id]
        if unknown:
            raise DataError(
                f"Image {unknown[0]} is not in dataset '{self.name}' ({len(unknown)} of {len(ids)} ids are not): "
                "the split was drawn from other labels. Draw it again."
            )
        return tuple(self.by_id[image_id] for image_id in ids)


@dataclass(frozen=True)
class TrainVal:
    """A dataset's two subsets: one to draw F and W from, one to score on."""

    train: Dataset
    val: Dataset

    def __post_init__(self) -> None:
        if self.train.class_names != self.val.class_names:
            raise DataError(
                f"Dataset '{self.train.name}': train has classes {list(self.train.class_names)}, "
                f"val has {list(self.val.class_names)}. Give both files the same categories in the same order."
            )
