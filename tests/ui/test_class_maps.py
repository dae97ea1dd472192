"""Models whose class names are not the dataset's, on Compare masks and Errors by split."""

import json

import pytest

from splitlab.app.widgets.class_maps import _BY_NAME, _start_of, _use_map
from splitlab.app.widgets.sources import Choice
from splitlab.checkpoints.checkpoint import read_card
from splitlab.data.classes import TABLES
from splitlab.errors import CheckpointError, SettingsError
from tests.checkpoints import card, write_checkpoint
from tests.evaluation.drawn import dataset
from tests.ui.opened import open_page, texts

DATA_IMAGES = "images of a data set"


@pytest.fixture
def numbered(workspace):
    return write_checkpoint(workspace / "checkpoints" / "numbered", class_names=["0", "1"], full=0, weak=0)


@pytest.fixture
def partial(workspace):
    return write_checkpoint(workspace / "checkpoints" / "partial", class_names=["zebra", "Discs"], full=0, weak=0)


def errors(app):
    return " ".join(element.value for element in app.error)


def test_models_with_other_classes_are_offered_only_where_asked_for(workspace, partial):
    app = open_page("errors", data="tiny")
    assert not any("partial" in option for option in app.multiselect(key="models").options)
    app.toggle(key="others").set_value(True).run()
    assert any("partial" in option for option in app.multiselect(key="models").options)
    assert "partial" not in app.multiselect(key="models").value
    assert not app.exception


def test_a_numbered_model_waits_for_its_classes_and_is_scored_once_they_are_named(workspace, numbered):
    app = open_page("errors", data="tiny", models="numbered", others="true")
    assert app.multiselect(key="models").value == ["numbered"]
    assert "knows the classes 0, 1" in errors(app)
    assert not [button for button in app.button if button.key == "look"]
    app.selectbox(key="classes by split unknown").set_value("order").run()
    app.button(key="use class map").click().run()
    assert not app.exception
    assert not errors(app)
    assert read_card(numbered).class_maps[0]["counterparts"] == ["square", "disc"]
    assert "takes 0 as square, 1 as disc" in texts(app)
    app.button(key="look").click().run()
    assert "Observation 5" in texts(app)
    assert not app.exception


def test_classes_that_a_model_lacks_are_left_out_of_the_charts(workspace, partial):
    app = open_page("errors", data="tiny", models="partial", others="true")
    app.button(key="look").click().run()
    assert not app.exception
    assert "Scores are means over 1 of the 2 classes of 'tiny'" in texts(app)
    assert "detections of zebra are left out" in texts(app)
    assert app.selectbox(key="truth").options == ["any", "something", "disc", "nothing"]
    assert json.loads(next((workspace / "detections").glob("*-*-*.json")).read_text()) is not None


def test_compare_masks_shows_a_model_with_other_classes_beside_the_others(workspace, partial):
    app = open_page("compare_masks", look_at=DATA_IMAGES, data="tiny", models=["tiny-4-6", "partial"], others="true")
    assert not app.exception
    assert app.multiselect(key="models").value == ["tiny-4-6", "partial"]
    assert "does not know square" in texts(app)
    app.button(key="look").click().run()
    assert not app.exception
    assert not errors(app)


def test_a_visitor_of_a_read_only_server_names_no_classes(workspace, numbered, monkeypatch):
    monkeypatch.setenv("SPLITLAB_READ_ONLY", "1")
    app = open_page("errors", data="tiny", models="numbered", others="true")
    assert "Mapping classes is off" in texts(app)
    assert not [button for button in app.button if button.key == "use class map"]
    with pytest.raises(SettingsError, match="read-only"):
        _use_map(Choice(numbered, read_card(numbered)), dataset([]), ["cat", "dog"])
    assert read_card(numbered).class_maps == []


def test_a_map_without_a_pair_is_not_kept(numbered):
    with pytest.raises(CheckpointError, match="Say which is which"):
        _use_map(Choice(numbered, read_card(numbered)), dataset([]), [None, None])
    assert read_card(numbered).class_maps == []


def test_the_editor_starts_with_the_names_a_table_or_the_order():
    numbers = card(class_names=[str(number) for number in range(20)])
    assert _start_of("voc20", numbers, ("tv", "cat")).counterparts[7] == "cat"
    assert _start_of("voc20", numbers, ("tv", "cat")).model_classes[7] == "7"
    assert _start_of("order", numbers, TABLES["voc20"]).counterparts == TABLES["voc20"]
    assert _start_of(_BY_NAME, card(class_names=["Cat", "x"]), ("cat",)).counterparts == ("cat", None)


def test_numbers_that_mean_no_class_are_no_rows_and_stay_without_a_counterpart(workspace):
    names = ["N/A", "zebra", "N/A", "Discs"]
    folder = write_checkpoint(workspace / "checkpoints" / "gaps", class_names=names, full=0, weak=0)
    app = open_page("errors", data="tiny", models="gaps", others="true")
    assert not app.exception
    assert "N/A" not in texts(app)
    assert list(app.dataframe[0].value["class of the model"]) == ["zebra", "Discs"]
    app.button(key="use class map").click().run()
    assert not app.exception
    assert read_card(folder).class_maps[0]["counterparts"] == [None, None, None, "disc"]
