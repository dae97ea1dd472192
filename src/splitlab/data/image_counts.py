"""How many images of a data set can stand in F, in W, or in neither."""

from __future__ import annotations

from dataclasses import dataclass

from splitlab.data.dataset import Dataset


@dataclass(frozen=True, slots=True)
class ImageCounts:
    """The images of one part, each counted once.

    Attributes:
        masks: show objects that all have masks.
        boxes: show objects, some of them with a box only.
        background: were labelled and show no object.
        unlabelled: nobody labelled them.
        broken: some of their labels cannot be read.
    """

    masks: int
    boxes: int
    background: int
    unlabelled: int
    broken: int

    @property
    def to_draw(self) -> int:
        """The images that a drawn split may hold; all but those with unknown labels."""
        return self.masks + self.boxes + self.background


def count_images(dataset: Dataset) -> ImageCounts:
    """Count the images of a part by what is known of them."""
    return ImageCounts(**{kind: dataset.kinds[kind] for kind in ImageCounts.__slots__})


def left_out_in_words(counts: ImageCounts, dataset: Dataset) -> str:
    """Say which images no split draws, and what to do about it; empty where there are none."""
    sentences = []
    if counts.unlabelled:
        sentences.append(
            f"{counts.unlabelled:,} images have no labels and are left out. If somebody looked at them and they show "
            f"no object, splitlab data read-as {dataset.as_argument} --without-labels background says so."
        )
    if counts.broken:
        sentences.append(
            f"{counts.broken:,} images have labels that cannot be read and are left out; "
            f"splitlab data check {dataset.as_argument} lists them."
        )
    return " ".join(sentences)


def only_crowds_in_words(dataset: Dataset) -> str:
    """Say that a part has nothing but crowd regions, and what to do about it; empty where that is not so."""
    crowds = sum(label.is_crowd for image in dataset.images for label in image.objects)
    if not crowds or any(image.targets for image in dataset.images):
        return ""
    return (
        f"All {crowds:,} objects of '{dataset.name}' are crowd regions (iscrowd 1), which no model is to find. If each "
        f"is one object, splitlab data read-as {dataset.as_argument} --crowds objects says so."
    )
