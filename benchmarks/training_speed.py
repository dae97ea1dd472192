"""Images per second of mixed training here, compared with Ultralytics' SegmentationTrainer with the same layers.

Both train YOLOv5n's layers on the same photos at 256 px, batch 16, data loading and augmentation included, on the CPU.
By default Ultralytics uses one thread less than available ("theirs"), so it is also run with all ("theirs-threads").
Each round runs the sides one after the other in separate processes; the first steps, which fill caches, do not count.
Also prints the peak memory of each side.

Run: python benchmarks/training_speed.py FOLDER, a COCO dataset with masks, such as the embedded one.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from time import perf_counter

from ultralytics_trainer import THREADS, make_trainer

ROUNDS, STEPS, WARMUP_STEPS = 5, 24, 4
SIZE, BATCH, F_SIZE = 256, 16, 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", choices=SIDES, help="run one side once; used by the rounds")
    options = parser.parse_args()
    if options.side:
        images_per_second = SIDES[options.side](options.folder)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"images_per_second": images_per_second, "megabytes": memory}))
        return
    compare(options.folder)


def compare(folder: Path) -> None:
    rounds = [{side: run_side(side, folder) for side in SIDES} for _ in range(ROUNDS)]
    for side in SIDES:
        speeds = [sides[side]["images_per_second"] for sides in rounds]
        memory = max(sides[side]["megabytes"] for sides in rounds)
        ratios = [sides["ours"]["images_per_second"] / sides[side]["images_per_second"] for sides in rounds]
        print(
            f"{side}: {median(speeds):.1f} images/s ({min(speeds):.1f} to {max(speeds):.1f}), peak {memory:.0f} MB, "
            f"ours / {side} = {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f} over {ROUNDS} rounds)"
        )


def run_side(side: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, __file__, str(folder), "--side", side]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return measured


def speed(times: list[float]) -> float:
    return (len(times) - 1 - WARMUP_STEPS) * BATCH / (times[-1] - times[WARMUP_STEPS])


def ours(folder: Path) -> float:
    from splitlab.runs.spec import RunSpec
    from splitlab.training.experiment import carry_out, prepare_run

    times: list[float] = []

    def note(what: str, _done: int, _total: int) -> None:
        if what == "train":
            times.append(perf_counter())
        else:
            # The steps are done; the evaluation is not measured.
            raise KeyboardInterrupt

    with tempfile.TemporaryDirectory() as place:
        images = len(json.loads(next(folder.glob("instances_train*.json")).read_text())["images"])
        spec = RunSpec.of(
            str(folder),
            full=images // 4,
            weak=images - images // 4,
            model="yolov5n-seg",
            image_size=SIZE,
            steps=STEPS,
            batch_size=BATCH,
            f_size=F_SIZE,
            plain_tail=0.0,
            evaluate_every=STEPS,
        )
        carry_out(prepare_run(Path(place) / "run", spec, Path(place)), Path(place), note)
    return speed(times)


def theirs(folder: Path, threads: int | None = None) -> float:
    from splitlab.data.exports.yolo import export_yolo
    from splitlab.data.formats.coco.reader import read_coco_folder

    times: list[float] = []

    def note(_: object) -> None:
        times.append(perf_counter())
        if len(times) == STEPS:
            raise KeyboardInterrupt

    with tempfile.TemporaryDirectory() as place:
        data = export_yolo(read_coco_folder(folder), Path(place) / "data")
        settings = {"epochs": 1 + STEPS * BATCH * 2 // 100, "imgsz": SIZE, "batch": BATCH, "val": False}
        trainer = make_trainer(data / "data.yaml", Path(place), settings, threads)
        trainer.add_callback("on_train_batch_end", note)
        with suppress(KeyboardInterrupt):
            trainer.train()
    return speed(times)


SIDES: dict[str, Callable[[Path], float]] = {
    "ours": ours,
    "theirs": theirs,
    "theirs-threads": lambda folder: theirs(folder, THREADS),
}

if __name__ == "__main__":
    main()
