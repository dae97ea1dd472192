"""Ultralytics' SegmentationTrainer on the layers of YOLOv5n-seg, for the benchmarks to compare with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

THREADS = os.cpu_count() or 1


def make_trainer(data_yaml: Path, place: Path, settings: dict[str, Any], threads: int | None = THREADS) -> Any:
    """Build a trainer on the CPU.

    Args:
        data_yaml: the dataset.
        place: for its files.
        settings: Ultralytics' own.
        threads: for torch; None for Ultralytics' default, one less than the processor has.
    """
    from splitlab.models.ultralytics.upstream import ROOT, YAML

    # isort: split
    import torch
    from ultralytics.models.yolo.segment import SegmentationTrainer

    layout = YAML.load(ROOT / "cfg" / "models" / "v5" / "yolov5.yaml")
    layout["head"][-1] = [[17, 20, 23], 1, "Segment", ["nc", 32, 256]]
    YAML.save(place / "yolov5n-seg.yaml", layout)
    fixed = {
        "model": str(place / "yolov5n-seg.yaml"),
        "data": str(data_yaml),
        "project": str(place),
        "device": "cpu",
        "workers": 0,
        "plots": False,
        "save": False,
        "verbose": False,
    }
    trainer = SegmentationTrainer(overrides={**fixed, **settings})
    if threads is not None:
        trainer.add_callback("on_train_start", lambda _: torch.set_num_threads(threads))
    return trainer
