"""Scores of splits with what runs share taken out: by hand, by textbook tests, and on made noise."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import null_space
from scipy.optimize import minimize
from scipy.stats import multivariate_normal, ttest_rel
from scipy.stats import t as student

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


FULL, WEAK = (25, 50, 100, 200), (0, 100, 200)


def grid_of(rng, seeds=3, of_masks=2.0, noise=1.0):
    """Scores of a whole grid without true differences, with luck of each seed and of its nested mask images."""
    rows = []
    for seed in range(seeds):
        luck, of_images = rng.normal(0, 5), rng.normal(0, of_masks * math.sqrt(FULL[0]), FULL[-1])
        rows += [
            (full, weak, seed, 50 + luck + of_images[:full].mean() + rng.normal(0, noise))
            for full in FULL for weak in WEAK
        ]  # fmt: skip
    return pd.DataFrame(rows, columns=["full", "weak", "seed", "ap70"])


def likeliest(rows):
    """The two variances by REML, another way: the likelihood of what the fixed effects leave."""
    split = pd.get_dummies(rows["full"].astype(str) + "/" + rows["weak"].astype(str)).to_numpy(float)
    seed = pd.get_dummies(rows["seed"]).to_numpy(float)
    left = null_space(np.hstack([split, seed]).T)
    sizes = rows["full"].to_numpy()
    luck = (FULL[0] / np.maximum(sizes[:, None], sizes)) * (rows["seed"].to_numpy()[:, None] == rows["seed"].to_numpy())

    def deviance(logs):
        of_masks, noise = np.exp(logs)
        covariance = left.T @ (of_masks * luck + noise * np.eye(len(rows))) @ left
        return -multivariate_normal.logpdf(left.T @ rows["ap70"].to_numpy(), cov=covariance)

    starts = [(1.0, 0.0), (-3.0, 0.0)]
    found = min((minimize(deviance, start, method="Nelder-Mead") for start in starts), key=lambda one: one.fun)
    return np.exp(found.x)


@pytest.mark.parametrize("seed", range(6))
def test_the_variances_are_those_of_a_direct_search_for_the_likeliest(seed):
    rows = grid_of(np.random.default_rng(seed))
    of_masks, noise = likeliest(rows)
    scores = split_scores(rows, "ap70", nested="full")
    assert scores.variances == pytest.approx([of_masks, noise], rel=0.01, abs=0.01)


def test_the_luck_of_masks_cancels_along_boxes_and_counts_along_masks():
    scores = split_scores(grid_of(np.random.default_rng(0), of_masks=4.0), "ap70", nested="full")
    along_boxes = scores.contrast({(25, 0): -1.0, (25, 200): 1.0})
    assert along_boxes.seed_error == pytest.approx(scores.deviation * math.sqrt(2 / 3))
    along_masks = scores.contrast({(25, 0): -1.0, (200, 0): 1.0})
    assert along_masks.seed_error > 2 * along_boxes.seed_error
    assert along_masks.freedom < along_boxes.freedom
    # One seed with every split, by hand: 25 masks have luck of variance 1, 200 an eighth, which they share.
    of_masks, noise = scores.variances
    assert along_masks.seed_variance == pytest.approx(2 * noise + (1 + 1 / 8 - 2 / 8) * of_masks)


@pytest.mark.parametrize(
    "weights",
    [
        {(25, 0): -1.0, (25, 200): 1.0},
        {(full, weak): sign / 3 for full, sign in ((25, -1.0), (200, 1.0)) for weak in WEAK},
        {(50, 0): -1.0, (25, 100): 1.0},
    ],
    ids=["along boxes", "along masks", "across"],
)
@pytest.mark.parametrize("of_masks", [0.0, 3.0])
def test_an_interval_misses_a_difference_of_nothing_about_as_seldom_as_it_says(weights, of_masks):
    rng = np.random.default_rng(2)
    missed = []
    for _ in range(200):
        found = split_scores(grid_of(rng, of_masks=of_masks), "ap70", nested="full").contrast(weights)
        missed.append(not found.low <= 0 <= found.high)
    # 5 % of 200, and three standard errors; it may be less.
    assert np.mean(missed) <= 0.1


def test_a_split_without_the_score_cannot_be_compared():
    scores = split_scores(grid_of(np.random.default_rng(0)), "ap70", nested="full")
    with pytest.raises(BudgetError, match=r"\(25, 7\) has no such score"):
        scores.contrast({(25, 0): -1.0, (25, 7): 1.0})


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
