"""A data set as one sees it who counts some of its classes alone, or knows the masks of some classes alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from splitlab.data.dataset import Dataset, ImageId, ImageLabels, LabelState, TrainVal
from splitlab.errors import DataError


def of_classes(data: TrainVal, class_names: Sequence[str]) -> TrainVal:
    """Return the data set with these classes alone, in its own order; objects of others are left out.

    Train keeps the images that show one of the classes. Val keeps all its images, so that a class found where it is not
    counts as wrong: a class's AP is what it is on the whole data set.
    Equal classes, in whatever order, give an equal `source_hash`, which is not that of the whole.

    Raises:
        DataError: the data set lacks one of the classes, none is named, or no image shows one.
    """
    names = _in_own_order(data.train, class_names)
    train = only_classes(data.train, names)
    shown = _keep(train, _showing(train, data.train.name))
    return replace(data, train=shown, val=only_classes(data.val, names))


def of_classes_with_background(data: TrainVal, class_names: Sequence[str]) -> TrainVal:
    """Do what `of_classes` does, but keep the training images that show none of the classes, as background.

    The paper's few-shot W holds such images (Sec. 4.6). Images that nobody labelled may show the classes and are left
    out, as are those that show them as crowds alone. The training set has a `source_hash` of its own.

    Raises:
        DataError: as `of_classes`.
    """
    names = _in_own_order(data.train, class_names)
    train = only_classes(data.train, names)
    empty = (image for image in train.images if not image.objects)
    background = {image.image_id for image in empty if image.state == LabelState.WHOLE}
    kept = _keep(train, _showing(train, data.train.name) | background)
    content = json.dumps([train.source_hash, "background"])
    kept = replace(kept, source_hash=hashlib.sha256(content.encode()).hexdigest())
    return replace(data, train=kept, val=only_classes(data.val, names))


def _showing(view: Dataset, name: str) -> set[ImageId]:
    """Return the images that show a class of a view of the data set of this name."""
    shown = {image.image_id for image in view.images if image.targets}
    if not shown:
        raise DataError(f"No image of '{name}' shows {', '.join(view.class_names)}. Choose other classes.")
    return shown


def _keep(dataset: Dataset, image_ids: set[ImageId]) -> Dataset:
    def kept(pool: Iterable[ImageId]) -> tuple[ImageId, ...]:
        return tuple(image_id for image_id in pool if image_id in image_ids)

    return replace(
        dataset,
        images=tuple(image for image in dataset.images if image.image_id in image_ids),
        few_shot_pool=kept(dataset.few_shot_pool),
        paper_pools=tuple(map(kept, dataset.paper_pools)),
    )


def masks_of_classes(data: TrainVal, class_names: Sequence[str]) -> TrainVal:
    """Return the data set whose train images have masks of these classes alone, and boxes of all (partly supervised).

    The masks of other classes are taken out, and their objects are told to do without: an image may stand in F as
    soon as its masks of these classes are there. Splits of the whole data set fit: `source_hash` stays. So does val.

    Raises:
        DataError: the data set lacks one of the classes, or none is named.
    """
    names = _in_own_order(data.train, class_names)
    known = {data.train.class_names.index(name) for name in names}
    images = tuple(_masks_of(image, known) for image in data.train.images)
    return replace(data, train=replace(data.train, images=images))


def _in_own_order(dataset: Dataset, class_names: Sequence[str]) -> tuple[str, ...]:
    unknown = [name for name in class_names if name not in dataset.class_names]
    if unknown or not class_names:
        missing = f"no class '{unknown[0]}'" if unknown else "no class without a name"
        raise DataError(f"'{dataset.name}' has {missing}. Choose among {', '.join(dataset.class_names)}.")
    return tuple(name for name in dataset.class_names if name in class_names)


def only_classes(dataset: Dataset, names: tuple[str, ...]) -> Dataset:
    """Return a subset with all its images and the objects of some of its classes alone, numbered in that order.

    Args:
        dataset: the subset.
        names: some of its classes, in its order.
    """
    places = [dataset.class_names.index(name) for name in names]
    new_index = {place: index for index, place in enumerate(places)}
    return replace(
        dataset,
        # Of another name, so that no table takes its scores for scores of the whole.
        name=f"{dataset.name} ({', '.join(names)})",
        class_names=names,
        category_ids=tuple(dataset.category_ids[place] for place in places),
        images=tuple(_renumbered(image, new_index) for image in dataset.images),
        source_hash=hashlib.sha256(json.dumps([dataset.source_hash, names]).encode()).hexdigest(),
    )


def _renumbered(image: ImageLabels, new_index: dict[int, int]) -> ImageLabels:
    kept = (label for label in image.objects if label.class_index in new_index)
    return replace(image, objects=tuple(replace(label, class_index=new_index[label.class_index]) for label in kept))


def _masks_of(image: ImageLabels, known: set[int]) -> ImageLabels:
    objects = (
        label if label.class_index in known else replace(label, mask=None, is_box_only=True) for label in image.objects
    )
    return replace(image, objects=tuple(objects))
