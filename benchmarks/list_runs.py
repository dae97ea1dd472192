"""How long it takes to list 10,000 run folders: without an index, before one exists, with one, and after a change.

Run: python benchmarks/list_runs.py [RUNS]. It prints seconds (median and spread) and ratios to reading the folders, in
processor time, which other work on the machine does not change. Each run is done, with scores of 20 classes and a card.
The files are in the system's cache, as for a page that is drawn again; disk and network are not measured.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time, sleep
from unittest.mock import patch

from splitlab.atlas.tables import measured_results
from splitlab.checkpoints.checkpoint import Card
from splitlab.io import write_json
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import RunSpec
from splitlab.runs.store import SETTLED_NS, list_runs

RUNS, ROUNDS = 10_000, 5
DIRECT = "from the folders alone"
METRICS = ("ap50", "ap70", "ap75", "ap50_95")
CLASSES = [f"class {number}" for number in range(20)]


def make_runs(folder: Path, count: int) -> None:
    """Write finished runs as `experiment` leaves them, without their weights."""
    kind = {**dict.fromkeys(METRICS, 40.123456), "per_class": dict.fromkeys(CLASSES, 41.23456)}
    scores = {"mask": kind, "box": kind}
    for number in range(count):
        spec = RunSpec.of("VOC2012", 200 + number % 7, 1000, seed=number)
        run = RunFolder.create(folder / f"grid-{spec.data.full}-{spec.data.weak}-{spec.model}-seed{number}", spec, {})
        run.write_status(State.DONE, spec.steps, spec.steps)
        write_json(run.scores_path, scores)
        split = (spec.data.full, 1000, number, str(number))
        card = Card(run.name, spec.model, 224, CLASSES, "VOC2012", "", "", *split, 720, {}, scores)
        write_json(run.weights / "card.json", vars(card))


def measure(folder: Path, count: int, what: str, work: Callable[[], int]) -> None:
    """Alternate the four ways, so that other work on the machine affects all of them."""

    def forget() -> None:
        for index in folder.glob(".*-index.json"):
            index.unlink()

    def change_one() -> None:
        RunFolder(min(folder.glob("grid-*"))).write_status(State.DONE, 720, 720)

    def nothing() -> None:
        pass

    def direct() -> int:
        with (
            patch("splitlab.runs.store._read_index", lambda *_: {}),
            patch("splitlab.runs.store._write_index", lambda *_: None),
        ):
            return work()

    ways: dict[str, tuple[Callable[[], None], Callable[[], int]]] = {
        DIRECT: (nothing, direct),
        "no index yet (it is written)": (forget, work),
        "nothing changed": (nothing, work),
        "one run changed": (change_one, work),
    }
    times: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, (before, listing) in ways.items():
            before()
            wall, busy = perf_counter(), process_time()
            assert listing() == count
            times[way].append((perf_counter() - wall, process_time() - busy))
    print(f"{what}, {count:,} runs")
    for way, both in times.items():
        report(way, both, times[DIRECT])


def report(way: str, times: list[tuple[float, float]], direct: list[tuple[float, float]]) -> None:
    walls, busy = zip(*times, strict=True)
    ratios = sorted(theirs[1] / ours[1] for theirs, ours in zip(direct, times, strict=True))
    print(
        f"  {way}: {median(busy):.2f} s of processor time ({min(busy):.2f} to {max(busy):.2f}), {median(walls):.2f} s "
        f"({min(walls):.2f} to {max(walls):.2f}) by the clock; {median(ratios):.1f} times ({ratios[0]:.1f} to "
        f"{ratios[-1]:.1f}) less processor time than the folders alone"
    )


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
