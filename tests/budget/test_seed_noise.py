"""Scores of splits with what runs share taken out: by hand, by textbook tests, and on made noise."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student
from scipy.stats import ttest_rel

from splitlab.atlas.noise import split_scores
from splitlab.errors import BudgetError


def table(*runs):
    """Rows of (full, seed, score); no boxes."""
    return pd.DataFrame(runs, columns=["full", "seed", "ap70"]).assign(weak=0)


def change(scores, start, end):
    """The contrast from one split to another."""
    return scores.contrast({start: -1.0, end: 1.0})


def test_two_splits_with_two_seeds_are_compared_as_by_hand():
    # Seed 1 is 3 lower on average: 10 and 6, 20 and 18.
    scores = split_scores(table((1, 0, 10.0), (1, 1, 6.0), (2, 0, 20.0), (2, 1, 18.0)), "ap70")
    assert scores.values.tolist() == pytest.approx([8.0, 19.0])
    # What is left over is half a point in every run: 1 in all, for one degree of freedom.
    assert scores.deviation == pytest.approx(1.0)
    found = change(scores, (1, 0), (2, 0))
    assert (found.value, found.freedom) == pytest.approx((11.0, 1))
    assert found.margin == pytest.approx(12.706, abs=0.01)


def test_a_split_with_one_seed_is_told_with_the_average_seed():
    scores = split_scores(table((1, 0, 10.0), (1, 1, 6.0), (2, 0, 20.0), (2, 1, 16.0), (3, 0, 30.0)), "ap70")
    assert scores.values[3, 0] == pytest.approx(28.0)
    assert scores.deviation == pytest.approx(0.0, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), seeds=st.integers(3, 8))
def test_the_margin_of_two_splits_is_that_of_the_paired_t_test(seed, seeds):
    first, second = np.random.default_rng(seed).normal(50, 5, (2, seeds))
    rows = [(1, at, one) for at, one in enumerate(first)] + [(2, at, one) for at, one in enumerate(second)]
    scores = split_scores(table(*rows), "ap70")
    paired = ttest_rel(second, first)
    found = change(scores, (1, 0), (2, 0))
    assert found.freedom == pytest.approx(paired.df)
    assert found.value / found.seed_error == pytest.approx(paired.statistic)
    assert found.margin == pytest.approx(student.ppf(0.975, paired.df) * found.seed_error)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), luck=st.floats(-20, 20))
def test_a_seeds_luck_changes_no_difference_and_no_noise(seed, luck):
    rng = np.random.default_rng(seed)
    runs = [(full, at, float(rng.normal(full, 2))) for full in range(6) for at in range(2 if full < 4 else 1)]
    plain = split_scores(table(*runs), "ap70")
    moved = split_scores(table(*[(full, at, score + luck * at) for full, at, score in runs]), "ap70")
    assert moved.deviation == pytest.approx(plain.deviation, rel=1e-6)
    assert np.diff(moved.values) == pytest.approx(np.diff(plain.values), abs=1e-6)


def test_a_margin_is_passed_by_noise_as_seldom_as_it_says():
    rng = np.random.default_rng(1)
    passed = []
    for _ in range(600):
        luck = rng.normal(0, 5, 2)
        runs = [(full, at, luck[at] + rng.normal()) for full in range(7) for at in range(2 if full < 5 else 1)]
        scores = split_scores(table(*runs), "ap70")
        found = change(scores, (0, 0), (6, 0))
        passed.append(abs(found.value) > found.margin)
    # 5 % of 600, give or take three standard errors.
    assert np.mean(passed) == pytest.approx(0.05, abs=0.027)


def test_a_margin_grows_with_comparisons_and_with_the_error_of_images_and_shrinks_with_seeds():
    runs = [(full, at, 10.0 * full + at + 0.3 * full * at) for full in (1, 2, 3) for at in (0, 1)]
    scores = split_scores(table(*runs, (4, 0, 40.0), (5, 0, 50.0)), "ap70")
    both, one = change(scores, (1, 0), (2, 0)), change(scores, (4, 0), (5, 0))
    assert both.margin < one.margin
    assert one.margin == pytest.approx(both.margin * math.sqrt(2))
    assert both.margin < both.among(10).margin
    images = scores.contrast({(1, 0): -1.0, (2, 0): 1.0}, np.eye(5))
    assert images.image_error == pytest.approx(math.sqrt(2))
    # Images that all splits share cancel.
    shared = scores.contrast({(1, 0): -1.0, (2, 0): 1.0}, np.ones((5, 5)))
    assert both.margin == pytest.approx(shared.margin)
    with pytest.raises(BudgetError, match="0 comparisons"):
        both.among(0)


def split_plot(rng, fulls=4, weaks=3, seeds=3, of_masks=4.0, noise=1.0):
    """Scores of a whole grid with luck of each seed and of its masks, and no true differences."""
    luck, masks = rng.normal(0, 5, seeds), rng.normal(0, of_masks, (seeds, fulls))
    return pd.DataFrame(
        [
            {"full": full, "weak": weak, "seed": seed,
             "ap70": 50 + luck[seed] + masks[seed, full] + rng.normal(0, noise)}
            for full in range(fulls) for weak in range(weaks) for seed in range(seeds)
        ]
    )  # fmt: skip


def strata(rows):
    """Mean squares of the split-plot analysis of variance: seed x |F|, and what is left."""
    table = rows.pivot_table(index=["full", "weak"], columns="seed", values="ap70")
    rest = table.sub(table.mean(axis=1), axis=0)
    of_masks = rest.groupby("full").mean().sub(rest.mean())
    weaks, (fulls, seeds) = rows["weak"].nunique(), of_masks.shape
    left = rest - rest.groupby("full").transform("mean")
    between, within = (fulls - 1) * (seeds - 1), fulls * (weaks - 1) * (seeds - 1)
    return weaks * (of_masks**2).to_numpy().sum() / between, between, (left**2).to_numpy().sum() / within, within


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_whole_grid_is_analysed_as_a_split_plot(seed):
    rows = split_plot(np.random.default_rng(seed))
    between, of_between, within, of_within = strata(rows)
    if between <= within:  # the variance of the masks' luck would be negative
        return
    scores = split_scores(rows, "ap70", shared=("full",))
    along_boxes = scores.contrast({(1, 0): -1.0, (1, 2): 1.0})
    assert along_boxes.seed_error**2 == pytest.approx(2 * within / 3, rel=1e-3)
    assert along_boxes.freedom == pytest.approx(of_within, rel=1e-2)
    row = {(full, weak): sign / 3 for full, sign in ((0, -1.0), (3, 1.0)) for weak in range(3)}
    along_masks = scores.contrast(row)
    assert along_masks.seed_error**2 == pytest.approx(2 * between / 9, rel=1e-3)
    assert along_masks.freedom == pytest.approx(of_between, rel=1e-2)


@pytest.mark.parametrize(
    "weights",
    [
        {(0, 0): -1.0, (0, 2): 1.0},
        {(full, weak): sign / 3 for full, sign in ((0, -1.0), (3, 1.0)) for weak in range(3)},
    ],
    ids=["along boxes", "along masks"],
)
@pytest.mark.parametrize("of_masks", [0.0, 4.0])
def test_an_interval_misses_a_difference_of_nothing_as_seldom_as_it_says(weights, of_masks):
    rng = np.random.default_rng(2)
    missed = []
    for _ in range(300):
        found = split_scores(split_plot(rng, of_masks=of_masks), "ap70", shared=("full",)).contrast(weights)
        missed.append(not found.low <= 0 <= found.high)
    # 5 % of 300, give or take three standard errors.
    assert np.mean(missed) == pytest.approx(0.05, abs=0.038)


@pytest.mark.parametrize(
    "rows",
    [
        table(),
        table((1, 0, 10.0), (2, 0, 20.0)),
        table((1, 0, 10.0), (1, 1, 11.0), (2, 0, 20.0)),
        # Two seeds that share no split: their luck cannot be told from that of the splits.
        table((1, 0, 10.0), (1, 1, 11.0), (2, 0, 20.0), (2, 1, 21.0), (3, 2, 30.0), (4, 2, 40.0)),
    ],
    ids=["none", "one seed", "one pair", "seeds apart"],
)
def test_with_too_few_pairs_nobody_knows_what_a_difference_means(rows):
    scores = split_scores(rows, "ap70")
    assert not scores.knows_noise
    with pytest.raises(BudgetError, match="two seeds"):
        _ = scores.errors


def test_runs_without_the_score_are_left_out():
    scores = split_scores(table((1, 0, 10.0), (1, 1, 12.0), (2, 0, math.nan)), "ap70")
    assert list(scores.values.index) == [(1, 0)]
