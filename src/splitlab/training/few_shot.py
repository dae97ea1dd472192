"""Few-shot and zero-shot runs (Sec. 4.6): a few masks a class or none, boxes of the rest, other weights to start."""

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
# Mask images in a batch (PROTOCOL.md, Few-shot).
F_SIZE = 1
_ALL = "all"


def plan_few_shot(
    name: str, data: TrainVal, masks: int | str, seed: int, settings: dict[str, Any]
) -> tuple[RunSpec, Split]:
    """Draw the split of a few-shot run and write its settings down.

    Args:
        name: of the data set, as a spec has it.
        data: the whole data set.
        masks: of each class; 0 for none at all (zero-shot), `paper` for the paper's 17 images of VOC2012, which have
            the paper's classes where `settings` name none.
        seed: of the draw and of the run.
        settings: of the run; `classes` are those that count. W has every other image, those that show none of them as
            background, unless `background` is false.

    Raises:
        DataError: there is no such class.
        SplitError: the data set has not so many masks, or not the paper's images.
        SettingsError: a setting is unknown or has a value it may not have.
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
    """Count the images of W that show none of the run's classes, and so are learnt from as background.

    Args:
        data: the whole data set.
        spec: as `plan_few_shot` wrote it.
        split: as it drew it.
    """
    train_set = as_run_sees(data, spec.data.classes, spec.data.mask_classes, spec.data.background).train
    return sum(not image.targets for image in train_set.select(split.weak))


def _draw(train_set: Dataset, masks: int | str, seed: int) -> Split:
    if masks == PAPER:
        return paper_few_shot(train_set)
    return draw_few_shot(train_set, int(masks), seed) if masks else zero_shot_split(train_set)


def start_weights(start: str, model: str) -> str:
    """Return what a spec's `start_from` is to be: a checkpoint's folder, or nothing for the backbone alone.

    Args:
        start: a checkpoint or a run, or the word `backbone`.
        model: name of the model, which tells whether backbone weights ship.

    Raises:
        SettingsError: the model's backbone has no weights that ship.
    """
    if start != BACKBONE:
        return str(weights_folder(Path(start)).absolute())
    if model not in family_of(model).shipped_backbones:
        raise SettingsError(
            f"No weights ship for the backbone of {model}. Import a classifier (splitlab checkpoint import "
            "yolov5x-cls.pt) and start from it, or choose a model on lite0."
        )
    return ""


def class_scores(scores: dict[str, Any], metric: str, kind: str = "mask") -> dict[str, float | None]:
    """Return a metric of each class, 0..100, and of all together, as Table 4 lists them; None where there is none."""
    of_kind = scores.get(kind, {})
    of_classes = {name: of_class.get(metric) for name, of_class in of_kind.get("per_class", {}).items()}
    return {**of_classes, _ALL: of_kind.get(metric)}
