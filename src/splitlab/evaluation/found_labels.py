"""What a model finds in a dataset's photos, as labels that exports write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from splitlab.data.dataset import Dataset, LabelState, Problem
from splitlab.data.exports.objects import FoundObject
from splitlab.data.images import ImageArray, load_labelled, unread_photo
from splitlab.errors import ImageError
from splitlab.evaluation.class_map import ClassMap
from splitlab.evaluation.detections import ImageDetections
from splitlab.evaluation.predict import predict_in_batches
from splitlab.geometry import rle_area
from splitlab.io import Progress, no_progress
from splitlab.models.contract import DetectSettings, SegmentationModel


def find_labels(
    model: SegmentationModel,
    dataset: Dataset,
    size: int,
    settings: DetectSettings,
    classes: ClassMap | None = None,
    progress: Progress = no_progress,
) -> Dataset:
    """Return a dataset with the objects that a model finds, in place of its labels.

    Its images are not labelled, since the model may have missed objects; a photo that cannot be read is `BROKEN` and in
    `Dataset.problems`. An object whose mask is empty has only a box.

    Args:
        model: in evaluation mode.
        dataset: the dataset.
        size: side of the model's square input, pixels.
        settings: thresholds for detections.
        classes: maps the model's classes to the dataset's; None if they are equal.
        progress: called after each photo.

    Raises:
        DataError: a photo has another size than its labels say.
    """
    read: list[int] = []
    problems: list[Problem] = []
    images = [replace(image, objects=(), state=LabelState.BROKEN) for image in dataset.images]
    photos = _photos(dataset, read, problems)
    for done, found in enumerate(predict_in_batches(model, photos, size, settings, classes=classes), start=1):
        place = read[done - 1]
        images[place] = replace(images[place], objects=_objects(found), state=LabelState.NONE)
        progress(f"predict {dataset.name}", done, len(images))
    return replace(dataset, images=tuple(images), problems=(*dataset.problems, *problems))


def _photos(dataset: Dataset, read: list[int], problems: list[Problem]) -> Iterator[ImageArray]:
    """Yield the photos that can be read; add their places to `read`, and the others' problems to `problems`."""
    for place, image in enumerate(dataset.images):
        try:
            photo = load_labelled(image)
        except ImageError as error:
            problems.append(unread_photo(image.path, error))
        else:
            read.append(place)
            yield photo


def _objects(found: ImageDetections) -> tuple[FoundObject, ...]:
    rows = zip(found.classes.tolist(), found.boxes.tolist(), found.masks, found.scores.tolist(), strict=True)
    return tuple(
        FoundObject(number, tuple(box), mask if rle_area(mask) else None, score=score)
        for number, box, mask, score in rows
    )
