import csv
from importlib.resources import files

import pytest
from typer.testing import CliRunner

from splitlab.budget.cost import PRESETS
from splitlab.budget.published import FLATTERED, method_rows, published_few_shot, published_results
from splitlab.budget.results import COLUMN_TYPES
from splitlab.cli.main import app
from splitlab.errors import BudgetError

MISPRINTED_HOURS = ("VOC2012", "YOLOv5", 200, 10531)
MISPRINTED_AP75 = ("VOC2012", "DETR", 400, 10331)


def keys(table):
    return list(zip(table["dataset"], table["method"], table["full"], table["weak"], strict=True))


def test_all_99_rows_are_there_and_named_by_data_set():
    table = published_results()
    assert table["dataset"].value_counts().to_dict() == {"VOC2012": 58, "Cityscapes": 41}
    assert set(table["source"]) == {"published"}
    assert list(table.columns) == list(COLUMN_TYPES)


def test_every_printed_figure_stands_in_the_table_unchanged():
    table = published_results()
    for dataset, name in (("VOC2012", "table2_voc2012.csv"), ("Cityscapes", "table3_cityscapes.csv")):
        with files("splitlab.budget").joinpath("tables", name).open() as file:
            printed = list(csv.DictReader(file))
        rows = table[table["dataset"] == dataset].to_dict("records")
        for row, cells in zip(rows, printed, strict=True):
            for metric in ("ap50", "ap70", "ap75", "ap50_95"):
                assert row[metric] == pytest.approx(float(cells.get(metric) or "nan"), nan_ok=True)
            assert (row["full"], row["weak"]) == (int(cells["full"] or 0), int(cells["weak"] or 0))
            assert (row["method"], row["group"]) == (cells["method"], cells["group"])
            assert row["cost_hours_printed"] == float(cells["cost_hours"])


def test_the_cost_column_of_all_rows_but_the_known_misprint_is_recomputed_to_a_tenth_of_an_hour():
    wrong = []
    for row in published_results().to_dict("records"):
        prices = PRESETS[row["dataset"]]
        seconds = row["full"] * prices.mask_seconds + row["weak"] * prices.box_seconds
        assert row["cost_hours"] == pytest.approx(seconds / 3600)
        if abs(seconds / 3600 - row["cost_hours_printed"]) > 0.05 + 1e-9:
            wrong.append((row["dataset"], row["method"], row["full"], row["weak"]))
    assert wrong == [MISPRINTED_HOURS]


def test_only_the_two_rows_that_contradict_themselves_carry_a_note():
    table = published_results()
    noted = table[table["note"] != ""]
    assert keys(noted) == [MISPRINTED_HOURS, MISPRINTED_AP75]
    hours, ap75 = noted["note"]
    assert "122.7 h" in hours
    assert "124.8 h" in hours
    assert "36.8" in ap75
    assert "33.7" in ap75


def test_the_paper_s_own_models_are_20_12_and_15_rows():
    table = published_results()
    sizes = [
        len(method_rows(table, *key)) for key in (("VOC2012", "YOLOv5"), ("VOC2012", "DETR"), ("Cityscapes", "YOLOv5"))
    ]
    assert sizes == [20, 12, 15]


def test_asking_for_a_model_that_was_not_trained_lists_those_that_were():
    with pytest.raises(BudgetError, match=r"DETR on Cityscapes.*YOLOv5 on Cityscapes"):
        method_rows(published_results(), "Cityscapes", "DETR")


def test_table_4_holds_three_trainings_over_eight_classes():
    table = published_few_shot().set_index("pretrain")
    assert table.loc["YOLO-1464/9267", "all"] == 70.6
    assert table.drop(columns="all").shape == (3, 8)


@pytest.mark.parametrize(
    ("words", "flattered"),
    [
        ("claims", True),
        ("plan --hours 80", True),
        ("plan --hours 80 --json", True),
        ("plan --hours 80 --method DETR", False),
    ],
)
def test_the_command_line_says_that_the_papers_yolov5_scores_are_flattered(words, flattered):
    output = CliRunner().invoke(app, words.split(), catch_exceptions=False).output
    assert (FLATTERED in " ".join(output.split())) == flattered
