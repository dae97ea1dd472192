import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from splitlab.budget.cost import CITYSCAPES, VOC2012, ImagePool, Prices, cost_hours
from splitlab.budget.fit import FittedSurface
from splitlab.budget.planner import FLAT_LOSS, best_splits, budget_line, forecast_split, plan_for_hours, plan_for_score
from splitlab.budget.published import published_surface
from splitlab.budget.surface import ApSurface
from splitlab.errors import BudgetError

VOC_POOL = ImagePool(10731)


@pytest.fixture(scope="module")
def voc():
    return published_surface("VOC2012", "YOLOv5", "ap70")


def on_surface(surface):
    return FittedSurface(surface, np.array([200.0]), np.array([1000.0]), surface.ap([200.0], [1000.0]))


fitted_surfaces = st.builds(
    on_surface,
    st.builds(
        ApSurface,
        level=st.floats(-3, 2),
        log_mask_gain=st.floats(-3, 0),
        log_image_gain=st.floats(-3, 0),
        log_knee=st.floats(4, 8),
        saturation=st.floats(0, 1.5),
        mixing_loss=st.one_of(st.just(0.0), st.floats(0, 2)),
    ),
)
prices = st.builds(Prices, st.floats(5, 300), st.floats(30, 2000))
pools = st.builds(
    lambda images, full, weak: ImagePool(images, int(full * images), int(weak * (images - int(full * images)))),
    st.integers(1, 2000),
    st.floats(0, 0.5),
    st.floats(0, 1),
)
hours = st.floats(0, 300)


def brute_force_best(fitted, own, budget, pool):
    """Every split of the images, one by one: the best score the budget can pay for."""
    best = -1.0
    for full in range(pool.full, pool.images + 1):
        weak = np.arange(pool.images - full + 1)
        cost = cost_hours(full - pool.full, np.maximum(weak - pool.weak, 0), own)
        payable = weak[cost <= budget + 1e-9]
        if payable.size:
            best = max(best, float(fitted.surface.ap(full, payable).max()))
    return best


@given(fitted_surfaces, prices, st.floats(0, 30), st.integers(1, 60), st.integers(0, 20), st.integers(0, 20))
@settings(max_examples=40)
def test_no_split_of_the_images_that_the_budget_pays_for_beats_the_plan(fitted, own, budget, images, full, weak):
    assume(full + weak <= images)
    pool = ImagePool(images, full, weak)
    assume(full or budget * 3600 >= own.mask_seconds)
    plan = plan_for_hours(fitted, own, budget, pool)
    assert plan.best.ap == pytest.approx(brute_force_best(fitted, own, budget, pool))


@given(fitted_surfaces, prices, hours, pools)
def test_a_plan_never_exceeds_its_budget_or_its_images_and_keeps_the_masks_there_are(fitted, own, budget, pool):
    assume(pool.full or budget * 3600 >= own.mask_seconds)
    plan = plan_for_hours(fitted, own, budget, pool)
    for split in vars(plan).values():
        assert split.hours <= budget + 1e-6
        assert split.full + split.weak <= pool.images
        assert split.full >= pool.full
        assert split.weak >= min(pool.weak, pool.images - split.full) or split.weak == 0
        assert split.low <= split.ap <= split.high
        assert split.ap <= plan.best.ap
    assert plan.fewest_flat.full <= plan.best.full <= plan.most_flat.full


@given(fitted_surfaces, prices, hours, st.floats(0, 100), pools)
def test_a_larger_budget_never_scores_less(fitted, own, budget, more, pool):
    assume(pool.full or budget * 3600 >= own.mask_seconds)
    smaller, larger = (plan_for_hours(fitted, own, b, pool).best.ap for b in (budget, budget + more))
    assert larger >= smaller - 1e-9


@given(fitted_surfaces, prices, st.floats(1, 99), pools)
def test_the_hours_for_a_score_reach_it_and_a_little_less_do_not(fitted, own, target, pool):
    assume(float(fitted.surface.ap(pool.images, 0)) >= target + 1e-6)
    plan = plan_for_score(fitted, own, target, pool)
    assert plan.best.ap >= target - 1e-6
    short = plan.best.hours - 1e-3
    if short > 0 and (pool.full or short * 3600 >= own.mask_seconds):
        assert plan_for_hours(fitted, own, short, pool).best.ap < target + 1e-6


@given(fitted_surfaces, prices, st.floats(0.05, 0.999), st.integers(1, 40), st.integers(0, 15), st.integers(0, 15))
@settings(max_examples=40)
def test_no_split_of_the_images_reaches_a_score_for_fewer_hours_than_the_plan(fitted, own, share, images, full, weak):
    assume(full + weak <= images)
    pool, target = ImagePool(images, full, weak), share * float(fitted.surface.ap(images, 0))
    assume(0.01 < target < 99.9)
    masks, boxes = (axis.ravel() for axis in np.meshgrid(np.arange(full, images + 1), np.arange(images + 1)))
    reaches = (masks + boxes <= images) & (fitted.surface.ap(masks, boxes) >= target)
    least = pool.new_hours(masks[reaches], boxes[reaches], own).min()
    assert plan_for_score(fitted, own, target, pool).best.hours <= least + 1e-6


def test_where_boxes_cost_more_than_they_give_a_plan_has_masks_alone_and_where_masks_are_few_it_has_boxes():
    fitted = on_surface(ApSurface(-0.5, -1.2, -0.9, 6.0, 0.2, mixing_loss=0.5))
    own = Prices(box_seconds=10, mask_seconds=400)
    many, few = (plan_for_hours(fitted, own, budget, ImagePool(1000)).best for budget in (100, 4))
    assert many.weak == 0
    assert few.weak > 0


def test_80_hours_on_voc2012_are_best_spent_near_the_paper_s_800_3000_and_forecast_its_score(voc):
    plan = plan_for_hours(voc, VOC2012, 80, VOC_POOL)
    assert 500 < plan.best.full < 800
    assert 2500 < plan.best.weak < 4500
    assert plan.best.hours == pytest.approx(80, abs=0.02)
    assert plan.best.ap == pytest.approx(50.4, abs=0.5)
    assert not plan.best.extrapolates


def test_both_extremes_of_80_hours_lose_about_three_ap_as_observation_1_says(voc):
    plan = plan_for_hours(voc, VOC2012, 80, VOC_POOL)
    assert plan.fewest_masks.full == 200
    assert plan.most_masks.weak < 7
    assert plan.best.ap - plan.fewest_masks.ap > 2
    assert plan.best.ap - plan.most_masks.ap > 2


def test_every_split_between_the_ends_of_the_flat_region_loses_at_most_half_an_ap_and_those_beside_lose_more(voc):
    plan = plan_for_hours(voc, VOC2012, 80, VOC_POOL)
    line = budget_line(voc, VOC2012, 80, VOC_POOL, points=10**6)
    flat = line["full"].between(plan.fewest_flat.full, plan.most_flat.full)
    assert (line.loc[flat, "ap"] >= plan.best.ap - FLAT_LOSS).all()
    assert (line.loc[~flat, "ap"] < plan.best.ap - FLAT_LOSS).all()
    assert line["ap"].max() == plan.best.ap


def test_on_cityscapes_the_images_end_the_boxes():
    city = published_surface("Cityscapes", "YOLOv5", "ap50_95")
    best = plan_for_hours(city, CITYSCAPES, 250, ImagePool(2975)).best
    assert best.full + best.weak == 2975


def test_labels_already_paid_for_cost_nothing_again(voc):
    paid = ImagePool(10731, full=400, weak=5000)
    assert plan_for_hours(voc, VOC2012, 0, paid).best == forecast_split(voc, VOC2012, 400, 5000, paid)
    assert plan_for_hours(voc, VOC2012, 0, paid).best.hours == 0
    more = plan_for_hours(voc, VOC2012, 20, paid).best
    assert more.hours == pytest.approx(20, abs=0.02)
    assert more.full >= 400
    assert more.weak >= 5000


def test_when_every_image_is_labelled_box_images_get_masks(voc):
    best = plan_for_hours(voc, VOC2012, 10, ImagePool(1000, full=200, weak=800)).best
    assert (best.full, best.weak) == (350, 650)
    assert best.hours == pytest.approx(150 * 239.7 / 3600)


def test_the_curve_of_best_splits_rises_with_the_budget(voc):
    curve = best_splits(voc, VOC2012, [10, 40, 80, 160], VOC_POOL)
    assert curve["ap"].is_monotonic_increasing
    assert (curve["hours"] <= curve["budget"]).all()
    assert curve.loc[2, "full"] == plan_for_hours(voc, VOC2012, 80, VOC_POOL).best.full


def test_a_budget_line_runs_from_no_mask_to_all_masks_with_an_interval_at_each_point(voc):
    line = budget_line(voc, VOC2012, 80, VOC_POOL, points=50)
    assert len(line) == 50
    assert line["full"].iloc[[0, -1]].tolist() == [0, 1201]
    assert (line["low"] <= line["ap"]).all()
    assert (line["hours"] <= 80 + 1e-6).all()


def test_a_score_out_of_reach_is_answered_with_what_all_images_would_give(voc):
    with pytest.raises(
        BudgetError, match=r"score of 90 is out of reach: masks on all 10,731 images are expected to give 6"
    ):
        plan_for_score(voc, VOC2012, 90, VOC_POOL)


def test_a_budget_below_one_mask_is_refused_with_the_price_of_a_mask(voc):
    with pytest.raises(BudgetError, match=r"0\.05 hours do not pay for the masks of one image \(239\.7 s\)"):
        plan_for_hours(voc, VOC2012, 0.05, VOC_POOL)


@pytest.mark.parametrize("budget", [-1, float("nan"), float("inf"), 1e300])
def test_a_budget_that_is_no_number_of_hours_is_refused(voc, budget):
    with pytest.raises(BudgetError, match="give a number of hours from 0 to 1,000,000,000,000"):
        plan_for_hours(voc, VOC2012, budget, VOC_POOL)


@pytest.mark.parametrize("split", [(400, 10400), (100, 0)])
def test_a_split_that_cannot_be_labelled_is_not_forecast(voc, split):
    with pytest.raises(BudgetError, match="cannot be labelled"):
        forecast_split(voc, VOC2012, *split, ImagePool(10731, full=200))


def test_a_split_with_fewer_masks_than_there_are_is_refused_with_the_number_of_masks_alone(voc):
    with pytest.raises(BudgetError, match="60/120 cannot be labelled: 100 images already have masks") as caught:
        forecast_split(voc, VOC2012, 60, 120, ImagePool(180, full=100))
    assert "180" not in str(caught.value)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [((0,), "images is 0"), ((10, -1), "full is -1"), ((10, 0, -1), "weak is -1"), ((10, 6, 5), "more than the 10")],
)
def test_a_pool_that_cannot_be_is_refused(numbers, message):
    with pytest.raises(BudgetError, match=message):
        ImagePool(*numbers)
