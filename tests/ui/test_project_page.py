"""The page My project: from photos to a batch and back."""

import json

import pytest
import streamlit as st

from splitlab.budget.cost import Prices
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.project.hand_over import start_round
from splitlab.project.project import ProjectSettings, new_project
from splitlab.project.rounds import Task, read_rounds, read_takes
from splitlab.queue.queue import waiting_runs
from splitlab.workspace import Workspace
from tests.conftest import write_tiny
from tests.ui.opened import go_to, metrics, open_page, texts


@pytest.fixture
def photos(tmp_path):
    """A dataset `shapes` of the workspace: 30 photos, 12 with masks."""
    st.cache_resource.clear()
    folder = Workspace.here().data / "shapes"
    folder.parent.mkdir(parents=True)
    write_tiny(folder, {"train": 30})
    path = folder / "instances_train.json"
    labels = json.loads(path.read_text())
    (tmp_path / "all.json").write_text(json.dumps(labels))
    labels["annotations"] = [one for one in labels["annotations"] if one["image_id"] <= 12]
    path.write_text(json.dumps(labels))
    return read_coco_folder(folder)


@pytest.fixture
def project(photos):
    return new_project(ProjectSettings("mine", 2.0, Prices(10.0, 60.0)), photos, Workspace.here())


def press(app, label):
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def test_without_photos_the_page_leads_to_data():
    assert "begins with your photos" in texts(open_page("project"))


def test_a_project_is_created_from_a_dataset(photos):
    app = open_page("project")
    next(field for field in app.text_input if field.label == "Name of the project").set_value("mine").run()
    press(app, "Create the project")
    assert "mine has a dataset of its own" in app.success[0].value
    assert metrics(app) == {"Masks": "10", "Boxes": "0", "No labels": "18"}


def test_a_batch_is_handed_out_with_its_forecast(project):
    app = open_page("project", project="mine")
    assert "other photos than yours" in texts(app)
    next(field for field in app.number_input if field.label == "Hours").set_value(0.1).run()
    press(app, "Hand it out")
    (batch,) = read_rounds(project.folder)
    assert batch.expected is not None
    assert batch.hours <= 0.1 + 1e-9
    assert f"0 of {len(batch.tasks)} photos are labelled" in texts(app)
    assert "round 1: expected" in app.get("plotly_chart")[0].proto.alt


def test_files_that_are_being_written_do_not_break_the_page(project):
    start_round(project, [Task(20, True, "random")], None, "random")
    (project.folder / "rounds" / "0001" / ".cvat-being-written").mkdir(parents=True)
    app = open_page("project", project="mine")
    assert "0 of 1 photos are labelled" in texts(app)
    next(button for button in app.button if button.label == "Write them").click().run()
    assert not app.exception
    assert (project.folder / "rounds" / "0001" / "cvat" / "masks").is_dir()


def test_an_export_is_looked_at_and_then_taken(project, tmp_path):
    app = open_page("project", project="mine", step="labels come back")
    content = json.loads((tmp_path / "all.json").read_text())
    content["annotations"] = [one for one in content["annotations"] if one["image_id"] in (20, 21)]
    content["images"] = [one for one in content["images"] if one["id"] in (20, 21)]
    app.file_uploader[0].upload("export.json", json.dumps(content).encode(), "application/json").run()
    assert "**2** labelled" in texts(app)
    assert read_takes(project.folder) == ()
    press(app, "Take 2 photos")
    assert len(read_takes(project.folder)) == 1
    assert metrics(app)["Masks"] == "12"


def test_a_pilot_is_queued_by_one_button(project, monkeypatch):
    started = []
    monkeypatch.setattr("splitlab.app.project.page.ensure_worker", lambda *words: started.append(words))
    app = press(open_page("project", project="mine"), "Train a pilot")
    assert len(waiting_runs(project.workspace)) == 5
    assert len(started) == 1
    assert "5 runs of this project wait or train" in texts(app)


def test_a_budget_too_small_for_a_photo_is_told_in_a_sentence(project):
    path = project.folder / "project.json"
    path.write_text(path.read_text().replace('"hours": 2.0', '"hours": 0.001'))
    app = open_page("project", project="mine")
    assert "needs no more labels for these hours" in texts(app)
    assert not any(button.label == "Hand it out" for button in app.button)


def test_a_broken_project_leaves_the_page_standing(project):
    (project.folder / "project.json").write_text("{")
    app = open_page("project", project="mine")
    assert "project.json" in app.error[0].value
    assert not app.exception


@pytest.mark.usefixtures("by_app")
def test_other_pages_begin_with_the_projects_data_labels_and_prices(project):
    app = open_page("project", project="mine")
    go_to(app, "plan")
    counts = {field.label: field.value for field in app.number_input}
    assert (counts["With masks already"], counts["With boxes already"], counts["Training images"]) == (10, 0, 28)
    assert (counts["Its masks"], counts["Its boxes"], counts["Hours of labelling"]) == (60, 10, 2)
    go_to(app, "train")
    assert app.selectbox(key="data").value == "mine"
