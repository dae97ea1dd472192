"""Mix masks with boxes, or draw masks only: the rule 4k against exact searches, and the same by an AP surface."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from splitlab.budget.cost import CITYSCAPES, PRESETS, VOC2012, ImagePool, Prices, cost_hours
from splitlab.budget.law import PAPER_CURVES, EquiscoreLaw
from splitlab.budget.mix_or_masks import (
    by_law_in_words,
    by_surface_in_words,
    equal_score,
    mix_or_masks,
    share_by_law,
)
from splitlab.budget.planner import plan_for_score
from splitlab.budget.published import TRAINING_IMAGES, published_surface
from splitlab.errors import BudgetError

# Half of an even phi0 is a whole image.
laws = st.builds(EquiscoreLaw, k=st.floats(0.05, 5), phi0=st.integers(25, 1000).map(lambda half: 2.0 * half))
any_laws = st.builds(EquiscoreLaw, k=st.floats(0.05, 5), phi0=st.integers(50, 2000).map(float))
prices = st.builds(Prices, st.floats(1, 500), st.floats(1, 5000))
EVERYTHING = 10**6


def mixed_splits(law, images):
    """All whole numbers of masks in the range of the law, with the boxes of the curve, within the images."""
    low, high = law.valid_full
    full = np.arange(math.ceil(low), math.floor(high) + 1, dtype=np.float64)
    return full[full + law.weak(full) <= images]


@given(laws, prices)
def test_some_split_of_the_curve_beats_masks_alone_exactly_above_4k(law, own):
    full = mixed_splits(law, EVERYTHING)
    cheapest = cost_hours(full, law.weak(full), own).min()
    alone = cost_hours(law.phi0, 0, own)
    found = mix_or_masks(law, own, EVERYTHING)
    assert found.pays_above == pytest.approx(4 * law.k)
    assume(abs(own.mask_to_box / found.pays_above - 1) > 1e-9)
    assert (cheapest < alone) == found.pays == (own.mask_to_box > 4 * law.k)


@given(any_laws, prices, st.integers(50, 20_000))
def test_with_whole_boxes_and_few_images_the_search_agrees_but_for_one_box(law, own, images):
    full = mixed_splits(law, images)
    assume(full.size and law.phi0 <= images)
    found = mix_or_masks(law, own, images)
    costs = own.mask_seconds * full + own.box_seconds * np.ceil(law.weak(full) - 1e-9)
    alone = own.mask_seconds * law.phi0
    if costs.min() < alone * (1 - 1e-9):
        assert found.pays
    if costs.min() - own.box_seconds > alone * (1 + 1 / law.phi0):
        assert not found.pays


@given(any_laws, prices, st.integers(50, 20_000))
def test_the_share_of_the_cheapest_split_falls_below_one_where_mixing_begins_to_pay(law, own, images):
    assume(mixed_splits(law, images).size and law.phi0 <= images)
    found = mix_or_masks(law, own, images)
    assert share_by_law(law, images, found.pays_above) == pytest.approx(1, abs=1e-9)
    assert share_by_law(law, images, 1.01 * found.pays_above) < 1 < share_by_law(law, images, 0.99 * found.pays_above)


@given(any_laws, st.floats(1.001, 3.999))
def test_between_k_and_4k_the_tangent_point_lies_inside_but_costs_more_than_masks_alone(law, times):
    tau = math.sqrt(1 / times)
    assert 0.5 < tau < 1
    ratio = times * law.k
    assert ratio * tau + law.k / tau > ratio


def test_the_paper_s_three_curves_begin_to_pay_at_4_and_6_and_a_third_of_4():
    above = [mix_or_masks(c.law, PRESETS[c.dataset], TRAINING_IMAGES[c.dataset]).pays_above for c in PAPER_CURVES]
    assert above == pytest.approx([4, 4 / 3, 6])


def test_on_voc2012_a_segmenter_that_halves_the_ratio_to_two_makes_masks_alone_cheaper():
    law = PAPER_CURVES[0].law
    with_prompts, by_hand = mix_or_masks(law, Prices(7, 14), 10731), mix_or_masks(law, VOC2012, 10731)
    assert by_law_in_words(with_prompts).startswith(
        "at your price ratio of 2.0, draw masks only: mixing begins to pay above 4.0 (4k)"
    )
    assert "584/3,671, takes 77.7" in by_law_in_words(by_hand)
    assert by_hand.pays
    assert by_hand.masks_hours == pytest.approx(97.478)


def test_too_few_images_for_the_middle_of_the_curve_raise_the_ratio():
    law = PAPER_CURVES[0].law
    # F + W is 3,660 at half of phi0, and 3,468 where the curve stops at 0.55 phi0.
    found = mix_or_masks(law, VOC2012, 3500)
    assert 4 < found.pays_above < 4.05
    few = mix_or_masks(EquiscoreLaw(1 / 3, 1475), CITYSCAPES, 1720)
    assert few.pays_above == pytest.approx(4 / 3, rel=1e-3)


def test_where_masks_alone_are_more_than_all_images_mixing_is_the_only_way():
    law = EquiscoreLaw(0.05, 1000)
    found = mix_or_masks(law, Prices(1, 0.01), 900)
    assert found.pays
    assert "more than there are" in by_law_in_words(found)


def test_ratios_that_round_to_the_same_are_told_apart():
    told = by_law_in_words(mix_or_masks(EquiscoreLaw(1, 1464), Prices(1, 4.01), 10731))
    assert "4.010, mix: that pays above 4.000" in told


def test_too_few_images_for_any_mixed_split_get_a_sentence():
    with pytest.raises(BudgetError, match="within 1,000 images"):
        mix_or_masks(PAPER_CURVES[0].law, VOC2012, 1000)


@pytest.fixture(scope="module")
def fitted():
    return published_surface("VOC2012", "YOLOv5", "ap70")


@pytest.mark.parametrize("ratio", [0.5, 1.8, 2.0, 4.0, 6.3, 12.0])
@pytest.mark.parametrize("pool", [ImagePool(10731), ImagePool(10731, 300, 1000), ImagePool(2200)])
def test_the_share_by_the_surface_is_that_of_a_search_of_all_whole_splits(fitted, pool, ratio):
    found = equal_score(fitted, 50.0, pool)
    full = np.arange(pool.full, pool.images + 1)
    weak = np.ceil(fitted.surface.weak_for(50.0, full))
    within = full + weak <= pool.images
    own = Prices(1, ratio)
    hours = pool.new_hours(full[within], weak[within], own)
    alone = full[within & (weak <= pool.weak)].min()
    assert found.masks == alone
    share = hours.min() / pool.new_hours(alone, pool.weak, own)
    assert found.share(ratio) == pytest.approx(share, abs=0.002)
    assert (found.share(ratio) < 1 - 1e-9) == (ratio > found.pays_above)


def test_the_cheapest_split_of_the_share_is_the_plan_for_the_score(fitted):
    pool, own = ImagePool(10731), Prices(19.6, 39.2)
    plan = plan_for_score(fitted, own, 50.0, pool).best
    found = equal_score(fitted, 50.0, pool)
    assert (plan.full, plan.weak) == (1586, 160)
    assert plan.hours == pytest.approx(found.share(2.0) * cost_hours(found.full[-1], 0, own), rel=1e-3)
    assert "0.1% less than 1,668 images with masks alone" in by_surface_in_words(found, 2.0)
    assert "1,668 images with masks alone are the cheapest way to AP 50.0" in by_surface_in_words(found, 1.0)


def test_labels_that_reach_the_score_already_leave_nothing_to_compare(fitted):
    assert equal_score(fitted, 40.0, ImagePool(10731, 400, 5000)) is None


def test_a_score_that_only_masks_on_all_images_reach_is_said_to_be_one(fitted):
    best = float(fitted.surface.ap(800, 0))
    found = equal_score(fitted, best, ImagePool(800))
    assert math.isinf(found.pays_above)
    assert found.share(100.0) == 1
    assert "only 800 images with masks alone reach" in by_surface_in_words(found, 100.0)
    with pytest.raises(BudgetError, match="out of reach with masks on all 800 images"):
        equal_score(fitted, best + 1, ImagePool(800))
