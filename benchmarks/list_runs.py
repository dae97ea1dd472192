"""How long it takes to list 10,000 run folders: from the folders alone, without an index yet, with one, after a change.

Run: python benchmarks/list_runs.py [RUNS]. It prints seconds (median and spread) and ratios to reading the folders.
Each run is done, with scores of 20 classes and a card. The files are in the system's cache, as they are for a page that
is drawn again; what a disk or a network adds is not measured.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from unittest.mock import patch

from splitlab.experiments.measured_results import measured_results
from splitlab.runs.atomic_files import write_json
from splitlab.runs.checkpoint import Card
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.run_index import SETTLED_NS
from splitlab.runs.spec import RunSpec
from splitlab.runs.store import list_runs

RUNS, ROUNDS = 10_000, 5
METRICS = ("ap50", "ap70", "ap75", "ap50_95")
CLASSES = [f"class {number}" for number in range(20)]


def make_runs(folder: Path, count: int) -> None:
    """Write finished runs as `experiment` leaves them, without their weights."""
    kind = {**dict.fromkeys(METRICS, 40.123456), "per_class": dict.fromkeys(CLASSES, 41.23456)}
    scores = {"mask": kind, "box": kind}
    for number in range(count):
        spec = RunSpec("VOC2012", 200 + number % 7, 1000, seed=number)
        run = RunFolder.create(folder / f"grid-{spec.full}-{spec.weak}-{spec.model}-seed{number}", spec, {})
        run.write_status(State.DONE, spec.steps, spec.steps)
        write_json(run.scores_path, scores)
        card = Card(
            run.name, spec.model, 224, CLASSES, "VOC2012", "", "", spec.full, 1000, number, str(number), 720, {}, scores
        )
        write_json(run.weights / "card.json", vars(card))


def seconds(work: Callable[[], object], before: Callable[[], object]) -> list[float]:
    times = []
    for _ in range(ROUNDS):
        before()
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return times


def report(name: str, times: list[float], direct: list[float]) -> None:
    ratios = sorted(one / other for one, other in zip(direct, times, strict=True))
    print(
        f"{name}: {median(times):.2f} s ({min(times):.2f} to {max(times):.2f}), "
        f"{median(ratios):.1f} times as fast as the folders alone ({ratios[0]:.1f} to {ratios[-1]:.1f})"
    )


def measure(folder: Path, count: int, what: str, work: Callable[[], int]) -> None:
    def forget() -> None:
        for index in folder.glob(".*-index.json"):
            index.unlink()

    def change_one() -> None:
        run = RunFolder(min(folder.glob("grid-*")))
        run.write_status(State.DONE, 720, 720)

    forget()
    with (
        patch("splitlab.runs.run_index._read_index", lambda *_: {}),
        patch("splitlab.runs.run_index._write_index", lambda *_: None),
    ):
        direct = seconds(work, lambda: None)
    print(f"{what}, {count:,} runs; from the folders alone {median(direct):.2f} s")
    report("no index yet (it is written)", seconds(work, forget), direct)
    report("nothing changed", seconds(work, lambda: None), direct)
    report("one run changed", seconds(work, change_one), direct)
    assert work() == count


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_runs(folder, count)
        sleep(SETTLED_NS / 1e9)
        measure(folder, count, "list_runs", lambda: len(list_runs(folder)))
        measure(folder, count, "the results table", lambda: len(measured_results([], folder)))
        sizes = {index.name: index.stat().st_size / 1e6 for index in folder.glob(".*-index.json")}
        print("; ".join(f"{name} {size:.0f} MB" for name, size in sizes.items()))


if __name__ == "__main__":
    main()
