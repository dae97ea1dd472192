"""The functions of `import splitlab as sl` that put several parts of the library together.

Each imports what it needs when it is called: a plan needs no PyTorch.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splitlab.budget.cost import ImagePool, Prices
from splitlab.errors import BudgetError, CheckpointError, RunError, SettingsError
from splitlab.workspace import Workspace

if TYPE_CHECKING:
    from PIL.Image import Image

    from splitlab.budget.fit import FittedSurface
    from splitlab.budget.planner import Plan
    from splitlab.checkpoints.checkpoint import Card
    from splitlab.data.dataset import TrainVal
    from splitlab.data.images import ImageArray
    from splitlab.data.split import Split
    from splitlab.evaluation.comparison import Comparison
    from splitlab.evaluation.detections import ImageDetections
    from splitlab.evaluation.scores import Scores
    from splitlab.models.contract import SegmentationModel


def open_dataset(where: str | Path = "embedded") -> TrainVal:
    """Open a dataset in COCO, VOC2012, Cityscapes, YOLO or Oxford-IIIT Pet layout; the layout is recognized.

    Args:
        where: a folder, the name of a dataset in the workspace, or `embedded` for the dataset that comes with SplitLab
            (drawn on first use, 40 seconds).

    Returns:
        Two datasets, `train` and `val`. Each has `images`, `class_names` and `problems`: what could not be read.

    Raises:
        DataError: there is no such dataset, or its files are broken.
    """
    from splitlab.data.open_dataset import open_dataset as open_in

    return open_in(str(where), Workspace.here().data)


def draw_split(data: TrainVal, full: int, weak: int, seed: int = 0) -> Split:
    """Draw `full` training images that keep their masks (F) and `weak` others that keep only boxes (W).

    Args:
        data: as `open_dataset` returns it.
        full: |F|, images.
        weak: |W|, images.
        seed: equal seeds draw equal splits. With one seed, a smaller F is part of a larger one.

    Raises:
        SplitError: the dataset has fewer images, or fewer with masks.
    """
    from splitlab.data.split import draw_split as draw_from

    return draw_from(data.train, full, weak, seed)


def plan(
    surface: FittedSurface,
    prices: Prices,
    images: int | ImagePool,
    *,
    hours: float | None = None,
    score: float | None = None,
) -> Plan:
    """Find the split with the highest expected AP for a budget, or the cheapest split that reaches a score.

    Args:
        surface: expected AP by split, from `fit_surface`.
        prices: seconds per image.
        images: training images there are, or an `ImagePool` if some of them are labelled already.
        hours: budget for new labels; give this or `score`.
        score: mask AP to reach, 0 to 100.

    Returns:
        `best` has full, weak, hours, ap and its 90% interval, low to high. The other attributes are splits of the same
        cost: the ends of the range that costs at most 0.5 AP, and the extremes.

    Raises:
        BudgetError: both or neither of `hours` and `score` are given, or no split can meet them.
    """
    from splitlab.budget.planner import plan_for_hours, plan_for_score

    pool = images if isinstance(images, ImagePool) else ImagePool(images)
    if hours is not None and score is None:
        return plan_for_hours(surface, prices, hours, pool)
    if score is not None and hours is None:
        return plan_for_score(surface, prices, score, pool)
    raise BudgetError("plan() takes either hours, such as hours=40, or score, such as score=50.")


@dataclass(frozen=True)
class Checkpoint:
    """A trained model.

    Attributes:
        folder: with `card.json` and `model.safetensors`.
        card: model, class names, dataset, split, settings and scores.
        model: in evaluation mode, on the CPU.
    """

    folder: Path
    card: Card
    model: SegmentationModel


def train(data: TrainVal, split: Split, out: str | Path, *, recipe: str = "quick", **settings: Any) -> Checkpoint:
    """Train a model on a split and evaluate it on the dataset's val images.

    Interrupt it at any time; the same call continues the run. A run that is done is not trained again.

    Args:
        data: as `open_dataset` returns it.
        split: of this dataset.
        out: the run folder, made if it is not there. `load_checkpoint` opens it later.
        recipe: a name for settings that belong together, such as `quick`, `embedded` or `paper-voc`.
        settings: any setting of a run over those of the recipe, such as model="yolov5s-seg", steps=480, image_size=160,
            device="cuda" or seed=1. docs/reference/settings.md lists them.

    Raises:
        SettingsError: a setting is unknown or has a wrong value.
        RunError: the folder holds another run, or training was interrupted.
        SplitLabError: the data cannot be read, or the split is of other data.
    """
    from splitlab.runs.recipes import run_settings
    from splitlab.runs.run_folder import State
    from splitlab.runs.spec import RunSpec
    from splitlab.training.experiment import carry_out, make_or_open_run

    if not data.train.opened_as:
        raise SettingsError(f"'{data.train.name}' exists only in memory. Save it as a folder and open that.")
    full, weak = len(split.full), len(split.weak)
    of_split = {"data": data.train.opened_as, "full": full, "weak": weak, "drawn": split.drawn}
    spec = RunSpec.from_json({"seed": split.seed, **run_settings(recipe, settings, full, weak), **of_split})
    data_dir = Workspace.here().data
    run = make_or_open_run(Path(out), spec, data_dir, split)
    if carry_out(run, data_dir, _show_progress, print) == State.CANCELLED:
        raise RunError(f"{out}: training was interrupted at step {run.status().step}. Call train() again to continue.")
    return load_checkpoint(run.path)


def load_checkpoint(where: str | Path) -> Checkpoint:
    """Load a trained model.

    Args:
        where: a checkpoint's folder, a run folder, or the name of a checkpoint that comes with SplitLab or was imported
            into the workspace, such as `embedded-100-400`.

    Raises:
        CheckpointError: there is none, or its files are broken.
    """
    from splitlab.models.registry import load_model
    from splitlab.runs.store import weights_folder

    places = [Path(where), *(folder / where for folder in Workspace.here().checkpoint_folders)]
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        raise CheckpointError(f"{where} is neither a folder nor the name of a checkpoint here.")
    folder = weights_folder(found)
    model, card = load_model(folder)
    return Checkpoint(folder, card, model)


def predict(checkpoint: Checkpoint, image: str | Path | ImageArray, min_score: float = 0.25) -> ImageDetections:
    """Find the objects in one image.

    Args:
        checkpoint: the model.
        image: a file, or pixels as (H, W, 3) uint8 RGB.
        min_score: the least score, 0 to 1.

    Returns:
        `boxes` (N, 4) xyxy in pixels, `scores` (N,), `classes` (N,) as places in `checkpoint.card.class_names`, and
        `masks`, N COCO RLEs, best first. `to_json(class_names)` gives a list with a dict for each object.

    Raises:
        ImageError: the file is not an image.
        SettingsError: `min_score` is not in 0 to 1.
    """
    from splitlab.evaluation.predict import predict as find
    from splitlab.models.contract import DetectSettings

    settings = DetectSettings(min_score=min_score, best_class_only=True)
    return find(checkpoint.model, [_pixels(image)], checkpoint.card.image_size, settings)[0]


def draw(image: str | Path | ImageArray, found: ImageDetections, checkpoint: Checkpoint) -> Image:
    """Draw detections over an image: masks, class names and scores; a notebook shows the result.

    Args:
        image: as `predict` takes it.
        found: as `predict` returns it.
        checkpoint: the model, for its class names.

    Raises:
        ImageError: the file is not an image.
    """
    from PIL import Image

    from splitlab.figures.object_pictures import drawn_detections, object_picture

    objects = drawn_detections(found, checkpoint.card.class_names, min_score=0.0)
    return Image.fromarray(object_picture(_pixels(image), objects))


def evaluate(checkpoint: Checkpoint, data: TrainVal) -> Scores:
    """Score a model on a dataset's val images. Classes are matched by name.

    Returns:
        `mask` and `box`, each with ap50, ap70, ap75 and ap50_95, AP from 0 to 100, and the same `per_class`.

    Raises:
        CheckpointError: the model knows none of the dataset's classes.
        DataError: an image or a label cannot be read.
    """
    from splitlab.data.fit_for_training import with_scorable_val
    from splitlab.training.experiment import evaluate_checkpoint

    return evaluate_checkpoint(checkpoint.folder, with_scorable_val(data).val, _show_progress)


def compare(checkpoints: Sequence[Checkpoint], data: TrainVal, min_score: float = 0.25) -> Comparison:
    """Compare models on a dataset's val images: scores, kinds of error, and the images where they differ most.

    Args:
        checkpoints: the models. Only classes that all of them know are compared.
        data: as `open_dataset` returns it.
        min_score: errors are counted among detections with this score or more, 0 to 1; AP uses all of them.

    Returns:
        `models`, and `ranking`: the images, those with the largest differences first. `comparison_tables` turns it into
        tables. Detections are cached in the workspace.

    Raises:
        CheckpointError: the models have no class of the dataset in common.
        DataError: an image or a label cannot be read.
    """
    from splitlab.data.fit_for_training import with_scorable_val
    from splitlab.evaluation.compare_models import see
    from splitlab.evaluation.comparison import CompareSettings, short_names
    from splitlab.evaluation.comparison import compare as compare_seen

    cache, val = Workspace.here().detections, with_scorable_val(data).val
    seen = [see(checkpoint.folder, val, cache, _show_progress) for checkpoint in checkpoints]
    models = dict(zip(short_names([one.card for one in seen]), seen, strict=True))
    return compare_seen(models, val, CompareSettings(min_score))


def _pixels(image: str | Path | ImageArray) -> ImageArray:
    from splitlab.data.images import load_image

    return load_image(Path(image)) if isinstance(image, str | Path) else image


def _show_progress(what: str, done: int, total: int) -> None:
    # A notebook keeps every line that is written, so twenty are enough.
    if 20 * done // total > 20 * (done - 1) // total:
        sys.stderr.write(f"\r{what} {done}/{total}" + ("\n" if done == total else ""))
        sys.stderr.flush()
