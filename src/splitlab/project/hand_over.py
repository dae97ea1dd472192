"""Hand a batch over: photos with labels to correct, as files for an annotation tool, and a list of what to draw."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from splitlab.budget.cost import Prices, cost_hours
from splitlab.checkpoints.checkpoint import read_card
from splitlab.data.dataset import Dataset, ImageLabels, LabelState, TrainVal
from splitlab.data.exports.formats import ExportFormat, next_step, write_export
from splitlab.data.exports.objects import LabelShape
from splitlab.errors import DataError
from splitlab.io import Progress, no_progress, written_whole
from splitlab.project.project import Project
from splitlab.project.rounds import ExpectedScore, Round, Task, add_round, round_folder
from splitlab.project.take_back import changing
from splitlab.runs.store import weights_folder

LIST = "batch.csv"
_TASKS = {True: "masks", False: "boxes"}


@dataclass(frozen=True)
class HandedOver:
    """The files of a batch.

    Attributes:
        folder: holds all of them.
        steps: what to do with each export in the tool, a sentence each; empty for formats that need none.
    """

    folder: Path
    steps: tuple[str, ...]


def start_round(project: Project, tasks: Sequence[Task], expected: ExpectedScore | None, strategy: str) -> Round:
    """Add a round to a project.

    Raises:
        SettingsError: it has no photo.
        RunError: it cannot be written, or another process changes the project.
    """
    with changing(project):
        return add_round(project.folder, tasks, hours_of(tasks, project.settings.prices), expected, strategy)


def hours_of(tasks: Sequence[Task], prices: Prices) -> float:
    """Return the hours that the labels of some photos take."""
    masks = sum(task.masks for task in tasks)
    return cost_hours(float(masks), float(len(tasks) - masks), prices)


def hand_over(
    project: Project,
    batch: Round,
    file_format: ExportFormat,
    checkpoint: Path | None = None,
    progress: Progress = no_progress,
) -> HandedOver:
    """Write the photos of a round for an annotation tool.

    The folder has one export for photos that get masks and one for those that get boxes, and `batch.csv` with a line
    for each photo. Photos carry the labels that they have; with a checkpoint, those without carry what it finds, to be
    corrected.

    Args:
        project: the project.
        batch: the round.
        file_format: of the tool.
        checkpoint: the folder of a checkpoint or run.
        progress: called while objects are found and photos are placed.

    Raises:
        DataError: the files exist already, or a photo is gone.
        CheckpointError: the checkpoint cannot be read, or none of its classes is the project's.
    """
    train = project.data().train
    folder = round_folder(project.folder, batch.number) / str(file_format)
    steps = []
    with written_whole(folder) as draft:
        (draft / LIST).write_text(_list(batch, train), encoding="utf-8")
        for masks, name in _TASKS.items():
            images = train.select(task.image_id for task in batch.tasks if task.masks is masks)
            if images:
                part = _pre_drawn(replace(train, images=images), checkpoint, progress)
                data = TrainVal(part, replace(part, images=()))
                shape = LabelShape.OUTLINES if file_format == ExportFormat.YOLO else None
                write_export(data, draft / name, file_format, shape, progress, "SplitLab")
                steps.append(next_step(data, folder / name, file_format))
    return HandedOver(folder, tuple(filter(None, steps)))


def _list(batch: Round, train: Dataset) -> str:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(("file", "draw", "reason"))
    for task in batch.tasks:
        (image,) = train.select([task.image_id])
        table.writerow((image.path.name, _TASKS[task.masks], task.reason))
    return text.getvalue()


def _pre_drawn(part: Dataset, checkpoint: Path | None, progress: Progress) -> Dataset:
    """Add what a model finds to the photos that have no labels."""
    bare = [image for image in part.images if image.state == LabelState.NONE]
    if checkpoint is None or not bare:
        return part
    found = _found(replace(part, images=tuple(bare)), weights_folder(checkpoint), progress)
    return replace(part, images=tuple(found.get(image.path, image) for image in part.images))


def _found(bare: Dataset, checkpoint: Path, progress: Progress) -> dict[Path, ImageLabels]:
    # They import torch, which takes seconds.
    from splitlab.evaluation.class_map import class_map_for, require_known
    from splitlab.evaluation.found_labels import find_labels
    from splitlab.models.contract import DetectSettings
    from splitlab.models.registry import load_model

    classes = require_known(class_map_for(read_card(checkpoint), bare.class_names), str(checkpoint), bare.name)
    model, card = load_model(checkpoint)
    settings = DetectSettings(min_score=0.25, best_class_only=True)
    labelled = find_labels(model, bare, card.image_size, settings, classes, progress)
    if len(labelled.problems) > len(bare.problems):
        raise DataError(str(labelled.problems[-1]))
    return {image.path: image for image in labelled.images}
