"""Every page, run by Streamlit's own AppTest: no browser, real library calls."""

import shutil

import pytest

from splitlab.data.scenes.embedded import EmbeddedSettings, make_embedded
from splitlab.models.registry import build_model
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import RunSpec
from splitlab.workspace import Workspace
from tests.models.foreign_files import save_as_the_authors_do
from tests.ui.opened import open_page, texts


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_embedded(tmp_path_factory.mktemp("data") / "embedded", settings=EmbeddedSettings(200, 10))


def test_compare_opens_with_the_four_splits_of_equal_score_and_a_photo_already_compared():
    app = open_page("compare_masks")
    assert len(app.get("plotly_chart")) == 1
    assert app.multiselect(key="models").value == ["pets-30-330", "pets-60-30", "pets-120-240", "pets-240-120"]
    app.slider(key="score").set_value(0.95).run()
    app.multiselect(key="models").set_value([]).run()
    assert "Pick one or more checkpoints" in texts(app)


def test_compare_without_checkpoints_says_where_they_come_from(monkeypatch, tmp_path):
    monkeypatch.setenv("SPLITLAB_CHECKPOINTS", str(tmp_path))
    assert "Train a model on the Train page" in texts(open_page("compare_masks"))


def test_train_explains_before_it_starts_and_starts_one_process(monkeypatch, embedded):
    started = []
    monkeypatch.setattr("splitlab.app.train.launch", lambda run, _workspace: started.append(run))
    app = open_page("train")
    assert "**30** mask images and **150** box images of 200" in texts(app)
    assert "No runs yet" in texts(app)
    app.number_input(key="full_embedded").set_value(10).run()
    app.number_input(key="steps_embedded_quick").set_value(2).run()
    next(button for button in app.button if button.label == "Start training").click().run()
    assert not app.exception
    assert [run.spec().data.split_name for run in started] == ["10/150"]
    assert started[0].spec().steps == 2
    assert "waiting to start" in texts(app)


@pytest.mark.parametrize(
    ("state", "shown", "button"),
    [
        (State.RUNNING, "training", "Stop"),
        (State.CANCELLED, "stopped on request", "Resume"),
        (State.FAILED, "failed", "Resume"),
    ],
)
def test_a_run_shows_how_it_stands_and_what_can_be_done(state, shown, button, embedded):
    run = RunFolder.create(Workspace.here().runs / "one", RunSpec.of("embedded", 4, 6, steps=20), {})
    losses = {"box": 0.1, "mask": 0.2, "objectness": 0.1, "class": 0.1}
    run.append_event(
        {"kind": "train", "from_step": 1, "step": 10, "losses": losses, "images_per_second": 8.0, "seconds": 20.0}
    )
    run.write_status(state, 10, 20, "the disk is full")
    app = open_page("train")
    assert shown in texts(app)
    assert len(app.get("plotly_chart")) == 1
    next(b for b in app.button if b.label == button)
    if state == State.FAILED:
        assert app.error[0].value == "the disk is full"
    if state == State.RUNNING:
        next(b for b in app.button if b.label == "Stop").click().run()
        assert run.cancel_is_asked()


def test_growing_f_takes_its_images_from_w(embedded):
    app = open_page("train")
    app.number_input(key="full_embedded").set_value(160).run()
    assert not app.exception
    assert "**160** mask images and **40** box images of 200" in texts(app)


def test_a_broken_dataset_gets_a_sentence_and_the_runs_stay_on_the_page(tmp_path):
    data = tmp_path / "workspace" / "data" / "embedded"
    (data / "images").mkdir(parents=True)
    (data / "instances_train.json").write_text("{")
    (data / "instances_val.json").write_text("{")
    app = open_page("train")
    assert "is not valid JSON" in app.error[0].value
    assert "No runs yet" in texts(app)


def test_data_shows_what_is_there_and_both_ways_to_see_it(embedded):
    app = open_page("data")
    metrics = {metric.label: metric.value for metric in app.metric}
    assert metrics["Training images"] == "200"
    assert metrics["Classes"] == "6"
    assert len(app.get("image")) == 8  # four photos, as F and as W see them
    assert len(app.get("plotly_chart")) == 3


def test_a_split_built_on_data_is_trained_on(embedded, monkeypatch):
    started = []
    monkeypatch.setattr("splitlab.app.train.launch", lambda run, _workspace: started.append(run))
    app = open_page("data")
    app.selectbox(key="way").set_value("classes in proportion").run()
    app.number_input(key="full_embedded_classes in proportion").set_value(12).run()
    next(box for box in app.text_input if box.label == "Name").set_value("even dozen").run()
    next(button for button in app.button if button.label == "Save").click().run()
    assert not app.exception
    assert "even dozen" in texts(app)
    app.switch_page("pages/train.py").run()
    app.selectbox(key="split_embedded").set_value("even dozen").run()
    next(button for button in app.button if button.label == "Start training").click().run()
    assert not app.exception
    spec = started[0].spec()
    assert (spec.data.split_name, spec.data.drawn) == ("12/150", "stratified")


def test_a_split_with_no_image_gets_a_sentence(embedded):
    app = open_page("data")
    app.number_input(key="full_embedded_at random").set_value(0).run()
    app.number_input(key="weak_embedded_at random").set_value(0).run()
    assert "0/0 has nothing to train on" in app.error[0].value


def test_checking_a_dataset_names_what_is_wrong(made, tmp_path):
    data = tmp_path / "workspace" / "data"
    shutil.copytree(made, data / "embedded")
    photo = next((data / "embedded" / "images").iterdir())
    photo.write_bytes(b"no photo")
    app = open_page("data")
    next(button for button in app.button if button.label == "Check the files").click().run()
    assert not app.exception
    assert app.warning[0].value == "1 found: 1 x unreadable photo."
    assert app.dataframe[-1].value["file"].item().endswith(photo.name)


def test_an_uploaded_pt_file_becomes_a_checkpoint_to_compare(tmp_path):
    file = save_as_the_authors_do(tmp_path / "mine.pt", build_model("yolov5n-seg", 1, 320), names={0: "cat"})
    app = open_page("compare_masks")
    app.get("file_uploader")[-1].set_value(("mine.pt", file.read_bytes(), "application/octet-stream")).run()
    next(button for button in app.button if button.label == "Import checkpoint").click().run()
    assert not app.exception
    assert "'mine' was imported" in app.success[0].value
    assert any("(mine)" in label for label in app.multiselect(key="models").options)
    app.multiselect(key="models").set_value(["mine"]).run()
    assert not app.exception
    assert "imported" in texts(app)
