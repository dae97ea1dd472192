"""Label prices: the shipped figures, presets made of them, and prices per object or in money."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitlab.budget.cost import CITYSCAPES, VOC2012, ImagePool, Prices
from splitlab.budget.label_prices import (
    MONEY_PER_HOUR,
    OBJECTS_PER_IMAGE,
    SECONDS,
    LabelPrices,
    price_figures,
    price_preset,
    price_presets,
)
from splitlab.budget.planner import plan_for_hours
from splitlab.budget.published import published_surface
from splitlab.errors import BudgetError

positive = st.floats(0.01, 1000)


def test_every_figure_has_a_source_a_year_and_a_range():
    figures = price_figures()
    assert len(figures) == 23 + 10
    for figure in figures.values():
        assert figure.source
        assert figure.seen_in
        assert 2000 < figure.year < 2030
        assert 0 < figure.low <= figure.high
        assert figure.per
    assert {figure.unit for figure in figures.values()} == {SECONDS, "USD", "AUD"}


def test_what_was_read_in_another_text_than_its_own_is_marked():
    for figure in price_figures().values():
        if " via " in figure.source or figure.source.startswith("via ") or "derived" in figure.source:
            assert figure.second_hand, figure.id
            assert "second-hand" in figure.in_words()
    assert not price_figures()["sam1"].second_hand
    assert "second-hand" not in price_figures()["sam1"].in_words()


def test_the_presets_of_the_paper_are_the_prices_of_table_1():
    assert price_preset("VOC2012").prices.per_image() == VOC2012
    assert price_preset("cityscapes").prices.per_image() == CITYSCAPES


@pytest.mark.parametrize("dataset", [VOC2012, CITYSCAPES])
def test_the_objects_of_an_image_explain_both_prices_of_table_1(dataset):
    objects = OBJECTS_PER_IMAGE[dataset.name]
    assert dataset.mask_seconds - dataset.box_seconds == pytest.approx(objects * (79 - 7))


def test_the_presets_have_the_ratios_that_their_sources_give():
    ratios = {name: round(preset.ratio, 1) for name, preset in price_presets().items()}
    assert ratios == {
        "voc2012": 6.3,
        "cityscapes": 10.9,
        "coco-polygon": 2.3,
        "extreme-clicks": 11.3,
        "sam": 2.0,
        "verify": 0.3,
        "google": 3.9,
        "welabeldata": 14.2,
        "ai-taggers": 4.8,
    }


def test_a_preset_pairs_figures_of_one_unit():
    for preset in price_presets().values():
        assert preset.box.unit == preset.mask.unit
        assert preset.prices.in_money == (preset.mask.unit != SECONDS)
        assert preset.mask.source in preset.sources()


def test_prices_of_an_object_are_multiplied_by_the_objects_of_an_image():
    assert price_preset("sam").prices.per_image(2.8) == Prices(7 * 2.8, 14 * 2.8, "SAM-assisted mask")
    assert price_preset("voc2012").prices.per_image(2.8) == VOC2012


def test_money_is_the_time_it_pays_for():
    own = LabelPrices(box=0.1, mask=1.0, in_money=True).per_image(money_per_hour=10)
    assert (own.box_seconds, own.mask_seconds) == pytest.approx((36, 360))


@given(positive, positive, st.floats(1, 100), st.floats(1, 100))
def test_the_rate_scales_hours_but_neither_the_ratio_nor_what_money_buys(box, mask, rate, other):
    stated = LabelPrices(box, mask, in_money=True)
    one, two = stated.per_image(money_per_hour=rate), stated.per_image(money_per_hour=other)
    assert one.mask_to_box == pytest.approx(two.mask_to_box) == pytest.approx(mask / box)
    assert one.masks_for(500 / rate) == pytest.approx(two.masks_for(500 / other)) == pytest.approx(500 / mask)


def test_a_plan_for_money_is_the_same_at_any_rate():
    fitted, pool = published_surface("VOC2012", "YOLOv5", "ap70"), ImagePool(10731)
    stated = price_preset("welabeldata").prices
    plans = [
        plan_for_hours(fitted, stated.per_image(2.8, rate), 2000 / rate, pool).best for rate in (MONEY_PER_HOUR, 1, 31)
    ]
    assert len({(best.full, best.weak) for best in plans}) == 1


@pytest.mark.parametrize("wrong", [0, -1, math.nan, math.inf])
def test_prices_and_rates_that_cannot_be_are_refused(wrong):
    with pytest.raises(BudgetError, match="price of a box"):
        LabelPrices(wrong, 1)
    with pytest.raises(BudgetError, match=r"price of a mask is .* give money"):
        LabelPrices(1, wrong, in_money=True)
    with pytest.raises(BudgetError, match="an hour of labelling"):
        LabelPrices(1, 1, in_money=True).per_image(1, wrong)
    with pytest.raises(BudgetError, match="instances_per_image"):
        LabelPrices(1, 1, per_object=True).per_image(wrong)


def test_an_unknown_preset_is_answered_with_the_known_ones():
    with pytest.raises(BudgetError, match=r"'sam9': choose one of voc2012, .*sam, verify"):
        price_preset("sam9")
