import json

import pytest

from splitlab.errors import RunError
from splitlab.runs.notes import MAX_NOTE, NOTES_NAME, Notes, add_tag, read_notes, write_notes


def test_a_run_without_notes_has_empty_ones(tmp_path):
    assert read_notes(tmp_path) == Notes("", ())


def test_notes_are_read_as_they_were_written(tmp_path):
    notes = Notes("worse than I thought\nsee <b>log</b>", ("grid", "für später"))
    write_notes(tmp_path, notes)
    assert read_notes(tmp_path) == notes
    assert json.loads((tmp_path / NOTES_NAME).read_text()) == {"note": notes.note, "tags": list(notes.tags)}


def test_a_tag_is_added_once_and_the_note_stays(tmp_path):
    write_notes(tmp_path, Notes("mine", ("a",)))
    add_tag(tmp_path, "grid")
    written = (tmp_path / NOTES_NAME).stat().st_mtime_ns
    add_tag(tmp_path, "grid")
    assert read_notes(tmp_path) == Notes("mine", ("a", "grid"))
    assert (tmp_path / NOTES_NAME).stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("note", "tags"),
    [
        ("x" * (MAX_NOTE + 1), ()),
        ("", ("x" * 101,)),
        ("", ("two\nlines",)),
        ("", ("",)),
        ("", (" blank",)),
        ("", ("twice", "twice")),
        ("", tuple(map(str, range(51)))),
        (3, ()),
        ("", (3,)),
    ],
)
def test_notes_that_are_too_long_or_no_text_are_refused(note, tags):
    with pytest.raises(RunError):
        Notes(note, tags)


@pytest.mark.parametrize(
    "content", ["", "[]", '{"tags": "grid"}', '{"note": 1}', "[" * 100_000, '"' + "x" * 300_000 + '"']
)
def test_a_broken_file_is_named(tmp_path, content):
    (tmp_path / NOTES_NAME).write_text(content)
    with pytest.raises(RunError, match=r"notes\.json is broken"):
        read_notes(tmp_path)
