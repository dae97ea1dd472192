import pytest

from splitlab.budget.claims import paper_claims
from splitlab.budget.claims.against_others import AGAINST_OTHERS
from splitlab.budget.claims.claim import pick, unbeaten
from splitlab.budget.claims.data_and_grids import DATA_AND_GRIDS
from splitlab.budget.claims.equiscore_and_few_shot import EQUISCORE_AND_FEW_SHOT
from splitlab.budget.claims.search_for_split import SEARCH_FOR_SPLIT
from splitlab.budget.published import published_results
from splitlab.errors import BudgetError

NOT_WHOLLY = {
    "optimal-ratio": "1:6.25 (YOLOv5 800/5000), 1:3.75 (DETR 800/3000), 1:6.25 (DETR 800/5000)",
    "numbers-of-masks": "DETR has no 200, and Cityscapes has 2975 besides",
    "all-the-rest-in-prior-work": "2116/8446 (10,562), 1486/1488 (2,974)",
    "numbers-of-boxes-on-voc": "none with |F| = 200 and none with |W| = 0",
    "numbers-of-boxes-on-cityscapes": "800/2175 is absent, 1475/2000 would need more than the 2,975 images",
    "voc-scores": "DETR 400/10331 prints AP75 36.8 above AP70 33.7",
    "yolo-settings": "of 8 on Cityscapes",
    "cost-from-table-1": "98 of 99 printed costs",
    "phi0-is-the-largest-full": "1475 of 2975",
    "yolo-3.5-times-cheaper": "704.6 h / 195.6 h = 3.6",
    "yolo-half-the-cost": "54%",
    "observation-1": "200/2775, 1475/1500 of Cityscapes are not",
    "masks-alone-on-cityscapes": "2975/0 scores 33.8",
    "all-masks-at-twice-the-cost": "1.84 times the cost, and 0.5 AP50:95 more",
    "almost-the-same-at-half-the-cost": "0.6 AP50:95 less at 61%",
    "observation-2": "DETR 400/10331 on VOC2012 33.7 against 49.3",
    "observation-3": "61 of 62",
    "same-score-b": "0.4 without 200/2775",
    "hyperbola-c": "1.29, 0.75",
}


@pytest.fixture(scope="module")
def claims():
    return {claim.key: claim for claim in paper_claims()}


def recheck(claims, key, **change):
    """The claim `key` on a table in which one printed score is another."""
    table = published_results()
    where = (table["dataset"] == change["dataset"]) & (table["method"] == change["method"])
    where &= (table["full"] == change["full"]) & (table["weak"] == change["weak"])
    assert where.sum() == 1
    table.loc[where, change["metric"]] = change["ap"]
    return {claim.key: claim for claim in claims.on(table)}[key]


def test_every_claim_has_a_key_of_its_own_and_figures_in_its_finding(claims):
    assert len(claims) == len(paper_claims()) == 54
    assert all(any(character.isdigit() for character in claim.finding) for claim in claims.values())


def test_the_claims_that_hold_with_an_exception_are_these_and_each_names_it(claims):
    assert {key for key, claim in claims.items() if claim.verdict == "holds but for"} == set(NOT_WHOLLY)
    for key, exception in NOT_WHOLLY.items():
        assert exception in claims[key].finding


def test_only_observation_7_has_not_enough_evidence_in_the_tables(claims):
    assert [key for key, claim in claims.items() if claim.verdict == "not enough evidence"] == ["observation-7"]


def test_the_ratio_the_paper_calls_best_stands_beside_its_own_best_splits(claims):
    claim = claims["optimal-ratio"]
    assert "1:12.5 (YOLOv5 400/5000)" in claim.finding
    named = claim.rows[(claim.rows["weak"] == 5000) | (claim.rows["full"] == 800)]
    assert {("YOLOv5", 400, 5000), ("YOLOv5", 800, 5000), ("DETR", 800, 3000), ("DETR", 800, 5000)} <= set(
        zip(named["method"], named["full"], named["weak"], strict=True)
    )


def test_claims_stand_in_the_order_of_the_papers_sections(claims):
    sections = [claim.section for claim in claims.values()]
    assert sections == sorted(sections)
    assert set(sections) == {"1", "2.2", "3.1", "3.4", "4.1", "4.2", "4.3", "4.4", "4.5", "4.6"}


def test_the_one_printed_cost_that_table_1_does_not_give_is_named(claims):
    claim = claims["cost-from-table-1"]
    assert "VOC2012 YOLOv5 200/10531 prints 122.7 h, Table 1 gives 124.8 h" in claim.finding
    assert claim.rows[["full", "weak"]].values.tolist() == [[200, 10531]]


def test_only_the_number_of_cityscapes_categories_does_not_hold(claims):
    assert [key for key, claim in claims.items() if claim.verdict == "does not hold"] == ["seven-categories"]


def test_8_1_ap70_over_mask_r_cnn_rests_on_the_two_rows_it_compares(claims):
    claim = claims["yolo-over-full-supervision"]
    assert "58.8 - 50.7 = 8.1 (Mask R-CNN)" in claim.finding
    assert claim.rows["ap70"].tolist() == [58.8, 50.7, 53.1, 56.2]
    assert claim.rows["cost_hours"].iloc[1] / claim.rows["cost_hours"].iloc[0] == pytest.approx(3.6, abs=0.05)


def test_the_rows_of_every_claim_are_rows_of_the_published_table(claims):
    table = published_results()
    for claim in claims.values():
        assert table.loc[claim.rows.index].equals(claim.rows)


@pytest.mark.parametrize(
    ("claims", "key", "change"),
    [
        (AGAINST_OTHERS, "yolo-over-full-supervision", ("VOC2012", "YOLOv5", 1464, 9267, "ap70", 58.7)),
        (AGAINST_OTHERS, "yolo-over-weak-supervision", ("VOC2012", "BBAM", 0, 10582, "ap70", 40.0)),
        (AGAINST_OTHERS, "yolo-over-hybrids", ("VOC2012", "CenterMask", 5291, 5291, "ap70", 53.6)),
        (AGAINST_OTHERS, "yolo-on-cityscapes", ("Cityscapes", "WSSPS", 0, 2975, "ap50_95", 17.5)),
        (AGAINST_OTHERS, "detr-below-yolo", ("VOC2012", "DETR", 800, 3000, "ap70", 50.3)),
        (SEARCH_FOR_SPLIT, "masks-alone-suboptimal", ("VOC2012", "YOLOv5", 400, 0, "ap70", 40.7)),
        (SEARCH_FOR_SPLIT, "all-boxes-suboptimal", ("VOC2012", "YOLOv5", 400, 10331, "ap70", 54.1)),
        (SEARCH_FOR_SPLIT, "yolo-best-splits", ("VOC2012", "YOLOv5", 400, 3000, "ap70", 49.9)),
        (
            SEARCH_FOR_SPLIT,
            "almost-the-same-at-half-the-cost",
            ("Cityscapes", "YOLOv5", 800, 2000, "ap50_95", 32.2),
        ),
        (SEARCH_FOR_SPLIT, "yolo-fourth-points", ("VOC2012", "YOLOv5", 400, 1000, "cost_hours", 80.0)),
        (SEARCH_FOR_SPLIT, "detr-second-and-third-points", ("VOC2012", "DETR", 800, 1000, "cost_hours", 86.0)),
        (DATA_AND_GRIDS, "numbers-of-boxes-on-voc", ("VOC2012", "YOLOv5", 400, 1000, "weak", 1001)),
        (DATA_AND_GRIDS, "cityscapes-scores", ("Cityscapes", "YOLOv5", 400, 1000, "ap50", float("nan"))),
        (EQUISCORE_AND_FEW_SHOT, "four-models-of-figure-2", ("VOC2012", "YOLOv5", 400, 5000, "ap70", 51.4)),
        (EQUISCORE_AND_FEW_SHOT, "same-score-a", ("VOC2012", "YOLOv5", 200, 10531, "ap70", 51.0)),
        (EQUISCORE_AND_FEW_SHOT, "off-the-curve", ("Cityscapes", "YOLOv5", 200, 2775, "ap50_95", 31.5)),
    ],
)
def test_another_figure_in_the_table_would_overturn_the_claim(claims, key, change):
    names = ("dataset", "method", "full", "weak", "metric", "ap")
    assert recheck(claims, key, **dict(zip(names, change, strict=True))).verdict == "does not hold"


def test_without_the_one_row_that_falls_observation_3_holds():
    claim = recheck(
        SEARCH_FOR_SPLIT,
        "observation-3",
        dataset="Cityscapes",
        method="YOLOv5",
        full=400,
        weak=2575,
        metric="ap50_95",
        ap=31.9,
    )
    assert claim.verdict == "holds"
    assert "62 of 62" in claim.finding


def test_a_row_is_unbeaten_if_nothing_scores_as_much_at_its_cost():
    voc = published_results().query("dataset == 'VOC2012' and method == 'YOLOv5'")
    left = unbeaten(pick(voc, "VOC2012", ("YOLOv5", 1464, 0), ("YOLOv5", 400, 5000)), voc, "ap70")
    assert left["full"].tolist() == [400]


def test_a_model_that_is_in_no_table_cannot_be_picked():
    with pytest.raises(BudgetError, match="no YOLOv5 7/7 on VOC2012"):
        pick(published_results(), "VOC2012", ("YOLOv5", 7, 7))
