"""Seconds of training until mask AP50 reaches 50 on the embedded scenes: here, and in Ultralytics' trainer.

Both train YOLOv5n's layers from scratch on all masks of the same 500 photos, in batches of 16 at 160 px, without
mosaics, on all threads, and are evaluated after each pass over them; evaluations do not count. Look-alikes are one
class (fish, star, jelly), because no trainer separates them from scratch within the time of a benchmark. Ours has the
loss factors of the recipe `embedded`, theirs the defaults. Ours is scored by COCO's rules, theirs by their own. Each
round has another seed and runs the two sides one after the other in separate processes. A side that does not reach the
goal counts with the time until then, and is reported.

Run: python benchmarks/time_to_ap.py FOLDER, the folder of the embedded dataset.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from statistics import median
from time import perf_counter

from ultralytics_trainer import make_trainer

ROUNDS, GOAL, PATIENCE_SECONDS = 5, 50.0, 900.0
PHOTOS, SIZE, BATCH, PASSES = 500, 160, 16, 60
PASS_STEPS = PHOTOS // BATCH


def with_kinds(folder: Path, place: Path) -> Path:
    """Write the dataset with one class for each kind of creature, the last word of its name."""
    place.mkdir()
    (place / "images").symlink_to((folder / "images").resolve())
    for labels in folder.glob("instances_*.json"):
        content = json.loads(labels.read_text())
        kinds = {category["id"]: category["name"].split()[-1] for category in content["categories"]}
        number = {kind: index for index, kind in enumerate(sorted(set(kinds.values())), start=1)}
        content["categories"] = [{"id": index, "name": kind} for kind, index in number.items()]
        for annotation in content["annotations"]:
            annotation["category_id"] = number[kinds[annotation["category_id"]]]
        (place / labels.name).write_text(json.dumps(content))
    return place


class ArrivedError(Exception):
    """The goal is reached, or the time is over."""


class Watch:
    """Adds up the seconds of training, and stops it at the goal or when the time is over."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.ap50 = 0.0

    def judge(self, ap50: float) -> None:
        """Take an evaluation; raise ArrivedError where it is the last."""
        self.ap50 = ap50
        print(f"  mask AP50 {ap50:.1f} after {self.seconds:.0f} s", file=sys.stderr, flush=True)
        if ap50 >= GOAL or self.seconds > PATIENCE_SECONDS:
            raise ArrivedError


def ours(folder: Path, seed: int, watch: Watch) -> None:
    from splitlab.runs.recipes import recipe_settings
    from splitlab.runs.spec import RunSpec
    from splitlab.training.experiment import carry_out, prepare_run

    last = perf_counter()

    def note(what: str, done: int, _total: int) -> None:
        nonlocal last
        if what == "train":
            watch.seconds += perf_counter() - last
            if done > PASS_STEPS and done % PASS_STEPS == 1:
                scored = [event for event in run.events() if event["kind"] == "evaluation"]
                watch.judge(scored[-1]["scores"]["mask"]["ap50"])
        last = perf_counter()

    with tempfile.TemporaryDirectory() as place:
        own = {"model": "yolov5n-seg", "steps": PASSES * PASS_STEPS, "evaluate_every": PASS_STEPS, "plain_tail": 0.0}
        settings = {**recipe_settings("embedded"), **own, "image_size": SIZE, "batch_size": BATCH}
        run = prepare_run(Path(place) / "run", RunSpec.of(str(folder), PHOTOS, 0, seed=seed, **settings), Path(place))
        carry_out(run, Path(place), note)


def theirs(folder: Path, seed: int, watch: Watch) -> None:
    from splitlab.data.exports.yolo import export_yolo
    from splitlab.data.formats.coco.reader import read_coco_folder
    from splitlab.data.split import as_split, draw_split

    start = 0.0

    def begin(_: object) -> None:
        nonlocal start
        start = perf_counter()

    def end(_: object) -> None:
        watch.seconds += perf_counter() - start

    def judge(trainer: object) -> None:
        watch.judge(100 * float(trainer.metrics.get("metrics/mAP50(M)", 0)))  # type: ignore[attr-defined]

    with tempfile.TemporaryDirectory() as place:
        data = read_coco_folder(folder)
        photos = export_yolo(as_split(data, draw_split(data.train, PHOTOS, 0, seed)), Path(place) / "data")
        settings = {"epochs": PASSES, "imgsz": SIZE, "batch": BATCH, "val": True, "mosaic": 0.0, "seed": seed}
        trainer = make_trainer(photos / "data.yaml", Path(place), settings)
        trainer.add_callback("on_train_epoch_start", begin)
        trainer.add_callback("on_train_epoch_end", end)
        trainer.add_callback("on_fit_epoch_end", judge)
        trainer.train()


SIDES = {"ours": ours, "theirs": theirs}


def run_side(side: str, folder: Path, seed: int) -> dict[str, float]:
    command = [sys.executable, __file__, str(folder), "--side", side, "--seed", str(seed)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    reached: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"seed {seed}, {side}: {reached}", flush=True)
    return reached


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", choices=SIDES, help="run one side once; used by the rounds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    if options.side:
        watch = Watch()
        with suppress(ArrivedError):
            SIDES[options.side](options.folder, options.seed, watch)
        print(json.dumps({"seconds": round(watch.seconds, 1), "ap50": round(watch.ap50, 1)}))
        return
    with tempfile.TemporaryDirectory() as place:
        folder = with_kinds(options.folder, Path(place) / "kinds")
        rounds = [{side: run_side(side, folder, seed) for side in SIDES} for seed in range(options.rounds)]
    for side in SIDES:
        seconds = [sides[side]["seconds"] for sides in rounds]
        late = sum(sides[side]["ap50"] < GOAL for sides in rounds)
        print(f"{side}: {median(seconds):.0f} s ({min(seconds):.0f} to {max(seconds):.0f}), {late} did not arrive")
    ratios = [sides["theirs"]["seconds"] / sides["ours"]["seconds"] for sides in rounds]
    print(f"theirs / ours: {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f} over {len(rounds)} rounds)")


if __name__ == "__main__":
    main()
