"""Measured tables that are made, not measured: what holds on them is known by construction."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from splitlab.atlas.grid import Grid, measured_grid
from splitlab.atlas.rows import MeasuredRow
from tests.experiments.atlas_tools import row

IMAGES = 800
FULL, WEAK = (25, 50, 100, 200, 400), (0, 100, 200, 400)
SPLITS = [(full, weak) for full in FULL for weak in dict.fromkeys([*WEAK, IMAGES - full])]
MIDDLE = [(full, weak) for full in (50, 100, 200) for weak in (100, 200, 400)]
RUNS = [(*split, 0) for split in SPLITS] + [(*split, 1) for split in MIDDLE]

Score = Callable[[int, int], float]
NO_LUCK: Mapping[int, float] = MappingProxyType({})


def rising(full: int, weak: int) -> float:
    """A score that rises with both sizes, and most where neither is small."""
    return 20 + 8 * np.log10(full) + 14 * np.log10(1 + (full + weak) / 40)


def fewer_wrong(_full: int, weak: int) -> float:
    return 0.30 - 0.05 * np.log10(1 + weak)


def better_masks(full: int, _weak: int) -> float:
    return 0.60 + 0.08 * np.log10(full)


def key(full: int, weak: int, seed: int) -> str:
    return f"{full}-{weak}-{seed}"


PLANNED = {key(*run): run for run in RUNS}


def made_row(
    run: tuple[int, int, int],
    ap: Score = rising,
    confusion: Score = fewer_wrong,
    iou: Score = better_masks,
    noise: float = 0.1,
    width: float = 0.004,
    luck: Mapping[int, float] = NO_LUCK,
) -> MeasuredRow:
    """One row; the score strays by `noise` AP (a hundredth of it for shares), the same on every call.

    Every run of a seed has its `luck` in AP on top.
    """
    full, weak, seed = run
    stray = noise * np.random.default_rng([full, weak, seed]).standard_normal(3)
    score = float(np.clip(ap(full, weak) + stray[0] + luck.get(seed, 0.0), 0, 100))
    wrong = float(np.clip(confusion(full, weak) + stray[1] / 100, 0, 1))
    mask = float(np.clip(iou(full, weak) + stray[2] / 100, 0, 1))
    made = row(full=full, weak=weak, seed=seed, spec_hash=key(*run), train_images=IMAGES, ap70=score)
    made = replace(made, class_confusion=wrong, class_confusion_low=wrong - width, class_confusion_high=wrong + width)
    return replace(made, mask_iou=mask, mask_iou_low=mask - width, mask_iou_high=mask + width)


def made_grid(runs=RUNS, extra=(), **scores) -> Grid:
    grid = measured_grid([made_row(run, **scores) for run in [*runs, *extra]], PLANNED, "ap70")
    assert grid is not None
    return grid
