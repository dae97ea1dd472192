"""Compare recipes on the same splits: what boxes bring with each, and the rules that choose the default.

Plan and rules were fixed before any run: docs/decisions/0904-recipe-experiment.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from splitlab.atlas.law import Interval
from splitlab.atlas.noise import SplitScores, split_scores
from splitlab.atlas.plans import Atlas
from splitlab.atlas.rows import COLUMNS, MeasuredRow
from splitlab.errors import BudgetError

RunKind = tuple[int, int, int, int]
"""|F|, |W|, steps, and images of F in a batch: runs of one kind differ by their seed alone."""

_KIND = ("full", "weak", "steps", "images_of_f")
_SEEDS = 3
_FALL_METRIC, _CHOICE_METRIC = "ap75", "ap70"
_FULL = (25, 100, 400)
_FALL_AT = 400
_HALF_OF_THE_FALL = -4.65
"""Half of the change of AP75 from 400/0 to 400/400 that one seed of the atlas had."""


@dataclass(frozen=True)
class Schedule:
    """Steps of a run and images of F in each of its batches."""

    steps: int
    images_of_f: int

    def kind(self, full: int, weak: int) -> RunKind:
        """Return the kind of the run of a split."""
        return full, weak, self.steps, self.images_of_f


_SHORT, _LONG = Schedule(480, 16), Schedule(1280, 16)
_AS_NOW, _LENGTHENED, _HALF_MASKS = Schedule(480, 6), Schedule(1280, 6), Schedule(960, 8)


@dataclass(frozen=True)
class Arm:
    """A recipe: its name, and the schedules of runs without and with boxes."""

    name: str
    without: Schedule
    mixed: Schedule


ARMS = (
    Arm("a: as now", _SHORT, _AS_NOW),
    Arm("b: equal mask views", _SHORT, _LENGTHENED),
    Arm("c: equal steps, long", _LONG, _LENGTHENED),
    Arm("d: equal mask views, half masks", _SHORT, _HALF_MASKS),
)
_A, _B, _C = ARMS[:3]


def recipe_runs(rows: Iterable[MeasuredRow], atlas: Atlas) -> pd.DataFrame:
    """Return the rows of an experiment's plans with the columns `steps` and `images_of_f` of their settings.

    Raises:
        BudgetError: If the rows are of different images, so that their scores cannot be compared.
    """
    rows = list(rows)
    specs = atlas.specs(rows[0].train_images) if rows else {}
    ours = [row for row in rows if row.spec_hash in specs]
    if len({(row.data_hash, row.test_hash) for row in ours}) > 1:
        raise BudgetError(f"The rows of '{atlas.name}' are of different images. Remove the older ones from its tables.")
    lengths = [{"steps": spec.steps, "images_of_f": spec.images_of_f} for spec in (specs[r.spec_hash] for r in ours)]
    table = [{**asdict(row), **length} for row, length in zip(ours, lengths, strict=True)]
    return pd.DataFrame(table, columns=[*COLUMNS, "steps", "images_of_f"])


def paired_differences(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return what all boxes bring, seed by seed: one row per arm, |F| and seed that has either run.

    Columns: arm, full, seed, `without` and `mixed` (the scores, NaN if not measured), and `difference`.

    Args:
        runs: Result of `recipe_runs`.
        metric: A column of AP.
    """
    scores = runs.set_index([*_KIND, "seed"])[metric]
    found = [
        {"arm": arm.name, "full": full, "seed": seed, "without": scores.get((*without, seed), math.nan),
         "mixed": scores.get((*mixed, seed), math.nan)}
        for arm in ARMS for full, without, mixed in _pairs(runs, arm) for seed in sorted(runs["seed"].unique())
    ]  # fmt: skip
    table = pd.DataFrame(found, columns=["arm", "full", "seed", "without", "mixed"])
    table["difference"] = table["mixed"] - table["without"]
    return table.dropna(subset=["without", "mixed"], how="all").reset_index(drop=True)


def box_gains(runs: pd.DataFrame, metric: str, looks: int = 1) -> pd.DataFrame:
    """Return what all boxes bring for the average seed: arm, full, difference, low and high of its interval.

    The interval covers 95 %, or with several `looks` so much that all of them hold at 95 % (Bonferroni).
    """
    fitted = split_scores(runs, metric, _KIND)
    found = [
        {"arm": arm.name, "full": full, **_renamed(_difference(fitted, [mixed], [without], looks))}
        for arm in ARMS
        for full, without, mixed in _pairs(runs, arm)
    ]
    return pd.DataFrame(found, columns=["arm", "full", "difference", "low", "high"])


def what_the_fall_was(tests: pd.DataFrame) -> str:
    """Say by the fixed rule whether AP75 falls from 400/0 to 400/400 because of the recipe.

    Args:
        tests: Result of `recipe_runs` on test images.
    """
    if not _complete(tests):
        return "not measured yet"
    first = _gain_at(tests, _A, looks=1)
    if first.high >= 0:
        return "no fall to explain"
    views, steps = _gain_at(tests, _B, looks=2), _gain_at(tests, _C, looks=2)
    gone = {
        "equal mask views": views.low > _HALF_OF_THE_FALL,
        "equal steps": steps.low > _HALF_OF_THE_FALL,
    }
    if any(gone.values()):
        return f"the recipe's, with {' and with '.join(name for name, is_gone in gone.items() if is_gone)}"
    if views.high < _HALF_OF_THE_FALL and steps.high < _HALF_OF_THE_FALL:
        return "not the recipe's"
    return "undecided"


def default_arm(choices: pd.DataFrame, fall: str) -> tuple[Schedule, Schedule] | None:
    """Choose the schedules without and with boxes by the fixed rule; None while runs are missing.

    Args:
        choices: Result of `recipe_runs` on validation images.
        fall: Result of `what_the_fall_was`.
    """
    if not _complete(choices):
        return None
    fitted = split_scores(choices, _CHOICE_METRIC, _KIND)
    splits = [(full, weak) for full, weak in _splits(choices) if weak]

    def better(one: Schedule, other: Schedule, among: Sequence[tuple[int, int]]) -> bool:
        ours, theirs = ([schedule.kind(*split) for split in among] for schedule in (one, other))
        return _difference(fitted, ours, theirs).low > 0

    if better(_LONG, _SHORT, [(full, 0) for full, _ in splits]):
        return _LONG, _LENGTHENED
    cheapest_first = (
        [_HALF_MASKS, _LENGTHENED] if fall.startswith("the recipe's") else [_AS_NOW, _HALF_MASKS, _LENGTHENED]
    )
    return _SHORT, next(
        one for one in cheapest_first if not any(better(other, one, splits) for other in cheapest_first if other != one)
    )


def _splits(runs: pd.DataFrame) -> list[tuple[int, int]]:
    return sorted({(int(full), int(weak)) for full, weak in zip(runs["full"], runs["weak"], strict=True)})


def _pairs(runs: pd.DataFrame, arm: Arm) -> list[tuple[int, RunKind, RunKind]]:
    """Return |F| with the kinds of its runs without and with boxes, most masks first."""
    mixed = [(full, weak) for full, weak in _splits(runs)[::-1] if weak]
    return [(full, arm.without.kind(full, 0), arm.mixed.kind(full, weak)) for full, weak in mixed]


def _complete(runs: pd.DataFrame) -> bool:
    """Return whether every arm has all seeds at every |F|."""
    found = paired_differences(runs, _FALL_METRIC)
    return len(found) == len(ARMS) * len(_FULL) * _SEEDS and bool(found["difference"].notna().all())


def _gain_at(runs: pd.DataFrame, arm: Arm, looks: int) -> Interval:
    without, mixed = next(kinds for full, *kinds in _pairs(runs, arm) if full == _FALL_AT)
    return _difference(split_scores(runs, _FALL_METRIC, _KIND), [mixed], [without], looks)


def _difference(fitted: SplitScores, ends: Sequence[RunKind], starts: Sequence[RunKind], looks: int = 1) -> Interval:
    """Return the mean of `ends` minus the mean of `starts`; NaN if a run is missing, or the noise is unknown."""
    if not {*ends, *starts} <= set(fitted.values.index):
        return Interval(math.nan, math.nan, math.nan)
    weights = {**dict.fromkeys(ends, 1 / len(ends)), **dict.fromkeys(starts, -1 / len(starts))}
    if not fitted.knows_noise:
        return Interval(sum(weight * fitted.values[kind] for kind, weight in weights.items()), math.nan, math.nan)
    contrast = fitted.contrast(weights).among(looks)
    return Interval(contrast.value, contrast.low, contrast.high)


def _renamed(interval: Interval) -> dict[str, float]:
    return {"difference": interval.value, "low": interval.low, "high": interval.high}
