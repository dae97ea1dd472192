"""Whether the planner's 90 % interval holds a new run with a new seed, on made truths and on the measured pairs."""

import math

import numpy as np
import pytest
from benchmarks import truths
from scipy.stats import norm

from splitlab.atlas.rows import read_rows
from splitlab.budget.fit import fit_surface
from splitlab.workspace import _MEASURED

GRID = np.array([(full, weak) for full in (25, 50, 100, 200, 400) for weak in (0, 100, 200, 400, 800)], dtype=float)
SHAPES = {
    name: {**truths.SHAPES, **truths.HELD_BACK}[name]
    for name in ("power laws", "saturating", "not monotone in W", "interaction", "two steps")
}
EMBEDDED_NOISE, PUBLISHED_NOISE = (3.5, 1.7), (1.0, 0.7)
"""Standard deviations of a seed's luck and of a run's noise, AP."""


def share_inside(truth, luck, noise, seed, rng):
    """The share of new runs with new seeds inside the interval, computed, not drawn; and the interval's mean width."""
    full, weak = GRID[rng.permutation(len(GRID))[: len(seed)]].T
    of_seed = rng.normal(0, luck, max(seed) + 1)
    scores = truth(full, weak) + of_seed[seed] + rng.normal(0, noise, len(seed))
    fitted = fit_surface(full, weak, np.clip(scores, 0, 100), seed)
    new = GRID[~fitted.extrapolates(*GRID.T)].T
    forecast, expected = fitted.forecast(*new), truth(*new)
    below, above = ((end - expected) / math.hypot(luck, noise) for end in (forecast.low, forecast.high))
    return np.mean(norm.cdf(above) - norm.cdf(below)), np.mean(forecast.high - forecast.low)


@pytest.mark.parametrize("spreads", [EMBEDDED_NOISE, PUBLISHED_NOISE])
@pytest.mark.parametrize("shape", SHAPES)
def test_one_seed_forecasts_a_new_seed_in_85_percent_of_cases_or_more(shape, spreads):
    rng = np.random.default_rng(3)
    pilots = [share_inside(SHAPES[shape], *spreads, [0] * runs, rng) for runs in (8, 12, 20) for _ in range(4)]
    inside, width = np.mean(pilots, axis=0)
    assert inside >= 0.85
    assert width < 25


def test_luck_far_above_the_noise_is_covered_too():
    # Lucks weighed as a normal distribution does: few pilots stand for many.
    lucks = np.array([-2.0, -1.2, -0.4, 0.4, 1.2, 2.0])
    rng = np.random.default_rng(5)
    inside = [_share_for_luck(shape, luck, rng) for shape in SHAPES.values() for luck in lucks]
    weights = np.tile(norm.pdf(lucks), len(SHAPES))
    assert np.average(inside, weights=weights) >= 0.88


def _share_for_luck(truth, luck, rng):
    full, weak = GRID[rng.permutation(len(GRID))[:12]].T
    scores = truth(full, weak) + 4 * luck + rng.normal(0, 1, 12)
    fitted = fit_surface(full, weak, scores, np.zeros(12))
    new = GRID[~fitted.extrapolates(*GRID.T)].T
    forecast, expected = fitted.forecast(*new), truth(*new)
    below, above = ((end - expected) / math.hypot(4, 1) for end in (forecast.low, forecast.high))
    return np.mean(norm.cdf(above) - norm.cdf(below))


def test_runs_of_a_seed_each_need_no_borrowed_luck():
    rng = np.random.default_rng(4)
    shapes = list(SHAPES.values())
    own = [share_inside(shape, *EMBEDDED_NOISE, list(range(12)), rng) for shape in shapes for _ in range(3)]
    inside, width = np.mean(own, axis=0)
    assert inside >= 0.82
    one_seed = [share_inside(shape, *EMBEDDED_NOISE, [0] * 12, rng)[1] for shape in shapes for _ in range(3)]
    assert width < np.mean(one_seed)


@pytest.mark.parametrize("metric", ["ap50", "ap70", "ap75"])
def test_the_first_seed_of_the_embedded_atlas_forecasts_the_second(metric):
    rows = read_rows(_MEASURED / "embedded.csv")
    pilot, new = [row for row in rows if row.seed == 0][:24], [row for row in rows if row.seed == 1]
    columns = [[getattr(row, name) for row in pilot] for name in ("full", "weak", metric, "seed")]
    forecast = fit_surface(*columns).forecast([row.full for row in new], [row.weak for row in new])
    scores = np.array([getattr(row, metric) for row in new])
    assert len(new) == 12
    assert ((scores >= forecast.low) & (scores <= forecast.high)).sum() >= 10


def measured(name, seeds):
    rows = [row for row in read_rows(_MEASURED / f"{name}.csv") if row.seed in seeds and row.model.startswith("yolo")]
    return [[getattr(row, column) for row in rows] for column in ("full", "weak", "ap70", "seed")]


def test_pairs_of_seeds_tell_how_far_a_new_seed_lies_off():
    embedded, pets = (fit_surface(*measured(name, (0, 1))).luck for name in ("embedded", "pets"))
    assert embedded.freedom > 2.8
    assert embedded.deviation > pets.deviation
    difference = embedded.of_runs[-1] - embedded.of_runs[0]
    assert difference == pytest.approx(-4.5, abs=1)


def test_luck_that_all_runs_of_a_seed_share_is_not_taken_for_noise():
    full, weak, ap, seed = measured("embedded", (0,))
    twice = fit_surface(full * 2, weak * 2, ap + [score - 6 for score in ap], seed + [1] * len(seed))
    once = fit_surface(full, weak, ap, seed)
    assert twice.noise < 1.15 * once.noise
    assert fit_surface(full * 2, weak * 2, ap + [score - 6 for score in ap]).noise > 1.3 * once.noise


def test_noise_is_estimated_with_the_fit_and_misfit_counts_as_noise():
    rng = np.random.default_rng(0)
    full, weak = GRID.T
    smooth = fit_surface(full, weak, SHAPES["saturating"](full, weak) + rng.normal(0, 3, full.size))
    jumps = fit_surface(full, weak, 50 + 8 * (weak == 200) + 0.01 * full)
    assert smooth.noise == pytest.approx(3, rel=0.35)
    assert smooth.fit_noise == pytest.approx(smooth.noise, rel=0.01)
    assert jumps.noise > 2


def test_models_that_find_little_cannot_differ_by_much():
    full, weak = GRID.T
    few = fit_surface(full, weak, 3 + full / 200, [0] * full.size)
    assert few.luck.deviation <= 0.5
    nothing = fit_surface(full, weak, 0 * full, [0] * full.size).forecast(100, 100)
    assert 0 <= nothing.low <= nothing.ap <= nothing.high < 5


def test_without_seeds_nothing_of_a_new_seed_is_in_the_interval():
    full, weak, ap, seed = measured("embedded", (0,))
    unknown, known = fit_surface(full, weak, ap), fit_surface(full, weak, ap, seed)
    assert unknown.luck is None
    assert np.ptp([unknown.forecast(100, 100).low, unknown.forecast(100, 100).high]) < 0.7 * np.ptp(
        [known.forecast(100, 100).low, known.forecast(100, 100).high]
    )


@pytest.mark.slow
@pytest.mark.parametrize("spreads", [(0.5, 0.7), EMBEDDED_NOISE])
def test_a_pilot_with_repeats_by_new_seeds_covers_new_seeds(spreads):
    rng = np.random.default_rng(6)
    full, weak = np.array([(400, 800), (400, 0), (67, 800), (67, 0), (160, 240), (400, 800), (400, 0), (67, 800)]).T
    seed = np.array([0, 0, 0, 0, 0, 1, 2, 3])
    inside = []
    for truth in SHAPES.values():
        for _ in range(20):
            scores = truth(full * 1.0, weak * 1.0) + rng.normal(0, spreads[0], 4)[seed] + rng.normal(0, spreads[1], 8)
            forecast, expected = fit_surface(full, weak, scores, seed).forecast(*GRID.T), truth(*GRID.T)
            spread = math.hypot(*spreads)
            inside.append(norm.cdf((forecast.high - expected) / spread) - norm.cdf((forecast.low - expected) / spread))
    assert np.mean(inside) >= 0.85
