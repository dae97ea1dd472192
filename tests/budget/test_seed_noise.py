"""Scores of splits with the luck of their seeds taken out: by hand, by the paired t test, and on made noise."""

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


def test_two_splits_with_two_seeds_are_compared_as_by_hand():
    # Seed 1 is 3 lower on average: 10 and 6, 20 and 18.
    scores = split_scores(table((1, 0, 10.0), (1, 1, 6.0), (2, 0, 20.0), (2, 1, 18.0)), "ap70")
    assert scores.values.tolist() == pytest.approx([8.0, 19.0])
    assert scores.freedom == 1
    # What is left over is half a point in every run: 1 in all, for one degree of freedom.
    assert scores.deviation == pytest.approx(1.0)
    assert scores.margin((1, 0), (2, 0), 1) == pytest.approx(12.706, abs=0.01)


def test_a_split_with_one_seed_is_told_with_the_average_seed():
    scores = split_scores(table((1, 0, 10.0), (1, 1, 6.0), (2, 0, 20.0), (2, 1, 16.0), (3, 0, 30.0)), "ap70")
    assert scores.values[3, 0] == pytest.approx(28.0)
    assert scores.deviation == pytest.approx(0.0, abs=1e-9)
    assert scores.freedom == 1


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), seeds=st.integers(3, 8))
def test_the_margin_of_two_splits_is_that_of_the_paired_t_test(seed, seeds):
    first, second = np.random.default_rng(seed).normal(50, 5, (2, seeds))
    rows = [(1, at, one) for at, one in enumerate(first)] + [(2, at, one) for at, one in enumerate(second)]
    scores = split_scores(table(*rows), "ap70")
    paired = ttest_rel(second, first)
    change = scores.values[2, 0] - scores.values[1, 0]
    error = scores.margin((1, 0), (2, 0), 1) / student.ppf(0.975, scores.freedom)
    assert scores.freedom == paired.df
    assert change / error == pytest.approx(paired.statistic)


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
        passed.append(abs(scores.values[6, 0] - scores.values[0, 0]) > scores.margin((0, 0), (6, 0), 1))
    # 5 % of 600, give or take three standard errors.
    assert np.mean(passed) == pytest.approx(0.05, abs=0.027)


def test_a_margin_grows_with_comparisons_and_with_the_error_of_images_and_shrinks_with_seeds():
    runs = [(full, at, 10.0 * full + at + 0.3 * full * at) for full in (1, 2, 3) for at in (0, 1)]
    scores = split_scores(table(*runs, (4, 0, 40.0), (5, 0, 50.0)), "ap70")
    both, one = scores.margin((1, 0), (2, 0), 1), scores.margin((4, 0), (5, 0), 1)
    assert both < one
    assert one == pytest.approx(both * math.sqrt(2))
    assert both < scores.margin((1, 0), (2, 0), 10)
    assert both < scores.margin((1, 0), (2, 0), 1, image_error=1.0)
    with pytest.raises(BudgetError, match="0 comparisons"):
        scores.margin((1, 0), (2, 0), 0)


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
