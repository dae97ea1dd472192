"""From finished few-shot runs to the rows of the table that comes with the package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from splitlab.budget.few_shot_measured import BASE, COLUMNS, KEY, NOVEL, measured_few_shot
from splitlab.data.dataset import TrainVal
from splitlab.evaluation.masks_in_found_boxes import MasksOfClass, masks_in_found_boxes
from splitlab.evaluation.stored_detections import read_detections
from splitlab.experiments.comparison import MIN_SCORE
from splitlab.experiments.few_shot import background_images
from splitlab.experiments.few_shot_measurement import FewShotRun, spec_hash
from splitlab.experiments.run_data import as_run_sees
from splitlab.runs.atomic_files import write_bytes
from splitlab.runs.run_folder import RunFolder
from splitlab.runs.scores import read_scores


def class_rows(planned: FewShotRun, data: TrainVal, measured_with: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the rows of a finished run, one for each of its classes, with the columns of the table.

    Args:
        planned: the run, which is done.
        data: its data set, whole.
        measured_with: `code_version` and `machine`.

    Raises:
        SplitLabError: its files are broken.
    """
    run, spec = RunFolder.open(planned.path), planned.spec
    val = as_run_sees(data, spec.data.classes, spec.data.mask_classes).val
    scores = read_scores(run.scores_path)
    masks = masks_in_found_boxes(val, read_detections(run.detections_path, val), MIN_SCORE)
    shared = {
        "variant": planned.variant.name,
        "setting": planned.setting,
        "start": planned.start,
        "seed": spec.seed,
        "full": spec.data.full,
        "weak": spec.data.weak,
        "background": background_images(data, spec, planned.split),
        "spec_hash": spec_hash(spec),
        "data_hash": data.train.source_hash[:12],
        **measured_with,
    }
    rows = []
    for name in val.class_names:
        group = NOVEL if name in planned.variant.novel else BASE
        row = {**shared, "class": name, "group": group, **_reached(name, scores, masks[name])}
        rows.append({column: row[column] for column in COLUMNS})
    return rows


def store_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add the rows of a run to a table, in place of those it had before; the file is replaced in one step.

    Raises:
        BudgetError: the file that is there is no such table.
        RunError: it cannot be written.
    """
    new = pd.DataFrame(list(rows), columns=list(COLUMNS))
    old = measured_few_shot(path)
    again = set(new[KEY].itertuples(index=False, name=None))
    kept = old[np.array([key not in again for key in old[KEY].itertuples(index=False, name=None)], bool)]
    # An empty part would decide the types of the whole.
    table = pd.concat([kept, new], ignore_index=True) if len(kept) else new
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, table.to_csv(index=False).encode())


def _reached(name: str, scores: Mapping[str, Any], masks: MasksOfClass) -> dict[str, Any]:
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
