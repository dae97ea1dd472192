"""Small pictures of a comparison: an image with its labels, and with what became of a model's detections."""

from __future__ import annotations

from splitlab.data.dataset import ImageId
from splitlab.data.images import load_labelled
from splitlab.experiments.comparison import ComparedModel, Comparison
from splitlab.figures.drawn_objects import drawn_errors, drawn_truth
from splitlab.figures.object_pictures import Picture, object_picture


def truth_picture(comparison: Comparison, image_id: ImageId) -> Picture:
    """Draw an image's labels, in the colours of their classes.

    Raises:
        SplitLabError: the photo or a mask cannot be read.
    """
    labels = comparison.dataset.by_id[image_id]
    return object_picture(load_labelled(labels), drawn_truth(labels, comparison.dataset.class_names))


def model_picture(comparison: Comparison, model: ComparedModel, image_id: ImageId) -> Picture:
    """Draw a model's detections and what it missed, in the colours of the kinds of error.

    Raises:
        SplitLabError: the photo or a mask cannot be read.
    """
    labels = comparison.dataset.by_id[image_id]
    place = comparison.dataset.images.index(labels)
    overlaps = model.measured.overlaps[place].above(comparison.settings.min_score)
    objects = drawn_errors(labels, model.seen.detections[place], overlaps, comparison.dataset.class_names)
    return object_picture(load_labelled(labels), objects)
