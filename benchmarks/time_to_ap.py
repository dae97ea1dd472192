"""Seconds of training until mask AP50 reaches 50 on the embedded data set: here, and in Ultralytics' trainer.

Both train YOLOv5n's layers on all masks of the same photos, from scratch. The time of evaluations is left out on both
sides. Ours is scored by COCO's rules, theirs by their own; the last evaluation before the goal bounds the time from
below. Each side runs once: rounds would take an hour.

Run: python benchmarks/time_to_ap.py FOLDER ours|theirs, the folder of the embedded data set.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from time import perf_counter

from ultralytics_trainer import make_trainer

GOAL, SIZE, BATCH = 50.0, 192, 8
MOST_STEPS, EVERY = 3000, 100


class GoalReachedError(Exception):
    """The goal, or the end of patience."""


def ours(folder: Path) -> None:
    from splitlab.experiments.experiment import carry_out, prepare_run
    from splitlab.runs.spec import RunSpec

    spent, last = 0.0, perf_counter()

    def note(what: str, done: int, total: int) -> None:
        nonlocal spent, last
        now = perf_counter()
        if what == "train":
            spent += now - last
        last = now
        if what == "evaluate" and done == total:
            events = [event for event in run.events() if event["kind"] == "evaluation"]
            if events:
                report(events[-1]["step"], events[-1]["scores"]["mask"]["ap50"], spent)

    with tempfile.TemporaryDirectory() as place, suppress(GoalReachedError):
        settings = {"model": "yolov5n-seg", "image_size": SIZE, "batch_size": BATCH, "plain_tail": 1.0}
        spec = RunSpec(str(folder), 500, 0, steps=MOST_STEPS, evaluate_every=EVERY, learning_rate=3e-3, **settings)
        run = prepare_run(Path(place) / "run", spec, Path(place))
        carry_out(run, Path(place), note)


def theirs(folder: Path) -> None:
    from splitlab.data.exports.yolo_export import export_yolo
    from splitlab.data.formats.coco_folder import read_coco_folder
    from splitlab.data.splits.draw_split import draw_split
    from splitlab.data.splits.split_dataset import as_split

    spent, start = 0.0, 0.0

    def begin(_: object) -> None:
        nonlocal start
        start = perf_counter()

    def end(_: object) -> None:
        nonlocal spent
        spent += perf_counter() - start

    def judge(trainer: object) -> None:
        ap50 = 100 * float(trainer.metrics.get("metrics/mAP50(M)", 0))  # type: ignore[attr-defined]
        report(trainer.epoch + 1, ap50, spent)  # type: ignore[attr-defined]

    with tempfile.TemporaryDirectory() as place, suppress(GoalReachedError):
        data = read_coco_folder(folder)
        photos = export_yolo(as_split(data, draw_split(data.train, 500, 0, 0)), Path(place) / "data")
        settings = {"epochs": MOST_STEPS * BATCH // 500, "imgsz": SIZE, "batch": BATCH, "val": True}
        trainer = make_trainer(photos / "data.yaml", Path(place), settings)
        trainer.add_callback("on_train_epoch_start", begin)
        trainer.add_callback("on_train_epoch_end", end)
        trainer.add_callback("on_fit_epoch_end", judge)
        trainer.train()


def report(when: int, ap50: float, seconds: float) -> None:
    print(f"{when}: mask AP50 {ap50:.1f} after {seconds:.0f} s", flush=True)
    if ap50 >= GOAL:
        raise GoalReachedError


if __name__ == "__main__":
    {"ours": ours, "theirs": theirs}[sys.argv[2]](Path(sys.argv[1]))
