"""Measure few-shot training: prepare and train the runs, score them by class, and write the table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from splitlab.atlas.rows import BASE, FEW_SHOT_COLUMNS, KEY, NOVEL, measured_few_shot
from splitlab.checkpoints.scores import read_scores
from splitlab.data.classes import in_one_line
from splitlab.data.dataset import Dataset, TrainVal, json_hash
from splitlab.data.split import Split, draw_split, read_split
from splitlab.errors import RunError
from splitlab.evaluation.comparison import MIN_SCORE
from splitlab.evaluation.detections import ImageDetections, read_detections
from splitlab.evaluation.matches import NO_MATCH, ImageOverlaps, match_by_score, overlaps_of_dataset
from splitlab.io import Progress, no_progress, write_bytes
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import SETTINGS, RunSpec
from splitlab.training.experiment import carry_out, prepare_run
from splitlab.training.few_shot import BACKBONE, F_SIZE, background_images, plan_few_shot
from splitlab.training.start import as_run_sees

# Settings that do not affect what a model learns; the start has its own hash.
_NOT_LEARNT = ("data", "device", "compiled", "tracker", "evaluate_every", "start_from")
# Newer settings, left out at their defaults so that older rows keep their hashes.
_YOUNGER = ("background", "refine_boxes", "weak_masks")


@dataclass(frozen=True)
class Variant:
    """Which classes are novel; all others are base classes."""

    name: str
    novel: tuple[str, ...]


# Classes of the embedded scenes: a pair unlike any other class, and one class of each look-alike pair.
VARIANTS = (
    Variant("new pair", ("compass jelly", "moon jelly")),
    Variant("look-alikes", ("spotted fish", "beaded star", "moon jelly")),
)


@dataclass(frozen=True)
class Sizes:
    """Number of labels: |F| of the base model, masks of each novel class, and |F| and |W| of the other runs."""

    base_masks: int = 300
    masks: int = 3
    full: int = 100
    weak: int = 400


@dataclass(frozen=True)
class FewShotRun:
    """One run of a measurement; `setting` and `start` are those of the table, see `measured_few_shot`."""

    variant: Variant
    setting: str
    start: str
    spec: RunSpec
    split: Split
    path: Path


@dataclass(frozen=True)
class Measurement:
    """What all runs of a measurement share: the dataset by name and opened, the folder of runs, settings and sizes."""

    name: str
    data: TrainVal
    runs: Path
    settings: Mapping[str, Any]
    sizes: Sizes

    def planned(self, variant: Variant, seed: int) -> Iterator[FewShotRun]:
        """Yield the seven runs of a variant, the base model before those that start from it.

        Raises:
            SplitLabError: If the dataset lacks a class, images or masks.
        """
        others = in_one_line(name for name in self.data.train.class_names if name not in variant.novel)
        base = self._random(variant, BASE, seed, {"classes": others}, self.sizes.base_masks, 0)
        yield base
        for setting, masks in (("few-shot", self.sizes.masks), ("zero-shot", 0)):
            for start, weights in ((BASE, str(base.path / "weights")), (BACKBONE, "")):
                yield self._shots(variant, setting, start, seed, masks, weights)
        for setting, masked in (("partly supervised", others), ("all masks", "")):
            yield self._random(variant, setting, seed, {"mask_classes": masked}, self.sizes.full, self.sizes.weak)

    def _shots(self, variant: Variant, setting: str, start: str, seed: int, masks: int, weights: str) -> FewShotRun:
        settings = {**self.settings, "f_size": F_SIZE, "classes": in_one_line(variant.novel), "start_from": weights}
        spec, split = plan_few_shot(self.name, self.data, masks, seed, settings)
        return FewShotRun(variant, setting, start, spec, split, self._path(variant, setting, start, seed))

    def _random(
        self, variant: Variant, setting: str, seed: int, seen: dict[str, str], full: int, weak: int
    ) -> FewShotRun:
        split_settings = {"data": self.name, "full": full, "weak": weak, "seed": seed}
        spec = RunSpec.from_json({**self.settings, **seen, **split_settings})
        split = draw_split(as_run_sees(self.data, spec.data.classes, spec.data.mask_classes).train, full, weak, seed)
        return FewShotRun(variant, setting, BACKBONE, spec, split, self._path(variant, setting, BACKBONE, seed))

    def _path(self, variant: Variant, setting: str, start: str, seed: int) -> Path:
        parts = ("few-shot", Path(self.name).name, variant.name, setting, start, f"seed{seed}")
        # With all masks no class is novel, so all variants share the run.
        kept = [part for part in parts if setting != "all masks" or part != variant.name]
        return self.runs / "-".join(part.replace(" ", "-") for part in kept)


def train_planned(planned: FewShotRun, data_dir: Path, progress: Progress = no_progress) -> RunFolder | None:
    """Train a run, or continue it; return None if it was stopped.

    Raises:
        RunError: If its folder has a run with other settings or labels.
        SplitLabError: If it cannot be trained.
    """
    if (planned.path / "spec.json").is_file():
        run = RunFolder.open(planned.path)
        if run.spec() != planned.spec or read_split(run.split_path) != planned.split:
            raise RunError(
                f"{planned.path} contains a run with other settings or labels. Delete it, or use another workspace."
            )
    else:
        run = prepare_run(planned.path, planned.spec, data_dir, planned.split)
    return run if carry_out(run, data_dir, progress) == State.DONE else None


def _spec_hash(spec: RunSpec) -> str:
    """Return 12 hexadecimal digits for all settings that affect what a model learns, including those of its start."""
    settings = {
        name: value
        for name, value in spec.to_json().items()
        if name not in _NOT_LEARNT and not (name in _YOUNGER and value == SETTINGS[name].default)
    }
    start = Path(spec.start_from).parent if spec.start_from else None
    settings["start"] = _spec_hash(RunFolder.open(start).spec()) if start else ""
    return json_hash(settings)[:12]


@dataclass(frozen=True)
class _MasksOfClass:
    """Mean mask IoU over the objects of a class whose box was found (None if there are none), and the counts."""

    mask_iou: float | None
    found: int
    objects: int


def _masks_in_found_boxes(
    dataset: Dataset, detections: Sequence[ImageDetections], min_score: float
) -> dict[str, _MasksOfClass]:
    """Return the masks of each class by its name.

    A box is found if a detection of its class with at least `min_score` overlaps it at IoU 0.5, matched as in COCO. The
    mask IoU is that of the same detection, however low: a mean over matched masks would leave out the failed ones.
    """
    ious: dict[int, list[float]] = defaultdict(list)
    boxes, masks = (overlaps_of_dataset(dataset, detections, kind) for kind in ("box", "mask"))
    for of_boxes, of_masks in zip(boxes, masks, strict=True):
        for class_index, iou in _found(of_boxes.above(min_score), of_masks):
            ious[class_index].append(iou)
    counts = [0] * len(dataset.class_names)
    for label in (label for image in dataset.images for label in image.targets):
        counts[label.class_index] += label.mask is not None and label.is_scored
    return {
        name: _MasksOfClass(float(np.mean(ious[index])) if ious[index] else None, len(ious[index]), counts[index])
        for index, name in enumerate(dataset.class_names)
    }


def _found(boxes: ImageOverlaps, masks: ImageOverlaps) -> list[tuple[int, float]]:
    """Return class and mask IoU of each object whose box was found, without crowds and objects without a mask."""
    matched = match_by_score(boxes)
    return [
        (int(boxes.truth_classes[target]), float(masks.iou[place, target]))
        for place, target in zip(boxes.places, matched, strict=True)
        if target != NO_MATCH and not masks.crowds[target]
    ]


def class_rows(planned: FewShotRun, data: TrainVal, measured_with: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the rows of a finished run, one per class, with the columns of the few-shot table.

    Args:
        planned: The finished run.
        data: Its whole dataset.
        measured_with: `code_version` and `machine`.
    """
    run, spec = RunFolder.open(planned.path), planned.spec
    val = as_run_sees(data, spec.data.classes, spec.data.mask_classes).val
    scores = read_scores(run.scores_path)
    masks = _masks_in_found_boxes(val, read_detections(run.detections_path, val), MIN_SCORE)
    shared = {
        "variant": planned.variant.name,
        "setting": planned.setting,
        "start": planned.start,
        "seed": spec.seed,
        "full": spec.data.full,
        "weak": spec.data.weak,
        "background": background_images(data, spec, planned.split),
        "spec_hash": _spec_hash(spec),
        "data_hash": data.train.source_hash[:12],
        **measured_with,
    }
    rows = []
    for name in val.class_names:
        group = NOVEL if name in planned.variant.novel else BASE
        row = {**shared, "class": name, "group": group, **_reached(name, scores, masks[name])}
        rows.append({column: row[column] for column in FEW_SHOT_COLUMNS})
    return rows


def store_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add the rows of a run to a table, replacing its old ones; the file is replaced atomically.

    Raises:
        BudgetError: If the existing file is not such a table.
        RunError: If it cannot be written.
    """
    new = pd.DataFrame(list(rows), columns=list(FEW_SHOT_COLUMNS))
    old = measured_few_shot(path)
    again = set(new[KEY].itertuples(index=False, name=None))
    kept = old[np.array([key not in again for key in old[KEY].itertuples(index=False, name=None)], bool)]
    # An empty part would change the column types.
    table = pd.concat([kept, new], ignore_index=True) if len(kept) else new
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, table.to_csv(index=False).encode())


def _reached(name: str, scores: Mapping[str, Any], masks: _MasksOfClass) -> dict[str, Any]:
    mask, box = (scores[kind]["per_class"][name] for kind in ("mask", "box"))
    return {
        "ap50": mask["ap50"],
        "ap70": mask["ap70"],
        "box_ap50": box["ap50"],
        "box_ap70": box["ap70"],
        "mask_iou": None if masks.mask_iou is None else round(masks.mask_iou, 4),
        "found": masks.found,
        "objects": masks.objects,
    }
