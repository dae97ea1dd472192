"""Few-shot and zero-shot training runs (Sec. 4.6): a few masks per class or none, boxes for all other images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from splitlab.data.classes import in_one_line
from splitlab.data.dataset import Dataset, TrainVal
from splitlab.data.few_shot_split import FEW_SHOT_CLASSES, draw_few_shot, paper_few_shot, zero_shot_split
from splitlab.data.split import Split
from splitlab.errors import SettingsError
from splitlab.families import family_of
from splitlab.runs.spec import RunSpec
from splitlab.runs.store import weights_folder
from splitlab.training.start import as_run_sees

BACKBONE = "backbone"
PAPER = "paper"
# Mask images per batch (docs/protocol.md, Few-shot).
F_SIZE = 1
_ALL = "all"


def plan_few_shot(
    name: str, data: TrainVal, masks: int | str, seed: int, settings: dict[str, Any]
) -> tuple[RunSpec, Split]:
    """Draw the split of a few-shot run and make its spec.

    Args:
        name: of the dataset, as in a spec.
        data: the whole dataset.
        masks: per class; 0 for zero-shot, `paper` for the paper's 17 images of VOC2012, with its classes by default.
        seed: of the draw and of the run.
        settings: of the run, including `classes`. W holds all other images; those without any of the classes are
            background, unless `background` is false.

    Raises:
        DataError: a class does not exist.
        SplitError: the dataset has too few masks, or not the paper's images.
        SettingsError: a setting is unknown or has an invalid value.
    """
    classes = settings.get("classes", "") or (in_one_line(FEW_SHOT_CLASSES) if masks == PAPER else "")
    background = settings.get("background", True)
    train_set = as_run_sees(data, classes, settings.get("mask_classes", ""), background).train
    split = _draw(train_set, masks, seed)
    in_own_order = in_one_line(train_set.class_names) if classes else ""
    drawn = {"drawn": split.drawn, "full": len(split.full), "weak": len(split.weak), "classes": in_own_order}
    seen = {"background": background if classes else False}
    return RunSpec.from_json({**settings, "data": name, "seed": seed, **drawn, **seen}), split


def background_images(data: TrainVal, spec: RunSpec, split: Split) -> int:
    """Count the images of W without any of the run's classes, which are used as background."""
    train_set = as_run_sees(data, spec.data.classes, spec.data.mask_classes, spec.data.background).train
    return sum(not image.targets for image in train_set.select(split.weak))


def _draw(train_set: Dataset, masks: int | str, seed: int) -> Split:
    if masks == PAPER:
        return paper_few_shot(train_set)
    return draw_few_shot(train_set, int(masks), seed) if masks else zero_shot_split(train_set)


def start_weights(start: str, model: str) -> str:
    """Return a spec's `start_from` for a checkpoint or run, or an empty text for the word `backbone`.

    Raises:
        SettingsError: the model has no shipped backbone weights.
    """
    if start != BACKBONE:
        return str(weights_folder(Path(start)).absolute())
    if model not in family_of(model).shipped_backbones:
        raise SettingsError(
            f"SplitLab has no backbone weights for {model}. Import a classifier (splitlab checkpoint import "
            "yolov5x-cls.pt) and start from it, or choose a model with a lite0 backbone."
        )
    return ""


def class_scores(scores: dict[str, Any], metric: str, kind: str = "mask") -> dict[str, float | None]:
    """Return a metric per class and for all classes, 0..100, as in Table 4; None where it is undefined."""
    of_kind = scores.get(kind, {})
    of_classes = {name: of_class.get(metric) for name, of_class in of_kind.get("per_class", {}).items()}
    return {**of_classes, _ALL: of_kind.get(metric)}
