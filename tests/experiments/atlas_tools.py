"""A small atlas on the tiny data set, and processes that work it off."""

import os
import subprocess
import sys
from pathlib import Path

from splitlab.atlas.plans import OpenedAtlas, open_atlas, read_atlas
from splitlab.atlas.rows import MeasuredRow, read_rows
from splitlab.atlas.work import AtlasWork
from splitlab.workspace import Workspace

PLAN = """
name: atlas-tiny
data: {data}
full: {full}
weak: {weak}
seeds: {seeds}
models: [yolov5n-seg]
settings: {{image_size: 64, steps: {steps}, batch_size: 4, f_size: 2, evaluate_every: {every}, device: cpu}}
"""


def write_plan(data: Path, full=(2, 4), weak=(0, 4), steps=2, every=2, seeds=(0,), name="1-grid") -> Path:
    """Write one stage of the atlas "tiny"; return its file."""
    path = Workspace.here().measured / "tiny" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    lists = {"full": list(full), "weak": list(weak), "seeds": list(seeds)}
    path.write_text(PLAN.format(data=data, steps=steps, every=every, **lists))
    return path


def open_tiny() -> OpenedAtlas:
    workspace = Workspace.here()
    return open_atlas(read_atlas("tiny", workspace.measured, workspace.data), workspace)


def work() -> AtlasWork:
    return AtlasWork(open_tiny(), Workspace.here())


def rows() -> tuple[MeasuredRow, ...]:
    return read_rows(Workspace.here().measured / "tiny.csv")


def start_worker(*words: str) -> subprocess.Popen:
    """Start `splitlab atlas run tiny` in a process of its own; what it tells is in `told()`."""
    command = [sys.executable, "-m", "splitlab", "atlas", "run", "tiny", *words]
    Workspace.here().root.mkdir(parents=True, exist_ok=True)
    with _log().open("ab") as log:
        return subprocess.Popen(command, env={**os.environ}, stdout=subprocess.DEVNULL, stderr=log)


def told() -> str:
    """Return what the workers of this work space have told so far."""
    return _log().read_text()


def _log() -> Path:
    return Workspace.here().root / "workers.log"


def row(**changes) -> MeasuredRow:
    """A row that is like any other but for what is said."""
    values = {
        **{"dataset": "tiny", "full": 2, "weak": 0, "seed": 0, "model": "yolov5n-seg", "settings": "quick"},
        **{"ap50": 60.0, "ap70": 50.0, "ap75": 40.0, "ap50_95": 35.0, "box_ap50": 61.0},
        **{"class_confusion": 0.1, "class_confusion_low": 0.08, "class_confusion_high": 0.12, "localised": 100},
        **{"mask_iou": 0.8, "mask_iou_low": 0.79, "mask_iou_high": 0.81, "found": 90, "objects": 120},
        **{"train_images": 9, "test_images": 3, "spec_hash": "s", "data_hash": "d", "test_hash": "t"},
        **{"code_version": "1", "machine": "m", "cores": 1, "precision": "no", "train_seconds": 1.0},
        "date": "2026-11-25",
    }
    return MeasuredRow(**{**values, **changes})
