"""Get the detections of checkpoints on a dataset: from the cache, from a finished run, or from the model."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from splitlab.checkpoints.checkpoint import WEIGHTS_NAME, Card, read_card
from splitlab.checkpoints.scores import of_cut_masks, read_scores
from splitlab.data.dataset import Dataset
from splitlab.data.fit_for_training import refuse_unscorable
from splitlab.data.images import load_labelled
from splitlab.errors import CheckpointError, DataError, RunError, SplitLabError
from splitlab.evaluation.class_map import ClassMap, class_map_for, require_known
from splitlab.evaluation.comparison import Seen
from splitlab.evaluation.detections import ImageDetections, read_detections
from splitlab.evaluation.predict import predict_in_batches
from splitlab.evaluation.scores import coco_results, evaluate_detections
from splitlab.io import Progress, no_progress, write_json
from splitlab.models.contract import DetectSettings
from splitlab.models.registry import load_model
from splitlab.runs.run_folder import RunFolder, State

_KEPT_FILES = 60
# Stored detections are rounded, so their AP may differ from the run's own in the second digit.
_SAME_AP = 0.1


def see(
    folder: Path, dataset: Dataset, cache_dir: Path, progress: Progress = no_progress, classes: ClassMap | None = None
) -> Seen:
    """Return a checkpoint with its detections on a dataset; the model runs only if they are not stored yet.

    Detections are cached in `cache_dir` by weights, labels, class map and whether masks are cut to their boxes.
    `classes` maps the model's classes to the dataset's; `class_map_for` by default.

    Raises:
        SplitLabError: the checkpoint cannot be loaded, knows none of the classes, or a photo or label cannot be read.
    """
    card = read_card(folder)
    classes = require_known(classes or class_map_for(card, dataset.class_names), str(folder), dataset.name)
    refuse_unscorable(dataset)
    found = stored_detections(folder, dataset, cache_dir, classes)
    if found is None:
        found = _detect(folder, card, dataset, cache_dir, progress, classes)
    return Seen(card, weights_hash(folder), found, classes)


def stored_detections(
    folder: Path, dataset: Dataset, cache_dir: Path, classes: ClassMap | None = None
) -> list[ImageDetections] | None:
    """Return the stored detections of a checkpoint, from the cache or its finished run; None without any.

    Raises:
        CheckpointError: the folder's card or weights cannot be read.
    """
    path = _cache_path(folder, dataset, cache_dir, classes)
    with suppress(DataError):
        if path.is_file():
            return read_detections(path, dataset)
    return _of_the_run(folder, dataset) if classes is None or classes.changes_nothing else None


def weights_hash(folder: Path) -> str:
    """Return the sha256 of a checkpoint's weights.

    Raises:
        CheckpointError: the file cannot be read.
    """
    path = folder / WEIGHTS_NAME
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}). Copy the checkpoint again.") from error


def _detect(
    folder: Path, card: Card, dataset: Dataset, cache_dir: Path, progress: Progress, classes: ClassMap
) -> list[ImageDetections]:
    model, _ = load_model(folder)
    found: list[ImageDetections] = []
    images = map(load_labelled, dataset.images)
    for seen in predict_in_batches(model, images, card.image_size, DetectSettings(), classes=classes):
        found.append(seen)
        progress(card.name, len(found), len(dataset.images))
    path = _cache_path(folder, dataset, cache_dir, classes)
    _make_room(cache_dir)
    write_json(path, coco_results(dataset, found))
    # Read back, so that the first result equals later ones.
    return read_detections(path, dataset)


def _cache_path(folder: Path, dataset: Dataset, cache_dir: Path, classes: ClassMap | None = None) -> Path:
    masks = "" if read_card(folder).cuts_masks else "-uncut"
    of_map = f"-{classes.key}" if classes is not None and classes.key else ""
    return cache_dir / f"{weights_hash(folder)[:24]}-{dataset.source_hash[:24]}{of_map}{masks}.json"


def _make_room(cache_dir: Path) -> None:
    """Create the folder, and remove the oldest files so that it does not grow without limit."""
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        oldest_first = sorted(cache_dir.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        for path in oldest_first[: max(len(oldest_first) - _KEPT_FILES + 1, 0)]:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"{cache_dir}: cannot be written ({error.strerror}). Choose another workspace.") from error


def _of_the_run(folder: Path, dataset: Dataset) -> list[ImageDetections] | None:
    """Return a finished run's own detections if they are of these images and labels."""
    if folder.name != "weights":
        return None
    try:
        run = RunFolder.open(folder.parent)
        if run.status().state != State.DONE:
            return None
        found = read_detections(run.detections_path, dataset)
        scores = read_scores(run.scores_path)
        stated = scores["mask"]["ap50_95"]
        if of_cut_masks(scores) != read_card(folder).cuts_masks:
            return None
    except (SplitLabError, KeyError):
        return None
    measured = evaluate_detections(dataset, found)["mask"]["ap50_95"]
    if not isinstance(stated, int | float) or measured is None:
        return None
    return found if abs(measured - stated) <= _SAME_AP else None
