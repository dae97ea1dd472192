"""Images a second of training on a Linux CPU: glibc's memory in huge pages, against the usual pages of 4 kB.

What it brings depends on what else the machine does. A step takes and gives back gigabytes; by default glibc returns
large blocks to the system, which hands them out again page by page. Both sides train the same run in processes of their
own, one after the other, `OMP_NUM_THREADS` as it is set. Also printed: page faults a step, and peak memory.

Run: python benchmarks/huge_pages.py FOLDER, a COCO-format data set with masks, such as the embedded one.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from splitlab.cli.huge_pages import HUGE_PAGES

ROUNDS, STEPS, WARMUP_STEPS = 5, 16, 4
SIZE, BATCH = 224, 16
SIDES = {"usual": {}, "huge": HUGE_PAGES}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--once", action="store_true", help="train once as the environment says; used by the rounds")
    options = parser.parse_args()
    if options.once:
        print(json.dumps(train(options.folder)))
        return
    rounds = [{side: run_side(options.folder, side) for side in SIDES} for _ in range(ROUNDS)]
    for side in SIDES:
        speeds = [sides[side]["images_per_second"] for sides in rounds]
        ratios = [sides[side]["images_per_second"] / sides["usual"]["images_per_second"] for sides in rounds]
        faults = median(sides[side]["faults_per_step"] for sides in rounds)
        memory = max(sides[side]["megabytes"] for sides in rounds)
        print(
            f"{side}: {median(speeds):.1f} images/s ({min(speeds):.1f} to {max(speeds):.1f}), "
            f"{faults:.0f} page faults a step, peak {memory:.0f} MB, "
            f"{median(ratios):.2f} times usual ({min(ratios):.2f} to {max(ratios):.2f} over {ROUNDS} rounds)"
        )


def run_side(folder: Path, side: str) -> dict[str, float]:
    command = [sys.executable, __file__, str(folder), "--once"]
    usual = {name: value for name, value in os.environ.items() if name not in HUGE_PAGES}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**usual, **SIDES[side]})
    measured: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return measured


def train(folder: Path) -> dict[str, float]:
    from splitlab.experiments.experiment import carry_out, prepare_run
    from splitlab.runs.spec import RunSpec

    looks: list[tuple[float, int]] = []

    def note(what: str, _done: int, _total: int) -> None:
        if what != "train":
            # The steps are done; the evaluation is not what is measured.
            raise KeyboardInterrupt
        looks.append((perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_minflt))

    with tempfile.TemporaryDirectory() as place:
        images = len(json.loads(next(folder.glob("instances_train*.json")).read_text())["images"])
        spec = RunSpec(
            str(folder),
            full=images // 4,
            weak=images // 4,
            model="yolov5n-lite0-seg",
            image_size=SIZE,
            steps=STEPS,
            batch_size=BATCH,
            evaluate_every=STEPS,
        )
        carry_out(prepare_run(Path(place) / "run", spec, Path(place)), Path(place), note)
    (start, faults_before), (end, faults_after) = looks[WARMUP_STEPS], looks[-1]
    steps = len(looks) - 1 - WARMUP_STEPS
    return {
        "images_per_second": steps * BATCH / (end - start),
        "faults_per_step": (faults_after - faults_before) / steps,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    main()
