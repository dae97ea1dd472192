"""Prepare, train and evaluate a training run, and evaluate checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

import splitlab
from splitlab.checkpoints.checkpoint import Card, save_checkpoint, write_card
from splitlab.checkpoints.scores import SCORED_ON, VAL
from splitlab.data.dataset import Dataset, TrainVal
from splitlab.data.fit_for_training import notes_on, refuse_unfit
from splitlab.data.masks import with_masks
from splitlab.data.split import Split, boxes_only, draw_split, read_split
from splitlab.errors import CheckpointError, RunError, SplitError, SplitLabError
from splitlab.evaluation.class_map import ClassMap, class_map_for, few, require_known
from splitlab.evaluation.predict import evaluate_model
from splitlab.evaluation.scores import Scores, coco_results
from splitlab.io import Progress, no_progress, write_json
from splitlab.models.contract import SegmentationModel
from splitlab.models.precision import available_devices, check_device, is_main_process, mixed_precision, process_count
from splitlab.models.registry import build_model, load_model, weights_of
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import RunSpec
from splitlab.training.loop import BatchesOf, train
from splitlab.training.mixed_batches import check_divisible
from splitlab.training.run_log import check_tracker
from splitlab.training.schedule import Stage, stages_of
from splitlab.training.start import batches_of, built_model, check_start, lines_of, open_run_data, starting_model
from splitlab.training.state import forget_last, is_saved, saved_tensors

# Shows one line to the user.
Tell = Callable[[str], object]


def tell_nobody(_line: str) -> None:
    """Ignore a line."""


def prepare_run(path: Path, spec: RunSpec, data_dir: Path, split: Split | None = None) -> RunFolder:
    """Check a spec against its data and this machine, and create the run folder.

    Args:
        path: the run folder.
        spec: the run's settings.
        data_dir: the workspace's folder of datasets.
        split: F and W, which also set the spec's sizes; by default drawn at random according to the spec.

    Raises:
        SplitLabError: the data, the split or the device is not available, or the folder cannot be created. Nothing is
            left behind.
    """
    check_device(spec.device)
    return prepare_run_on(path, spec, open_run_data(spec, data_dir), split)


def make_or_open_run(path: Path, spec: RunSpec, data_dir: Path, split: Split | None = None) -> RunFolder:
    """Make a run as `prepare_run` does, or open the one that the same settings made before.

    Raises:
        SplitLabError: as `prepare_run`; also where the folder holds another run.
    """
    if (path / "spec.json").is_file():
        run = RunFolder.open(path)
        if run.spec() == spec and (split is None or read_split(run.split_path) == split):
            return run
    return prepare_run(path, spec, data_dir, split)


def prepare_run_on(path: Path, spec: RunSpec, data: TrainVal, split: Split | None = None) -> RunFolder:
    """Do the same as `prepare_run` with data from `open_run_data`, for a device that may be on another machine."""
    check_tracker(spec.tracker)
    check_start(spec, len(data.train.class_names))
    stages = _stages_of_model(spec.model, len(data.train.class_names), spec.image_size)
    split = split or draw_split(data.train, spec.data.full, spec.data.weak, spec.seed)
    _check_split(split, data.train)
    refuse_unfit(data, split)
    sized = spec.changed(full=len(split.full), weak=len(split.weak), drawn=split.drawn)
    for stage in stages_of(sized, stages):
        check_divisible(stage.spec.images_of_f, stage.spec.batch_size, process_count())
    return RunFolder.create(path, sized, split.to_json())


@lru_cache(maxsize=64)
def _stages_of_model(name: str, class_count: int, image_size: int) -> tuple[str, ...]:
    """Return a model's stages; building it without weights checks its name and image size."""
    with torch.device("meta"):
        return build_model(name, class_count, image_size).stages


def _check_split(split: Split, train_set: Dataset) -> None:
    if split.source != train_set.source_hash:
        raise SplitError(f"The split does not belong to the current labels of '{train_set.name}'. Draw it again.")
    train_set.select(split.weak)
    without = [image.image_id for image in train_set.select(split.full) if not image.can_be_full]
    if without:
        is_half_masked = train_set.by_id[without[0]].is_half_masked
        lacks = "has masks for only some of its objects" if is_half_masked else "has no masks"
        accept = f", or run splitlab data read-as {train_set.as_argument} --half-masked full" if is_half_masked else ""
        raise SplitError(f"Image {without[0]} of F {lacks} in '{train_set.name}'. Move it to W{accept}.")


def carry_out(run: RunFolder, data_dir: Path, progress: Progress = no_progress, tell: Tell = tell_nobody) -> State:
    """Train a run to its end from its last saved state, and evaluate it; return its final state.

    Can be called repeatedly: a finished run stays done, and a run that another process trains is refused. Of several
    launched processes, the main one locks the run and the others only train.

    Raises:
        SplitLabError: the run cannot continue; it is marked as failed with the reason.
    """
    if not is_main_process():
        return State.DONE if _is_done(run) else _train_along(run, data_dir)
    with run.lock(), run.beating():
        spec = run.spec()
        if _is_done(run):
            return State.DONE
        run.take_back_cancel()
        run.write_status(State.RUNNING, _last_step(run), spec.steps, "starting")
        try:
            state = _train_and_evaluate(run, spec, data_dir, progress, tell)
        except KeyboardInterrupt:
            run.write_status(State.CANCELLED, _last_step(run), spec.steps, "stopped on request")
            return State.CANCELLED
        except BaseException as error:
            # A second error, such as a full disk, must not hide the first.
            with suppress(RunError):
                reason = str(error) if isinstance(error, SplitLabError) else f"{type(error).__name__}: {error}"
                run.write_status(State.FAILED, _last_step(run), spec.steps, reason)
            raise
        return state


def _is_done(run: RunFolder) -> bool:
    try:
        return run.status().state == State.DONE
    except RunError:
        return False  # the saved state decides where to continue; the status is only displayed


def _train_and_evaluate(run: RunFolder, spec: RunSpec, data_dir: Path, progress: Progress, tell: Tell) -> State:
    data = open_run_data(spec, data_dir)
    split = _split_of(run, data.train)
    model, stages, batches, note = _start(run, spec, split, data.train)
    if not is_saved(run.state_path):
        run.forget_events_after(-1)
        run.append_event({"kind": "start", "step": 0, **note})
        for line in (*lines_of(note), *notes_on(data)):
            tell(line)

    def evaluate(current: SegmentationModel, stage: Stage) -> Scores:
        scores, _ = evaluate_model(current, data.val, spec.image_size, _counting("evaluate", data.val, progress))
        # A model that learns no masks has no meaningful mask AP.
        return scores if stage.spec.learns_masks else {**scores, "mask": dict.fromkeys(scores["mask"])}

    trained = train(model, stages, batches, run, evaluate, lambda step: progress("train", step, spec.steps), tell)
    if trained is None:
        run.write_status(State.CANCELLED, _last_step(run), spec.steps, "stopped on request")
        return State.CANCELLED
    save_checkpoint(run.weights, weights_of(trained), _card(run, spec, split, data.train))
    evaluate_run(run, data_dir, progress)
    forget_last(run.weights)
    run.write_status(State.DONE, spec.steps, spec.steps)
    return State.DONE


def _train_along(run: RunFolder, data_dir: Path) -> State:
    """Train as a secondary process, which writes and evaluates nothing."""
    spec = run.spec()
    train_set = open_run_data(spec, data_dir).train
    model, stages, batches, _ = _start(run, spec, _split_of(run, train_set), train_set)
    trained = train(model, stages, batches, run, lambda *_: {}, lambda _: None)
    return State.CANCELLED if trained is None else State.DONE


def _start(
    run: RunFolder, spec: RunSpec, split: Split, train_set: Dataset
) -> tuple[SegmentationModel, list[Stage], BatchesOf, dict[str, Any]]:
    # Otherwise accelerate would train on any available device.
    check_device(spec.device)
    full, weak = list(with_masks(train_set.select(split.full))), train_set.select(split.weak)
    note: dict[str, Any] = {}
    if is_saved(run.state_path):
        # The start weights may no longer exist.
        model = built_model(spec, train_set.class_names, saved_tensors(run.state_path))
    else:
        model, note = starting_model(spec, train_set.class_names, [*full, *map(boxes_only, weak)])
    return model, stages_of(spec, model.stages), lambda stage: batches_of(stage, full, weak), note


def evaluate_run(
    run: RunFolder, data_dir: Path, progress: Progress = no_progress, cut_masks: bool | None = None
) -> Scores:
    """Score a run's checkpoint on its validation set; write detections.json, scores.json and the card's scores.

    This scores the stored half-precision weights, on the run's device if this machine has it, else on the CPU.

    Args:
        run: the run.
        data_dir: the workspace's folder of datasets.
        progress: called for every image.
        cut_masks: whether masks are cut to their boxes, which the card then states; default: as the card says.

    Raises:
        SplitLabError: the run has no checkpoint yet, or its data is missing.
    """
    spec = run.spec()
    val = open_run_data(spec, data_dir).val
    model, card = _load(run.weights, cut_masks)
    if tuple(card.class_names) != val.class_names:
        raise CheckpointError(
            f"{run.weights} has the classes {few(card.class_names)}, '{val.name}' has {few(val.class_names)}: the "
            "run's data has changed since training. Restore the old classes, or give --data and --class-map."
        )
    if spec.device in available_devices():
        model.to(spec.device)
    scores, detections = evaluate_model(model, val, card.image_size, _counting("evaluate", val, progress))
    scores = {**scores, SCORED_ON: _images_of(val)}
    write_json(run.detections_path, coco_results(val, detections))
    write_json(run.scores_path, scores)
    write_card(run.weights, replace(card, scores=scores))
    return scores


def evaluate_checkpoint(
    folder: Path,
    dataset: Dataset,
    progress: Progress = no_progress,
    classes: ClassMap | None = None,
    cut_masks: bool | None = None,
) -> Scores:
    """Score a checkpoint on a dataset without writing anything.

    Args:
        folder: the checkpoint.
        dataset: the images to score.
        progress: called for every image.
        classes: maps the checkpoint's classes to the dataset's; default: `class_map_for`. Only mapped classes are
            scored.
        cut_masks: whether masks are cut to their boxes; default: as the card says.

    Raises:
        SplitLabError: the checkpoint is incomplete, or none of its classes is one of the dataset's.
    """
    model, card = _load(folder, cut_masks)
    if classes is None:
        classes = require_known(class_map_for(card, dataset.class_names), str(folder), dataset.name)
    counted = _counting("evaluate", dataset, progress)
    scores, _ = evaluate_model(model, dataset, card.image_size, counted, classes)
    return {**scores, SCORED_ON: _images_of(dataset)}


def _load(folder: Path, cut_masks: bool | None) -> tuple[SegmentationModel, Card]:
    model, card = load_model(folder)
    if cut_masks is not None:
        model.cuts_masks = cut_masks
    return model, card


def _images_of(val: Dataset) -> dict[str, Any]:
    return {"dataset": val.name, "part": VAL, "images": len(val.images)}


def _split_of(run: RunFolder, train_set: Dataset) -> Split:
    split = read_split(run.split_path)
    if split.source != train_set.source_hash:
        raise RunError(
            f"{run.path}: the labels of '{train_set.name}' have changed since its split was drawn. "
            "Restore the old labels or start a new run."
        )
    return split


def _card(run: RunFolder, spec: RunSpec, split: Split, train_set: Dataset) -> Card:
    recipe: dict[str, Any] = {
        name: value for name, value in spec.to_json().items() if name not in ("data", "full", "weak", "seed", "model")
    }
    note = next((event for event in run.events() if event.get("kind") == "start"), {})
    recipe |= {name: value for name, value in note.items() if name not in ("kind", "step")}
    return Card(
        name=run.name,
        model=spec.model,
        image_size=spec.image_size,
        class_names=list(train_set.class_names),
        dataset=train_set.name,
        data_hash=train_set.source_hash,
        data_licence=train_set.licence,
        full=spec.data.full,
        weak=spec.data.weak,
        seed=spec.seed,
        split_hash=split.hash,
        steps=spec.steps,
        trained_by={"splitlab": splitlab.__version__, "precision": mixed_precision(spec.device), **recipe},
    )


def _last_step(run: RunFolder) -> int:
    return max((int(event["step"]) for event in run.events()), default=0)


def _counting(what: str, dataset: Dataset, progress: Progress) -> Callable[[int], None]:
    return lambda done: progress(what, done, len(dataset.images))
