"""A model against a dataset: look at every image, then score."""

from __future__ import annotations

from collections.abc import Callable

from splitlab.data.dataset import Dataset
from splitlab.data.fit_for_training import refuse_unscorable
from splitlab.data.images import load_labelled
from splitlab.evaluation.class_map import ClassMap
from splitlab.evaluation.coco_eval import Scores
from splitlab.evaluation.image_detections import ImageDetections
from splitlab.evaluation.known_classes import evaluate_known
from splitlab.evaluation.predict import predict_in_batches
from splitlab.models.contract import DetectSettings, SegmentationModel
from splitlab.runs.scores import CUT

Progress = Callable[[int], None]


def evaluate_model(
    model: SegmentationModel, dataset: Dataset, size: int, progress: Progress, classes: ClassMap | None = None
) -> tuple[Scores, list[ImageDetections]]:
    """Run a model over all images of a dataset at `size` pixels; return scores and detections.

    The scores of masks state whether these were cut to their boxes (`cut_to_box`), as the model says.

    Args:
        model: any model; it is in evaluation mode during the call and afterwards as it was.
        dataset: what to score on.
        size: side of the square the model sees, pixels.
        progress: told the number of images done.
        classes: what the model's classes are in the data set; None where they are the data set's own. Scores are
            over the classes that the model knows, see `evaluate_known`.

    Raises:
        DataError: labels of the dataset cannot be read, so that scores would be wrong.
    """
    refuse_unscorable(dataset)
    was_training = model.training
    model.eval()
    detections: list[ImageDetections] = []
    images = map(load_labelled, dataset.images)
    for found in predict_in_batches(model, images, size, DetectSettings(), classes=classes):
        detections.append(found)
        progress(len(detections))
    model.train(was_training)
    scores = evaluate_known(dataset, detections, dataset.class_names if classes is None else classes.known)
    scores["mask"][CUT] = model.cuts_masks
    return scores, detections
