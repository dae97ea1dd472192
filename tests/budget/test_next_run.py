"""Which run of a pilot to train next, and when to stop."""

import numpy as np
import pytest
from benchmarks.truths import SHAPES

from splitlab.budget.cost import VOC2012, ImagePool
from splitlab.budget.fit import fit_surface
from splitlab.budget.next_step import LEAST_GAIN, LEAST_NARROWING, _gains, _payable, advice_in_words, next_run
from splitlab.budget.planner import plan_for_hours
from splitlab.errors import BudgetError

POOL, HOURS = ImagePool(1200, full=100, weak=300), 10.0
FIRST = [(100, 300, 45.0, 0), (100, 0, 40.0, 0)]


def fitted(runs):
    return fit_surface(*zip(*runs, strict=True))


def trained(shape, runs, noise, rng):
    """Train what is advised until the advice is to stop, at most so many runs."""
    luck, rows = rng.normal(0, noise, 20), []

    def train(full, weak, seed):
        score = SHAPES[shape](np.float64(full), np.float64(weak)) + luck[seed] + rng.normal(0, noise)
        rows.append((full, weak, float(score), seed))

    train(100, 300, 0)
    train(100, 0, 0)
    while len(rows) < runs:
        advice = next_run(fitted(rows), VOC2012, HOURS, POOL)
        if advice.stops:
            return rows, True
        train(advice.full, advice.weak, max(row[3] for row in rows) + 1 if advice.new_seed else 0)
    return rows, False


@pytest.mark.parametrize("shape", ["power laws", "lost views, strong"])
def test_rounds_of_advice_end_after_several_seeds_and_splits_with_the_advice_to_stop(shape):
    runs, stops = trained(shape, 14, 0.7, np.random.default_rng(1))
    assert stops
    assert 4 <= len(runs) <= 12
    assert len({seed for *_, seed in runs}) > 1
    assert len({split[:2] for split in runs}) > 2


def test_the_advised_run_needs_only_labels_there_are():
    advice = next_run(fitted(FIRST), VOC2012, HOURS, POOL)
    assert 0 < advice.full <= 100
    assert advice.full + advice.weak <= 400
    assert not advice.stops


def test_labels_of_trained_splits_count_even_if_the_pool_states_none():
    stated, unstated = (next_run(fitted(FIRST), VOC2012, HOURS, pool) for pool in (POOL, ImagePool(1200)))
    assert stated.full <= 100
    assert unstated.full + unstated.weak <= 400


def test_after_a_few_splits_with_one_seed_a_second_seed_is_advised():
    one_seed = [*FIRST, (25, 300, 33.0, 0), (25, 0, 24.0, 0), (50, 150, 38.0, 0)]
    advice = next_run(fitted(one_seed), VOC2012, HOURS, POOL)
    assert advice.new_seed
    assert (advice.full, advice.weak) in {run[:2] for run in one_seed}
    assert "with a new seed" in advice_in_words(advice)


def test_a_new_seed_that_scores_as_the_first_narrows_the_interval_about_as_promised():
    one_seed = [*FIRST, (25, 300, 33.0, 0), (25, 0, 24.0, 0), (50, 150, 38.0, 0)]
    advice = next_run(fitted(one_seed), VOC2012, HOURS, POOL)
    typical = fitted(one_seed).luck.deviation
    after = fitted([*one_seed, (advice.full, advice.weak, 45.0 + typical, 1)])
    best = plan_for_hours(after, VOC2012, HOURS, POOL).best
    assert best.high - best.low == pytest.approx(advice.width_now - advice.narrowing, rel=0.2)


def test_the_expected_gain_of_a_run_is_that_of_many_drawn_surfaces():
    fit, runs = fitted([*FIRST, (25, 300, 33.0, 0)]), np.array([(25, 0)])
    full, weak = _payable(VOC2012, HOURS, POOL)
    rng = np.random.default_rng(0)
    size = fit.shape_size
    drawn = rng.multivariate_normal(np.zeros(size), fit.covariance[:size, :size], 20_000)
    score = drawn @ fit.slopes(25, 0) + rng.normal(0, fit.noise, len(drawn))
    splits = drawn @ fit.slopes(full, weak).T
    # What the score of the run says of each split: regression of the drawn surfaces on the drawn scores.
    moved = np.outer(score, score @ splits / (score @ score)) + fit.surface.ap(full, weak)
    expected = moved.max(axis=1).mean() - fit.surface.ap(full, weak).max()
    assert _gains(fit, runs, full, weak)[0] == pytest.approx(expected, rel=0.1, abs=0.02)


def test_the_advice_to_stop_names_the_least_that_is_worth_a_run():
    runs, _ = trained("power laws", 14, 0.7, np.random.default_rng(1))
    told = advice_in_words(next_run(fitted(runs), VOC2012, HOURS, POOL))
    assert told.startswith("**Stop here.**")
    assert f"less than {LEAST_GAIN:g} AP" in told
    assert f"less than {LEAST_NARROWING:g} AP" in told


def test_if_all_splits_are_trained_with_unknown_seeds_more_labels_are_asked_for():
    with pytest.raises(BudgetError, match="no split of the 1 mask and 0 box images is left to train"):
        next_run(fit_surface([1], [0], [20]), VOC2012, HOURS, ImagePool(1200))
