"""Hand a batch over: photos with labels to correct, as files for an annotation tool, and a list of what to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from splitlab.budget.cost import Prices, cost_hours
from splitlab.checkpoints.checkpoint import read_card
from splitlab.data.dataset import Dataset, ImageLabels, LabelState, TrainVal
from splitlab.data.exports.formats import ExportFormat, next_step, write_export
from splitlab.data.exports.objects import LabelShape
from splitlab.data.selection.labelling_plan import photos_as_csv
from splitlab.data.split import without_masks
from splitlab.errors import DataError
from splitlab.io import Progress, no_progress, written_whole
from splitlab.project.project import Project
from splitlab.project.rounds import ExpectedScore, Round, Task, add_round, read_rounds, round_folder
from splitlab.project.take_back import changing
from splitlab.runs.store import weights_folder

_LIST = "batch.csv"
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


def open_tasks(train: Dataset, rounds: Sequence[Round]) -> tuple[Task, ...]:
    """Return the photos that were handed out and do not have the labels that were asked for."""
    tasks = {task.image_id: task for one in rounds for task in one.tasks if task.image_id in train.by_id}
    return tuple(task for task in tasks.values() if _is_open(task, train.by_id[task.image_id]))


def _is_open(task: Task, image: ImageLabels) -> bool:
    if image.state == LabelState.WHOLE and not image.targets:
        return False
    return not image.can_be_full if task.masks else image.state == LabelState.NONE


def start_round(project: Project, tasks: Sequence[Task], expected: ExpectedScore | None, strategy: str) -> Round:
    """Add a round to a project.

    Raises:
        SettingsError: it has no photo.
        DataError: somebody else handed out one of the photos since it was chosen.
        RunError: it cannot be written, or another process changes the project.
    """
    with changing(project):
        handed = {task.image_id for task in open_tasks(project.data().train, read_rounds(project.folder))}
        if twice := sum(task.image_id in handed for task in tasks):
            raise DataError(f"{twice:,} of these photos were handed out by somebody else meanwhile. Choose again.")
        return add_round(project.folder, tasks, hours_of(tasks, project.settings.prices), expected, strategy)


def round_named(project: Project, number: int | None = None) -> Round:
    """Return a round of a project, by default the last. Raise DataError if there is none."""
    rounds = read_rounds(project.folder)
    found = next((one for one in reversed(rounds) if number in (None, one.number)), None)
    if found is None:
        known = ", ".join(str(one.number) for one in rounds) or "none yet"
        raise DataError(f"'{project.name}' has no round {number or ''} (there are: {known}). Start one: project next.")
    return found


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
        # A file name that is not UTF-8 keeps its bytes.
        (draft / _LIST).write_bytes(_list(project, batch, train).encode(errors="surrogateescape"))
        for masks, name in _TASKS.items():
            images = train.select(task.image_id for task in batch.tasks if task.masks is masks)
            if images:
                part = _pre_drawn(replace(train, images=images), checkpoint, progress)
                # Masks where boxes are asked for would come back as drawn ones.
                shown = part.images if masks else tuple(map(without_masks, part.images))
                data = _named(project, replace(part, images=shown))
                write_export(data, draft / name, file_format, _shape(file_format, masks), progress)
                steps.append(next_step(data, folder / name, file_format))
    return HandedOver(folder, tuple(filter(None, steps)))


def _shape(file_format: ExportFormat, masks: bool) -> LabelShape | None:
    if file_format != ExportFormat.YOLO:
        return None
    return LabelShape.OUTLINES if masks else LabelShape.BOXES


def _named(project: Project, part: Dataset) -> TrainVal:
    """Return photos with their paths in the project as ids: exports keep them, and labels come back under them."""
    images = [replace(image, image_id=project.file_of(image).removesuffix(image.path.suffix)) for image in part.images]
    return TrainVal(replace(part, images=tuple(images)), replace(part, images=()))


def _list(project: Project, batch: Round, train: Dataset) -> str:
    images = train.select(task.image_id for task in batch.tasks)
    rows = [(image.path, _TASKS[task.masks], task.reason) for image, task in zip(images, batch.tasks, strict=True)]
    return photos_as_csv(("draw", "reason"), rows, project.photos)


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
