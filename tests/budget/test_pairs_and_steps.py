"""What the results table says of pairs with and without boxes, of extreme splits, and of steps to more labels."""

import pandas as pd
import pytest

from splitlab.app.lessons.labels import _weak_gains
from splitlab.app.lessons.splits import _extreme_splits, _steps_of
from splitlab.budget.published import TRAINING_IMAGES, method_rows, published_results
from splitlab.budget.results import MEASURED, ResultRow, cheaper_and_better, results_table
from splitlab.errors import BudgetError


def table(*rows):
    return results_table(
        ResultRow(MEASURED, "pond", "net", full, weak, cost_hours=full + weak / 10, ap70=ap, seed=seed)
        for full, weak, ap, seed in rows
    )


def test_a_pair_is_a_split_with_boxes_and_its_masks_alone():
    pairs = _weak_gains(table((10, 0, 40, 0), (10, 50, 55, 0), (20, 80, 60, 0), (30, 0, 70, 0)), "ap70")
    assert pairs[["full", "weak", "alone", "together"]].to_numpy().tolist() == [[10, 50, 40, 55]]
    assert pairs["hours"].item() == pytest.approx(50 * 38.1 / 3600)


def test_several_seeds_of_a_split_count_by_their_mean():
    pairs = _weak_gains(table((10, 0, 40, 0), (10, 0, 44, 1), (10, 50, 50, 0), (10, 50, 60, 1)), "ap70")
    assert (pairs["alone"].item(), pairs["together"].item()) == (42, 55)


def test_published_pairs_are_the_papers():
    pairs = _weak_gains(published_results(), "ap70")
    pair = pairs[(pairs["method"] == "YOLOv5") & (pairs["full"] == 400) & (pairs["weak"] == 5000)]
    assert (pair["alone"].item(), pair["together"].item()) == (38.6, 49.9)
    # Every YOLOv5 row with boxes; no DETR was trained on masks alone, and Cityscapes reports no AP70.
    assert len(pairs) == 16


def test_an_empty_table_has_no_pairs_and_an_unknown_score_is_refused():
    assert _weak_gains(table(), "ap70").empty
    with pytest.raises(BudgetError, match="unknown metric"):
        _weak_gains(table(), "speed")


@pytest.mark.parametrize(
    ("dataset", "metric", "extreme", "unbeaten"),
    [("VOC2012", "ap70", 6, []), ("Cityscapes", "ap50_95", 6, [(200, 2775), (1475, 1500)])],
)
def test_extreme_splits_of_the_paper_are_beaten_but_for_its_exceptions(dataset, metric, extreme, unbeaten):
    rows = method_rows(published_results(), dataset, "YOLOv5")
    found = _extreme_splits(rows, metric, TRAINING_IMAGES[dataset])
    assert len(found) == extreme
    left = found[~found["beaten"].astype(bool)]
    assert list(zip(left["full"], left["weak"], strict=True)) == unbeaten
    for row in found[found["beaten"].astype(bool)].itertuples():
        better = cheaper_and_better(rows, row.cost_hours, row.ap, metric).iloc[0]
        assert (row.by_full, row.by_weak, row.by_ap) == (better["full"], better["weak"], better[metric])


def test_of_two_splits_none_is_compared():
    rows = table((10, 0, 40, 0), (10, 50, 55, 0))
    assert _extreme_splits(rows, "ap70", 60).empty


def test_a_step_goes_to_the_next_size_and_says_what_a_thousand_brings():
    steps = _steps_of(table((10, 0, 40, 0), (10, 500, 41, 0), (10, 100, 45, 0), (20, 0, 50, 0)), "ap70")
    assert steps[["full", "before", "weak", "gain"]].to_numpy().tolist() == [[10, 0, 100, 5], [10, 100, 500, -4]]
    assert steps["per_thousand"].tolist() == pytest.approx([50, -10])
    by_masks = _steps_of(table((10, 0, 40, 0), (20, 0, 50, 0)), "ap70", "full")
    assert by_masks[["weak", "before", "full", "gain"]].to_numpy().tolist() == [[0, 10, 20, 10]]


def test_the_only_published_step_to_more_boxes_that_falls_is_the_one_of_cityscapes():
    falls = []
    for dataset, method, metric in (
        ("VOC2012", "YOLOv5", "ap70"),
        ("VOC2012", "DETR", "ap70"),
        ("Cityscapes", "YOLOv5", "ap50_95"),
    ):
        steps = _steps_of(method_rows(published_results(), dataset, method), metric)
        falls += [(dataset, row.full, row.before, row.weak) for row in steps[steps["gain"] <= 0].itertuples()]
    assert falls == [("Cityscapes", 400, 2000, 2575)]


def test_a_table_without_steps_has_none():
    assert _steps_of(table((10, 0, 40, 0)), "ap70").empty
    assert isinstance(_steps_of(table(), "ap70"), pd.DataFrame)
