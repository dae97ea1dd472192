"""What stands beside a plan: its limit, the best trained split, and where boxes lower the score."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from splitlab.budget.cost import CITYSCAPES, MAX_IMAGES, VOC2012, ImagePool, Prices
from splitlab.budget.fit import fit_surface
from splitlab.budget.plan_answer import answer_for_hours, answer_for_score
from splitlab.budget.plan_in_words import plan_limit
from splitlab.budget.planner import plan_for_hours
from splitlab.budget.published import MAIN_METRIC, published_surface
from splitlab.budget.trained_splits import Fall, _trained_splits, best_for_hours, cheapest_for_score, falls, results_of
from splitlab.errors import BudgetError

VOC = published_surface("VOC2012", "YOLOv5", "ap70")
POOL = ImagePool(10731)


def table(*rows, columns=("full", "weak", "ap")):
    return pd.DataFrame(rows, columns=columns)


def answer(hours, pool, fitted=VOC):
    return answer_for_hours(fitted, results_of(fitted), "published", VOC2012, hours, pool)


def best_ap(hours, pool, prices=VOC2012):
    return plan_for_hours(VOC, prices, hours, pool).best.ap


@given(
    st.integers(1, 3000),
    st.floats(0, 0.5),
    st.floats(0, 1),
    st.floats(0, 400),
    st.builds(Prices, st.floats(5, 300), st.floats(30, 2000)),
)
@settings(max_examples=60)
def test_what_limits_a_plan_is_what_would_raise_its_score(images, full, weak, hours, prices):
    pool = ImagePool(images, int(full * images), int(weak * (images - int(full * images))))
    assume(pool.full or hours * 3600 >= prices.mask_seconds)
    best = plan_for_hours(VOC, prices, hours, pool).best
    limit = plan_limit(VOC, prices, hours, pool, best)
    more_images = best_ap(hours, ImagePool(MAX_IMAGES, pool.full, pool.weak), prices)
    more_hours = best_ap(hours + 10 * prices.mask_seconds / 3600, pool, prices)
    assert (more_hours > best.ap) == (limit.by != "images")
    if limit.by == "hours":
        assert more_images == best.ap
    if limit.by == "hours and images":
        assert more_images == limit.with_more_images.ap > best.ap
    assert limit.hours_left == pytest.approx(hours - best.hours, abs=1e-6)
    assert limit.images_left == images - best.full - best.weak


@given(st.integers(1, 3000), st.floats(0.1, 300))
@settings(max_examples=60)
def test_from_spends_from_on_every_split_spends_the_hours_or_labels_no_image_more(images, hours):
    pool = ImagePool(images)
    spends_from = plan_limit(VOC, VOC2012, hours, pool, plan_for_hours(VOC, VOC2012, hours, pool).best).spends_from
    full, weak = pool.affordable(hours, VOC2012)
    left = hours - pool.new_hours(full, weak, VOC2012)
    spends = left < VOC2012.mask_seconds / 3600
    assert (spends[full >= spends_from] | (full[full >= spends_from] == images)).all()
    assert not spends[full < spends_from].any()
    assert (full + weak)[full < spends_from].tolist() == [images] * int((full < spends_from).sum())


@pytest.mark.parametrize(
    ("hours", "pool", "limited_by", "told"),
    [
        (80, POOL, "hours", "6,659 of 10,731 images stay without a label"),
        (80, ImagePool(3000), "hours and images", "all but 3 of 3,000 images get a label"),
        (80, ImagePool(4072), "hours", "they are just enough to label all 4,072 images"),
        (80, ImagePool(4071), "hours and images", "With more images, the same hours are expected to give 50.4"),
        (80, ImagePool(1), "images", "masks on the only image leave 79.9 hours unspent"),
        (80, ImagePool(500), "images", "masks on all 500 images leave 46.7 hours unspent"),
        (1000 * 239.7 / 3600, ImagePool(1000), "images", "masks on all 1,000 images take all the hours"),
        (10, ImagePool(1000, 200, 800), "hours and images", "masks replace boxes"),
        (80, ImagePool(1000, 1000), "images", "all 1,000 images already have masks"),
        (80, ImagePool(1, 1), "images", "the only image already has masks"),
        (0, ImagePool(10731, 400, 5000), "hours", "5,331 of 10,731 images stay without a label"),
    ],
)
def test_a_plan_names_its_limit(hours, pool, limited_by, told):
    found = answer(hours, pool)
    assert found.limited_by == limited_by
    assert told in found.limit_told


def test_an_extreme_that_costs_less_than_the_hours_is_told_with_its_own():
    told = answer(80, ImagePool(3000)).ways_told
    assert "200/2,800 (43.0 hours) gives 44.2, 1,201/3 gives 47.3" in told
    assert "hours)" not in answer(80, POOL).ways_told


def test_one_split_alone_has_no_extremes_and_no_flat_region():
    assert answer(80, ImagePool(1)).ways_told == ""


def test_a_score_that_takes_every_image_is_limited_by_the_images_too():
    few = answer_for_score(VOC, results_of(VOC), "published", VOC2012, 50, ImagePool(3000))
    assert few.limited_by == "score and images"
    assert few.plan.best.hours > 77
    enough = answer_for_score(VOC, results_of(VOC), "published", VOC2012, 50, POOL)
    assert enough.limited_by == "score"
    assert "images stay without a label" in enough.limit_told


def test_a_score_beyond_the_pool_is_refused_and_a_trained_split_that_reached_it_is_named():
    rows = table((50, 400, 40.0), (100, 400, 50.0), (400, 0, 63.0), (400, 400, 56.0))
    fitted = fit_surface(rows["full"], rows["weak"], rows["ap"])
    with pytest.raises(BudgetError, match=r"out of reach.* However, 400/0 .* scored 63\.0 for 26\.6 hours"):
        answer_for_score(fitted, rows, "own", VOC2012, 62.9, ImagePool(420))
    with pytest.raises(BudgetError, match="Ask for less, or find more images"):
        answer_for_score(fitted, rows, "own", VOC2012, 95, ImagePool(800))


@pytest.mark.parametrize(
    ("dataset", "method", "prices"),
    [("VOC2012", "YOLOv5", VOC2012), ("VOC2012", "DETR", VOC2012), ("Cityscapes", "YOLOv5", CITYSCAPES)],
)
@pytest.mark.parametrize("hours", [80, 190, 620])
def test_no_published_split_that_costs_no_more_scores_more_than_the_one_told(dataset, method, prices, hours):
    fitted = published_surface(dataset, method, MAIN_METRIC[dataset])
    pool = ImagePool(10731 if dataset == "VOC2012" else 2975)
    trained = best_for_hours(results_of(fitted), prices, hours, pool)
    cost = (fitted.full * prices.mask_seconds + fitted.weak * prices.box_seconds) / 3600
    assert trained.ap == max(fitted.ap[cost <= hours])
    assert trained.hours <= hours


def test_a_split_that_shows_the_hours_asked_for_is_paid_for_by_them():
    rows = table((400, 0, 63.0), (100, 400, 60.0))
    assert best_for_hours(rows, VOC2012, 26.6, ImagePool(800)).full == 400  # it costs 26.633 hours
    assert best_for_hours(rows, VOC2012, 26.5, ImagePool(800)).full == 100
    assert best_for_hours(rows, VOC2012, 0.1, ImagePool(800)) is None


def test_a_trained_split_needs_images_and_labels_there_are_cost_nothing():
    rows = table((400, 0, 63.0), (100, 400, 60.0))
    assert best_for_hours(rows, VOC2012, 30, ImagePool(450)).full == 400
    assert best_for_hours(rows, VOC2012, 30, ImagePool(300)) is None
    have = ImagePool(800, full=300, weak=100)
    assert [split.hours for split in _trained_splits(rows, VOC2012, have)] == pytest.approx(
        [100 * 239.7 / 3600, 100 * 38.1 / 3600]
    )
    assert cheapest_for_score(rows, VOC2012, 60, have).full == 100


def test_splits_are_compared_by_the_seeds_they_share():
    rows = table((400, 0, 60.0, 0), (100, 400, 62.0, 0), (100, 400, 50.0, 1), columns=("full", "weak", "ap", "seed"))
    best = best_for_hours(rows, VOC2012, 40, ImagePool(800))
    assert (best.full, best.ap, best.runs) == (100, 62.0, 1)
    apart = rows.assign(seed=[2, 0, 1])
    assert best_for_hours(apart, VOC2012, 40, ImagePool(800)).full == 400


def test_a_better_trained_split_is_told_with_its_lead_over_the_advice():
    rows = table((50, 400, 40.0), (100, 400, 50.0), (400, 0, 63.0), (400, 400, 56.0), (25, 0, 28.0))
    fitted = fit_surface(rows["full"], rows["weak"], rows["ap"])
    found = answer_for_hours(fitted, rows, "own", VOC2012, 26.6, ImagePool(800))
    lead = round(63.0 - round(found.plan.best.ap, 1), 1)
    assert lead > 1
    assert f"400/0: it scored 63.0 for 26.6 hours. That is {lead:.1f} AP more than expected" in found.trained_told


def test_where_no_hours_are_to_spend_no_trained_split_is_told():
    rows = table((50, 400, 40.0), (100, 400, 50.0), (400, 400, 56.0), (25, 0, 28.0))
    fitted = fit_surface(rows["full"], rows["weak"], rows["ap"])
    every_mask = ImagePool(800, full=800)
    assert answer_for_hours(fitted, rows, "own", VOC2012, 10, every_mask).trained_told == ""


def grid(slope_of, noise, shift=5.0):
    """Scores of a grid: a level for each |F|, a slope in ln(1 + W/F), a shift for the second seed, and noise."""
    splits = pd.MultiIndex.from_product([slope_of, (0, 100, 200, 400), (0, 1)], names=["full", "weak", "seed"])
    rows = splits.to_frame(index=False)
    growth = rows["full"].map(slope_of) * np.log1p(rows["weak"] / rows["full"])
    luck = noise * np.random.default_rng(3).normal(size=len(rows)) - shift * rows["seed"]
    return rows.assign(ap=40 + 2.5 * np.log(rows["full"]) + growth + luck)


def test_a_fall_with_boxes_is_found_where_it_is_and_nowhere_else():
    found = falls(grid({50: 5.0, 100: 3.0, 400: -9.0}, noise=1.0))
    assert [(fall.full, fall.weak, fall.more_weak) for fall in found] == [(400, 0, 400)]
    assert found[0].ap > found[0].more_ap


def test_a_fall_is_told_by_scores_of_the_same_seeds_and_so_is_one_that_luck_hides():
    rows = grid({50: 3.0, 100: 3.0, 400: -9.0}, noise=0.3, shift=14.0)
    # Seed 0 is the lucky one; at 400 masks it lacks the run without boxes, and seed 1 that with the most.
    of_first = (rows["full"] == 400) & (rows["weak"] == 0) & (rows["seed"] == 0)
    of_last = (rows["full"] == 400) & (rows["weak"] == 400) & (rows["seed"] == 1)
    one_more, two_seeds, no_common = rows[~of_first], rows[~of_last], rows[~of_first & ~of_last]
    for told in (one_more, two_seeds, no_common):
        (fall,) = falls(told)
        assert fall.full == 400
        assert fall.ap - fall.more_ap == pytest.approx(9 * np.log(2), abs=1)


def test_a_fall_that_noise_explains_is_not_reported():
    assert falls(grid({50: 5.0, 100: 3.0, 400: -1.0}, noise=3.0)) == ()


def test_the_luck_of_a_seed_is_no_fall():
    rows = grid({50: 0.5, 100: 0.5, 200: 0.5, 400: 0.5}, noise=0.2, shift=8.0)
    # The unlucky seed has the most boxes at 400 masks, and one other split.
    second = (rows["full"] == 400) & (rows["weak"] == 400)
    rows = rows[(rows["seed"] == second) | ((rows["full"] == 50) & (rows["weak"] == 0))]
    assert falls(rows) == ()
    assert [fall.full for fall in falls(rows.drop(columns="seed"))] == [400]


def test_level_scores_are_called_a_fall_one_time_in_ten():
    rng = np.random.default_rng(0)
    rows = grid({50: 0.0, 100: 0.0, 200: 0.0, 400: 0.0}, noise=0.0)
    alarms = sum(bool(falls(rows.assign(ap=rows["ap"] + rng.normal(0, 2, len(rows))))) for _ in range(300))
    assert 0.05 < alarms / 300 < 0.15


def test_without_two_numbers_of_boxes_beside_one_of_masks_there_is_no_fall():
    assert falls(table((50, 0, 40.0), (100, 400, 30.0))) == ()


def test_no_published_model_falls_with_boxes():
    for dataset, method, metric in (("VOC2012", "YOLOv5", "ap70"), ("Cityscapes", "YOLOv5", "ap50_95")):
        assert falls(results_of(published_surface(dataset, method, metric))) == ()


def test_a_fall_is_told_beside_the_plan():
    rows = grid({50: 5.0, 100: 3.0, 400: -9.0}, noise=1.0)
    fitted = fit_surface(rows["full"], rows["weak"], rows["ap"])
    found = answer_for_hours(fitted, rows, "own", VOC2012, 20, ImagePool(800))
    assert isinstance(found.falls[0], Fall)
    assert any("more boxes lower the score at 400 masks" in caveat for caveat in found.caveats)
