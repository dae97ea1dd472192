import math
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitlab.budget.cost import (
    CITYSCAPES,
    PRESETS,
    VOC2012,
    Prices,
    box_hours,
    cost_hours,
    mask_hours,
    mask_share,
    preset,
)
from splitlab.errors import BudgetError

counts = st.integers(min_value=0, max_value=100_000)
prices = st.builds(Prices, st.floats(0.1, 1e4), st.floats(0.1, 1e4))


def test_one_mask_and_one_box_image_cost_the_sum_of_table_1():
    assert cost_hours(1, 1, VOC2012) * 3600 == pytest.approx(239.7 + 38.1)


def test_the_split_400_5000_of_voc2012_costs_79_and_a_half_hours():
    assert round(cost_hours(400, 5000, VOC2012), 1) == 79.5


def test_presets_are_table_1():
    table = pd.read_csv(files("splitlab.budget") / "tables" / "table1_annotation_cost.csv").set_index("label")
    for column, prices_of_set in (("voc2012_seconds_per_image", VOC2012), ("cityscapes_seconds_per_image", CITYSCAPES)):
        assert table[column].to_dict() == {"box": prices_of_set.box_seconds, "mask": prices_of_set.mask_seconds}
    assert list(PRESETS) == ["VOC2012", "Cityscapes"]


@pytest.mark.parametrize("name", ["voc2012", "VOC2012", " Voc2012 "])
def test_a_preset_is_found_whatever_the_case_of_its_name(name):
    assert preset(name) is VOC2012


def test_an_unknown_preset_is_answered_with_the_known_ones():
    with pytest.raises(BudgetError, match="'coco': choose VOC2012 or Cityscapes"):
        preset("coco")


def test_numbers_arrays_and_columns_get_the_same_cost():
    full, weak = [0, 200, 1464], [10582, 0, 9267]
    one_by_one = [cost_hours(f, w, VOC2012) for f, w in zip(full, weak, strict=True)]
    assert cost_hours(np.array(full), np.array(weak), VOC2012).tolist() == one_by_one
    column = cost_hours(pd.Series(full), pd.Series(weak), VOC2012)
    assert isinstance(column, pd.Series)
    assert column.tolist() == one_by_one


@given(counts, counts, counts, counts, prices)
def test_the_cost_of_two_orders_is_the_sum_of_their_costs(f1, w1, f2, w2, own):
    together = cost_hours(f1 + f2, w1 + w2, own)
    assert together == pytest.approx(cost_hours(f1, w1, own) + cost_hours(f2, w2, own))


@given(counts, counts, prices)
def test_one_more_image_of_either_kind_costs_more(full, weak, own):
    assert cost_hours(full + 1, weak, own) > cost_hours(full, weak, own)
    assert cost_hours(full, weak + 1, own) > cost_hours(full, weak, own)


@given(counts, counts, prices)
def test_the_two_parts_of_the_bar_are_the_whole_bar(full, weak, own):
    total = mask_hours(full, own) + box_hours(weak, own)
    assert total == pytest.approx(cost_hours(full, weak, own))
    assert mask_share(full, weak, own) * total == pytest.approx(mask_hours(full, own))


def test_the_mask_share_is_one_without_boxes_and_nothing_spent_is_no_division_by_zero():
    assert mask_share(1464, 0, VOC2012) == 1.0
    assert mask_share(0, 10582, VOC2012) == 0.0
    assert mask_share(0, 0, VOC2012) == 0.0


def test_prices_per_instance_are_multiplied_by_the_objects_in_an_image():
    own = Prices.per_instance(box_seconds=10, mask_seconds=60, instances_per_image=2.5, name="my annotators")
    assert own == Prices(25, 150, "my annotators")
    assert own.mask_to_box == 6


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf])
def test_a_price_that_cannot_be_is_refused_by_name(seconds):
    with pytest.raises(BudgetError, match="box_seconds"):
        Prices(seconds, 100)
    with pytest.raises(BudgetError, match="mask_seconds"):
        Prices(100, seconds)
    with pytest.raises(BudgetError, match="instances_per_image"):
        Prices.per_instance(10, 60, seconds)


@pytest.mark.parametrize("images", [-1, math.nan, np.array([3, -1]), pd.Series([3.0, math.nan])])
def test_a_negative_number_of_images_is_refused(images):
    with pytest.raises(BudgetError, match=r"full is (-1|nan)"):
        cost_hours(images, images, VOC2012)
