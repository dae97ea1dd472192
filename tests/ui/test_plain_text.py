"""What files and their names say stands on pages letter for letter: no Markdown of theirs is taken for markup."""

import json
import shutil

import pytest

from splitlab.app.widgets.text import as_label, as_plain
from splitlab.atlas.rows import add_rows
from splitlab.checkpoints.checkpoint import Card
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import RunSpec
from splitlab.workspace import Workspace
from tests.checkpoints import write_checkpoint
from tests.experiments.atlas_tools import row
from tests.ui.opened import ROOT, open_page, texts

# A browser that shows this as Markdown asks another server for a picture.
MARKUP = "![x](https:there)"


@pytest.fixture
def marked_up(tiny_folder):
    """A dataset whose licence, class and photos hold Markdown."""
    folder = shutil.copytree(tiny_folder, Workspace.here().data / MARKUP)
    for labels in folder.glob("*.json"):
        content = json.loads(labels.read_text())
        content["info"] = {"license": MARKUP}
        content["categories"][1]["name"] = MARKUP
        for image in content["images"]:
            (folder / "images" / image["file_name"]).unlink()
            image["file_name"] = f"{MARKUP}{image['file_name']}"
            (folder / "images" / image["file_name"]).write_bytes(b"no photo")
        labels.write_text(json.dumps(content))
    return MARKUP


def test_a_datasets_licence_and_the_names_of_its_broken_photos_are_plain(marked_up):
    app = open_page("data", data=marked_up)
    assert f"according to its source: {as_plain(MARKUP)}" in texts(app)
    assert sum(as_plain(MARKUP) in caption.value for caption in app.caption) > 4  # four photos too
    assert MARKUP not in texts(app)


def test_classes_that_no_checkpoint_knows_are_plain(marked_up):
    app = open_page("compare_masks", look_at="images of a data set", data=marked_up)
    assert f"(square, {as_plain(MARKUP)})" in texts(app)
    assert MARKUP not in texts(app)


def test_classes_to_choose_are_plain_and_a_link_still_says_ordinary_ones_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setenv("SPLITLAB_CHECKPOINTS", str(tmp_path))
    write_checkpoint(tmp_path / "one", class_names=["potted_plant", MARKUP])
    app = open_page("compare_masks", classes="potted_plant")
    pills = app.button_group(key="classes")
    assert pills.options == ["potted_plant", as_plain(MARKUP)]
    assert pills.value == ["potted_plant"]
    assert app.query_params["classes"] == "potted_plant"
    assert [as_label(name) for name in ("traffic light", "T-shirt", "Straße")] == ["traffic light", "T-shirt", "Straße"]


def test_the_class_of_a_mask_that_is_taken_apart_is_plain(tmp_path, monkeypatch):
    folder = shutil.copytree(ROOT / "checkpoints" / "pets-120-240", tmp_path / "checkpoints" / "pets-120-240")
    card = json.loads((folder / "card.json").read_text())
    card["class_names"] = [f"{MARKUP}{place}" for place in range(len(card["class_names"]))]
    (folder / "card.json").write_text(json.dumps(card))
    monkeypatch.setenv("SPLITLAB_CHECKPOINTS", str(folder.parent))
    app = open_page("few_shot", take_apart="true")
    assert f"added up: {as_plain(MARKUP)}" in texts(app)
    assert MARKUP not in texts(app)


def test_what_is_said_of_a_measured_run_is_plain():
    folder = RunFolder.create(Workspace.here().runs / "one", RunSpec.of(MARKUP, 30, 10), {})
    folder.write_status(State.DONE, 720, 720)
    both = {kind: dict.fromkeys(("ap50", "ap70", "ap75", "ap50_95"), 99.0) for kind in ("mask", "box")}
    how = {"mask_classes": MARKUP}
    card = Card("one", "yolo", 224, ["cat"], "VOC2012", "", "", 30, 10, 0, "one", 720, how, both)
    (folder.weights / "card.json").write_text(json.dumps(vars(card)))
    app = open_page("cost_against_ap")
    app.selectbox(key="pick_model").set_value("yolo (measured)").run()
    assert f"In F only {as_plain(MARKUP)} have masks" in texts(app)
    assert MARKUP not in texts(app)


@pytest.mark.parametrize(("lesson", "screen"), [(2, 4), (5, 2), (5, 4), (1, 3)])
def test_lessons_tell_a_measured_dataset_letter_for_letter(lesson, screen, tmp_path, monkeypatch):
    monkeypatch.setenv("SPLITLAB_CHECKPOINTS", str(tmp_path / "none"))
    table = Workspace.here().measured / "marked.csv"
    table.parent.mkdir(parents=True)
    splits = ((40, 0), (40, 80), (20, 80))
    rows = (row(dataset=MARKUP, full=full, weak=weak, spec_hash=f"{full}/{weak}") for full, weak in splits)
    add_rows(table, tuple(rows))
    app = open_page("lessons", lesson=str(lesson), screen=str(screen), strict="measured")
    assert as_plain(MARKUP) in texts(app)
    assert MARKUP not in texts(app)
