"""The rows of the atlas on the pages, as a dataset of their own beside the published ones."""

import dataclasses
import json

from typer.testing import CliRunner

from splitlab.app.widgets.sources import atlas_curves, atlas_images, measured
from splitlab.atlas.rows import _rows_as_csv, read_rows
from splitlab.atlas.tables import _CHECKS, TEST_PART, main_metric
from splitlab.cli import main as cli
from splitlab.workspace import Workspace
from tests.budget.synthetic_grid import IMAGES
from tests.ui.opened import open_page

NAME = "tiny, test part"


def chart_of(app):
    (chart,) = app.get("plotly_chart")
    return json.loads(chart.proto.spec)


def test_cost_against_ap_shows_the_atlas_by_itself_and_never_beside_another_dataset(atlas):
    app = open_page("cost_against_ap")
    assert {NAME} & datasets_of(chart_of(app)) == set()
    app.selectbox(key="dataset").set_value(NAME).run()
    assert not app.exception
    chart = chart_of(app)
    assert datasets_of(chart) == {NAME}
    assert sum(len(trace["customdata"]) for trace in chart["data"] if trace.get("customdata")) == 24


def datasets_of(chart):
    return {key.split("|")[1] for trace in chart["data"] for (key,) in trace.get("customdata", [])}


def test_each_dataset_opens_with_the_score_that_its_verdicts_go_by(atlas):
    asked = ["VOC2012", "Cityscapes", NAME, f"street{TEST_PART}", "street", "my own"]
    assert [main_metric(dataset) for dataset in asked] == ["ap70", "ap50_95", "ap70", "ap50", "ap50", "ap70"]
    table = Workspace.here().measured / "tiny.csv"
    rows = [dataclasses.replace(row, dataset="street") for row in read_rows(table)]
    (table.parent / "street.csv").write_text(_rows_as_csv(rows))
    for cached in (measured, atlas_images, atlas_curves):
        cached.clear()
    app = open_page("cost_against_ap", dataset=f"street{TEST_PART}")
    assert app.button_group(key=f"metric_street{TEST_PART}").value == "ap50"
    app = open_page("plan", source=f"street{TEST_PART} yolov5n-seg, measured")
    assert app.selectbox(key=f"plan_metric_street{TEST_PART}").value == "ap50"


def test_a_plan_goes_by_the_atlas_with_its_own_number_of_images(atlas):
    app = open_page("plan")
    app.selectbox(key="source").set_value(f"{NAME} yolov5n-seg, measured").run()
    assert not app.exception
    assert app.number_input(key=f"images_{IMAGES}").value == IMAGES
    assert any("from 33 measured results" in caption.value for caption in app.caption)


def test_the_equiscore_page_shows_the_measured_curve(atlas):
    app = open_page("equiscore")
    (name,) = (option for option in app.selectbox(key="curve").options if option.startswith(NAME))
    app.selectbox(key="curve").set_value(name).run()
    assert not app.exception
    assert any("Points, measured: mask AP at IoU 0.70" in caption.value for caption in app.caption)


def test_without_rows_the_pages_offer_the_papers_datasets_and_those_of_the_checkpoints_alone():
    for cached in (measured, atlas_images, atlas_curves):
        cached.clear()
    app = open_page("cost_against_ap")
    options = app.selectbox(key="dataset").options
    assert options[:2] == ["VOC2012, published", "Cityscapes, published"]
    assert not any("test part" in option for option in options)


def test_the_command_gives_the_verdicts_and_says_what_is_missing(atlas):
    def claims(*words):
        return CliRunner().invoke(cli.app, ["claims", "--measured", "--json", *words], catch_exceptions=False)

    whole = json.loads(claims("--dataset", "tiny").stdout)
    assert len(whole) == len(_CHECKS)
    assert {row["dataset"] for row in whole} == {"tiny"}
    assert {row["key"]: row["verdict"] for row in whole}["observation-3-boxes"] == "holds"
    Workspace.here().measured.joinpath("tiny.csv").write_text(_rows_as_csv(atlas[:-1]))
    assert all("1 of the 33 planned runs" in row["finding"] for row in json.loads(claims().stdout))
    Workspace.here().measured.joinpath("tiny.csv").unlink()
    nothing = claims()
    assert json.loads(nothing.stdout) == []
    assert "Nothing is measured on" in nothing.stderr
