"""Pages that show measured runs, with several seeds of one split."""

import json

import pytest

from splitlab.app.widgets.sources import measured
from splitlab.budget.results import _COMMON_ALONE
from splitlab.checkpoints.checkpoint import Card
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import RunSpec
from splitlab.workspace import Workspace
from tests.ui.opened import open_page

SCORES = {(30, 0): 50.0, (30, 1): 52.0, (30, 2): 57.0, (60, 0): 60.0}


def finish_run(full, seed, ap):
    folder = RunFolder.create(Workspace.here().runs / f"grid-{full}-seed{seed}", RunSpec.of("VOC2012", full, 10), {})
    folder.write_status(State.DONE, 720, 720)
    both = {kind: dict.fromkeys(("ap50", "ap70", "ap75", "ap50_95"), ap) for kind in ("mask", "box")}
    card = Card(folder.name, "yolo", 224, ["cat"], "VOC2012", "", "", full, 10, seed, folder.name, 720, {}, both)
    (folder.weights / "card.json").write_text(json.dumps(vars(card)))


@pytest.fixture
def measured_runs():
    for (full, seed), ap in SCORES.items():
        finish_run(full, seed, ap)


def test_several_seeds_are_one_mark_with_a_bar_and_can_be_picked(measured_runs):
    app = open_page("cost_against_ap")
    (chart,) = app.get("plotly_chart")
    figure = json.loads(chart.proto.spec)
    marks, alone = (trace for trace in figure["data"] if (trace.get("name") or "").startswith("yolo, measured, |F|"))
    assert "array" in marks["error_y"]
    assert len(marks["customdata"]) == len(alone["customdata"]) == 1
    app.selectbox(key="pick_model").set_value("yolo (measured)").run()
    assert not app.exception
    # The other split has seed 0 alone.
    assert app.metric[0].value == "50.0"
    assert any("(0, 1, 2)" in caption.value and _COMMON_ALONE in caption.value for caption in app.caption)


def test_a_plan_goes_by_all_measured_runs_and_by_a_new_one_at_once(measured_runs):
    app = open_page("plan")
    app.selectbox(key="source").set_value("VOC2012 yolo, measured").run()
    assert not app.exception
    assert any("from 4 measured results" in caption.value for caption in app.caption)
    finish_run(90, 0, 70.0)
    measured.clear()  # it is read again after a few seconds
    app.run()
    assert any("from 5 measured results" in caption.value for caption in app.caption)
    assert len(app.dataframe[-2].value) == 5
