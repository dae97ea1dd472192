"""Settings, notes, tags and publishing on the page Runs, and what a read-only server leaves of them."""

import shutil

import pytest

from splitlab.app.hosting import Hosting
from splitlab.app.runs.notes import _change_notes
from splitlab.checkpoints.checkpoint import read_card
from splitlab.runs.notes import Notes, add_tag, read_notes, write_notes
from splitlab.workspace import Workspace
from tests.checkpoints import write_checkpoint
from tests.ui.runs_page.on_the_page import CHANGING, open_runs, press, said, table


def test_settings_show_what_differs_and_all_on_request(runs):
    app = open_runs(chosen=["failed", "interrupted"], runs_view="Settings")
    settings = app.dataframe[1].value
    assert settings.to_dict("index") == {"learning_rate": {"failed": "0.0015", "interrupted": "0.0001"}}
    app.toggle(key="runs_all_settings").set_value(True).run()
    assert len(app.dataframe[1].value) > 40
    assert "background-color" in app.dataframe[1].proto.arrow_data.styler.styles
    assert open_runs(chosen=["failed", "cancelled"], runs_view="Settings").caption[-1].value.startswith("All their")


def test_a_note_and_tags_are_kept_as_they_are_written_and_neither_loses_the_other(runs):
    app = open_runs(chosen=["done"], runs_view="Notes and tags")
    app.text_area(key="note of done").set_value("the best").run()
    write_notes(runs["done"].path, Notes("the best, says somebody else", ()))
    app.multiselect(key="tags of done").set_value(["paper"]).run()
    assert read_notes(runs["done"].path) == Notes("the best, says somebody else", ("paper",))
    assert app.multiselect(key="run_tag").options == ["paper"]


def test_tags_that_somebody_else_gave_in_the_meantime_stay_and_are_shown(runs):
    write_notes(runs["done"].path, Notes("", ("old", "wrong")))
    app = open_runs(chosen=["done"], runs_view="Notes and tags")
    add_tag(runs["done"].path, "theirs")
    app.multiselect(key="tags of done").set_value(["old", "mine"]).run()
    assert not app.exception
    assert read_notes(runs["done"].path).tags == ("old", "theirs", "mine")
    assert app.multiselect(key="tags of done").value == ["old", "theirs", "mine"]


def test_what_somebody_else_wrote_is_shown_where_nothing_was_typed(runs):
    app = open_runs(chosen=["done"], runs_view="Notes and tags")
    write_notes(runs["done"].path, Notes("theirs", ("theirs",)))
    app.run()
    assert app.text_area(key="note of done").value == "theirs"
    assert app.multiselect(key="tags of done").value == ["theirs"]
    app.text_area(key="note of done").set_value("theirs and mine").run()
    app.multiselect(key="tags of done").set_value([]).run()
    assert read_notes(runs["done"].path) == Notes("theirs and mine")


def test_tags_are_put_on_all_chosen_runs_and_taken_away(runs):
    write_notes(runs["done"].path, Notes("mine", ("old",)))
    app = open_runs(chosen=["done", "failed"], runs_view="Notes and tags")
    app.multiselect(key="tags_for_all").set_value(["old"]).run()
    press(app, "Add")
    assert [read_notes(runs[name].path) for name in ("done", "failed")] == [
        Notes("mine", ("old",)),
        Notes("", ("old",)),
    ]
    app.multiselect(key="tags_for_all").set_value(["old"]).run()
    press(app, "Remove")
    assert [read_notes(runs[name].path).tags for name in ("done", "failed")] == [(), ()]


def test_notes_that_are_too_long_are_refused_with_a_sentence(runs):
    app = open_runs(chosen=["done"], runs_view="Notes and tags")
    app.multiselect(key="tags of done").set_value([" "]).run()
    assert "is invalid" in said(app)
    assert read_notes(runs["done"].path) == Notes()


def test_a_run_is_published_by_a_name_after_its_card_was_seen(runs, tmp_path):
    shutil.copytree(write_checkpoint(tmp_path / "made", name="done"), runs["done"].weights, dirs_exist_ok=True)
    app = open_runs(chosen=["done", "failed"], runs_view="Publish")
    assert "licence of the data: CC0" in said(app)
    assert "about 3.8 MB" in said(app)
    app.text_input(key="publish_done").set_value("../out").run()
    press(app, "Publish")
    assert "cannot be the name of a checkpoint" in said(app)
    app.text_input(key="publish_done").set_value("best").run()
    press(app, "Publish")
    assert "Published as the checkpoint 'best'" in said(app)
    assert read_card(Workspace.here().imported / "best").name == "best"
    assert "none of these is" in said(open_runs(chosen=["failed"], runs_view="Publish"))


@pytest.mark.parametrize("view", ["Curves", "Settings", "Notes and tags", "Publish"])
def test_a_read_only_server_shows_all_and_changes_nothing(runs, view, monkeypatch, tmp_path):
    shutil.copytree(write_checkpoint(tmp_path / "made"), runs["done"].weights, dirs_exist_ok=True)
    write_notes(runs["done"].path, Notes("look here", ("grid",)))
    monkeypatch.setenv("SPLITLAB_READ_ONLY", "1")
    app = open_runs(chosen=["done", "waiting"], runs_view=view)
    assert len(table(app)) == 6
    assert "Changing runs is off: this server is read-only" in said(app)
    assert not CHANGING & {found.label for found in app.button}
    assert not app.text_area
    if view == "Notes and tags":
        assert "look here" in [text.value for text in app.text]


def test_notes_are_refused_on_a_read_only_server_however_they_are_asked_for(runs, monkeypatch):
    monkeypatch.setenv("SPLITLAB_READ_ONLY", "1")
    assert Hosting.here().read_only
    with pytest.raises(Exception, match="read-only"):
        _change_notes(runs["done"].path, lambda _: Notes("changed"))
    assert read_notes(runs["done"].path) == Notes()
