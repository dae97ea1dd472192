"""What the planner's splits lose against the best affordable split, and what simple rivals lose.

    python benchmarks/planner_rivals.py --pilots 3
    python benchmarks/planner_rivals.py --pilots 10 --csv src/splitlab/budget/tables/planner_rivals.csv

Projects, pilots and rules are those of docs/decisions/0108-planner-against-rivals.md, the truths those of `truths.py`.
Three pilots of each kind take about four minutes. Every pilot run trains a subset of labels that exist.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm
from truths import FALL, HELD_BACK, SHAPES

from splitlab.budget.cost import ImagePool, Prices
from splitlab.budget.fit import FittedSurface, fit_surface
from splitlab.budget.next_step import next_run
from splitlab.budget.planner import plan_for_hours
from splitlab.budget.published import TRAINING_IMAGES, published_surface
from splitlab.budget.surface import Floats

Split = tuple[int, int]
TRUTHS = {**SHAPES, **HELD_BACK}


@dataclass(frozen=True)
class Project:
    """The images to plan for, and the numbers of mask and box images that pilot runs may train on."""

    pool: ImagePool
    full: int
    weak: int


PROJECTS: Mapping[str, Project] = {
    "first labels": Project(ImagePool(1200, full=100, weak=300), 100, 300),
    "labelled before": Project(ImagePool(1200), 400, 800),
}
TASKS = [
    (Prices(3600 / ratio, 3600, f"1:{ratio:g}"), float(masks))
    for ratio, masks in product((1.5, 6.3, 20.0), (50, 150, 400))
]
"""Prices at which the masks of an image take an hour, and the next hours."""

CELLS = ((0.5, 0.7), (1.0, 0.7), (2.0, 1.0), (2.8, 1.2), (3.5, 1.7), (4.0, 1.0))
"""Standard deviations of the effect of a seed and of a run, AP."""

NEW_SPLITS: Mapping[int, int] = {4: 3, 6: 4, 8: 5, 12: 8}
"""Number of different splits in a pilot of so many runs; the other runs repeat the first ones with new seeds."""

SHARES = np.array([(1, 1), (1, 0), (1 / 6, 1), (1 / 6, 0), (0.4, 0.3), (0.4, 1), (1, 0.3), (1 / 6, 0.3)])
"""The splits of a pilot in order, as shares of the masks and boxes it may train on."""

MOST_RUNS = 12


def half_and_half(pool: ImagePool, prices: Prices, hours: float) -> Split:
    """Spend half of the next hours on masks."""
    full, _ = pool.affordable(hours, prices)
    return _nearest(pool, prices, hours, np.abs(full - pool.full - prices.masks_for(hours / 2)))


def paper_ratio(pool: ImagePool, prices: Prices, hours: float) -> Split:
    """Label 5.5 box images for each mask image, as near as the hours allow; the paper says 1:4 to 1:7."""
    full, weak = pool.affordable(hours, prices)
    return _nearest(pool, prices, hours, np.abs(np.log((weak + 1) / np.maximum(full, 0.5) / 5.5)))


def masks_alone(pool: ImagePool, prices: Prices, hours: float) -> Split:
    """Spend all hours on masks and train on them alone."""
    full, _ = pool.affordable(hours, prices)
    return int(full[-1]), 0


def published_tables(pool: ImagePool, prices: Prices, hours: float) -> Split:
    """Plan by the paper's table."""
    best = plan_for_hours(_published(), prices, hours, pool).best
    return best.full, best.weak


def nearest_row(pool: ImagePool, prices: Prices, hours: float) -> Split:
    """Spend the share on masks that the best published row spends, of those that cost no more on as many images."""
    rows, scale = _published(), pool.images / TRAINING_IMAGES["VOC2012"]
    masks, boxes = scale * rows.full * prices.mask_seconds, scale * rows.weak * prices.box_seconds
    spent = hours * 3600 + pool.full * prices.mask_seconds + pool.weak * prices.box_seconds
    affordable = masks + boxes <= spent
    best = int(np.where(affordable, rows.ap, -1).argmax() if affordable.any() else (masks + boxes).argmin())
    full, weak = pool.affordable(hours, prices)
    shares = full * prices.mask_seconds / np.maximum(full * prices.mask_seconds + weak * prices.box_seconds, 1)
    return _nearest(pool, prices, hours, np.abs(shares - masks[best] / (masks + boxes)[best]))


RIVALS: Mapping[str, Callable[[ImagePool, Prices, float], Split]] = {
    "planner, published tables": published_tables,
    "half and half": half_and_half,
    "1:5.5": paper_ratio,
    "nearest published row": nearest_row,
    "masks alone": masks_alone,
}


def _published() -> FittedSurface:
    return published_surface("VOC2012", "YOLOv5", "ap70")


def _nearest(pool: ImagePool, prices: Prices, hours: float, distance: Floats) -> Split:
    full, weak = pool.affordable(hours, prices)
    at = int(distance.argmin())
    return int(full[at]), int(weak[at])


@cache
def best_score(shape: str, project: str, task: int) -> float:
    """Return the highest true score of all splits that the hours pay for, with any part of the boxes."""
    full, most = PROJECTS[project].pool.affordable(TASKS[task][1], TASKS[task][0])
    full, most = full[full > 0], most[full > 0]
    weak = np.arange(PROJECTS[project].pool.images + 1, dtype=np.float64)
    scores = TRUTHS[shape](full[:, np.newaxis].astype(np.float64), weak)
    return float(np.where(weak <= most[:, np.newaxis], scores, -np.inf).max())


class Training:
    """Trains runs of one pilot: the true score, the luck of each seed, and noise."""

    def __init__(self, shape: str, cell: tuple[float, float], rng: np.random.Generator) -> None:
        self.truth, (luck, self.noise), self.rng = TRUTHS[shape], cell, rng
        self.luck = rng.normal(0, luck, MOST_RUNS)
        self.spread = float(np.hypot(*cell))
        self.runs: list[tuple[float, float, float, int]] = []

    def run(self, full: float, weak: float, seed: int) -> None:
        """Train one run."""
        score = float(self.truth(np.float64(full), np.float64(weak))) + self.luck[seed] + self.rng.normal(0, self.noise)
        self.runs.append((full, weak, float(np.clip(score, 0, 100)), seed))

    def fitted(self) -> FittedSurface:
        """Fit the surface to all runs so far."""
        return fit_surface(*zip(*self.runs, strict=True))

    def row(self, fitted: FittedSurface, shape: str, project: str, task: int) -> dict[str, object]:
        """Judge the plan of a fit: its regret, and whether its intervals hold a new run and the mean."""
        best = plan_for_hours(fitted, *TASKS[task], PROJECTS[project].pool).best
        true = float(self.truth(np.float64(best.full), np.float64(best.weak)))
        mean = fitted.forecast_mean(best.full, best.weak)
        return {
            "regret": best_score(shape, project, task) - true,
            "new_run": norm.cdf((best.high - true) / self.spread) - norm.cdf((best.low - true) / self.spread),
            "mean": float(mean.low <= true <= mean.high),
            "width": best.high - best.low,
            "runs": len(self.runs),
        }


def pilot_splits(project: Project, runs: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the splits of a pilot, shape (runs, 2), and its seeds: splits with one seed first, then new seeds."""
    new = NEW_SPLITS[runs]
    splits = np.round(SHARES * [project.full, project.weak])
    return np.concatenate([splits[:new], splits[: runs - new]]), np.r_[np.zeros(new, int), 1 : runs - new + 1]


def pilots(number: int) -> Iterator[dict[str, object]]:
    """Judge the plans of pilots of each size: one row per pilot and task."""
    for (project, at), (order, shape), cell, runs in product(PROJECTS.items(), enumerate(TRUTHS), CELLS, NEW_SPLITS):
        rng = np.random.default_rng([order, CELLS.index(cell), runs])
        for _ in range(number):
            training = Training(shape, cell, rng)
            for split, seed in zip(*pilot_splits(at, runs), strict=True):
                training.run(*split, int(seed))
            fitted = training.fitted()
            of = _row_of(project, shape, cell, f"planner, {runs} runs")
            yield from (of | {"task": task} | training.row(fitted, shape, project, task) for task in range(len(TASKS)))


def rounds(number: int) -> Iterator[dict[str, object]]:
    """Judge the plans of pilots that train what `next_run` proposes until it says stop: one task for each pilot."""
    for (project, at), (order, shape), cell in product(PROJECTS.items(), enumerate(TRUTHS), CELLS):
        rng = np.random.default_rng([order, CELLS.index(cell), 99])
        for task in rng.integers(0, len(TASKS), number).tolist():
            training = Training(shape, cell, rng)
            training.run(at.full, at.weak, 0)
            training.run(at.full, 0, 0)
            fitted, seeds = training.fitted(), 1
            while len(training.runs) < MOST_RUNS:
                advice = next_run(fitted, *TASKS[task], at.pool)
                if advice.stops:
                    break
                training.run(advice.full, advice.weak, seeds if advice.new_seed else 0)
                seeds += advice.new_seed
                fitted = training.fitted()
            of = _row_of(project, shape, cell, "planner, runs until stop")
            yield of | {"task": task} | training.row(fitted, shape, project, task)


def rivals() -> Iterator[dict[str, object]]:
    """Judge the rivals, which train nothing: one row per shape and task."""
    for project, shape, task, name in product(PROJECTS, TRUTHS, range(len(TASKS)), RIVALS):
        full, weak = RIVALS[name](PROJECTS[project].pool, *TASKS[task])
        true = float(TRUTHS[shape](np.float64(full), np.float64(weak)))
        regret = best_score(shape, project, task) - true
        yield _row_of(project, shape, (np.nan, np.nan), name) | {"task": task, "regret": regret, "runs": 0}


def _row_of(project: str, shape: str, cell: tuple[float, float], strategy: str) -> dict[str, object]:
    return {"project": project, "shape": shape, "luck": cell[0], "noise": cell[1], "strategy": strategy}


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each project, group of shapes and strategy: regret in AP, coverage 0..1, mean runs."""
    groups = {
        "all": rows,
        "looked at": rows[rows["shape"].isin(SHAPES)],
        "held back": rows[rows["shape"].isin(HELD_BACK)],
    }
    tables = [
        part.groupby(["project", "strategy"], sort=False)
        .agg(
            runs=("runs", "mean"),
            mean_regret=("regret", "mean"),
            worst_regret=("regret", "max"),
            new_run=("new_run", "mean"),
            mean=("mean", "mean"),
            width=("width", "mean"),
        )
        .join(
            part[part["shape"].isin(FALL)]
            .groupby(["project", "strategy"])["regret"]
            .mean()
            .rename("regret_if_boxes_hurt")
        )
        .reset_index()
        .assign(shapes=name)
        for name, part in groups.items()
    ]
    table = pd.concat(tables, ignore_index=True)
    return table[["project", "shapes", *table.columns.difference(["project", "shapes"], sort=False)]].round(3)


def main() -> None:
    """Print the tables."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--pilots", type=int, default=3, help="pilots of each kind, shape and noise")
    words.add_argument("--csv", type=Path, help="write the summary here")
    chosen = words.parse_args()
    rows = pd.DataFrame([*rivals(), *pilots(chosen.pilots), *rounds(chosen.pilots)])
    table = summary(rows)
    print(table.to_string(index=False))
    for name, shapes in (("looked at", SHAPES), ("held back", HELD_BACK)):
        part = rows[rows["shape"].isin(shapes)]
        cells = part[part["luck"].notna()]
        print(f"\nMean regret, AP, shapes {name}\n")
        print(
            part.pivot_table(index="strategy", columns=["project", "shape"], values="regret", sort=False)
            .round(2)
            .T.to_string()
        )
        print(f"\nShare of new runs inside the 90% interval, shapes {name}\n")
        print(
            cells.pivot_table(index=["project", "luck", "noise"], columns="strategy", values="new_run", sort=False)
            .round(2)
            .to_string()
        )
    if chosen.csv:
        table.to_csv(chosen.csv, index=False)


if __name__ == "__main__":
    main()
