"""What people write on a run: a note and tags, in `notes.json` of its folder. A sweep is a tag as well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from splitlab.errors import RunError
from splitlab.io import holding, plain_json, write_json

NOTES_NAME, _PATIENCE_SECONDS = "notes.json", 10.0
MAX_NOTE, MAX_TAGS, _MAX_TAG = 10_000, 50, 100
_MAX_LETTERS = 200_000


@dataclass(frozen=True)
class Notes:
    """A note and tags.

    Attributes:
        note: free text, at most 10,000 letters.
        tags: at most 50 different ones, each a line of at most 100 letters.

    Raises:
        RunError: a text is too long, or a tag is no single line.
    """

    note: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.note, str) or not all(isinstance(tag, str) for tag in self.tags):
            raise RunError("A run's note and tags are texts; something else was given. Write them anew.")
        if len(self.note) > MAX_NOTE:
            raise RunError(f"The note has {len(self.note):,} letters; at most {MAX_NOTE:,} are kept. Shorten it.")
        if len(self.tags) > MAX_TAGS or len(set(self.tags)) < len(self.tags):
            raise RunError(f"A run has at most {MAX_TAGS} tags, each once; these are {len(self.tags)}. Take some out.")
        for tag in self.tags:
            if not 0 < len(tag) <= _MAX_TAG or not tag.isprintable() or tag != tag.strip():
                raise RunError(
                    f"The tag {tag[:_MAX_TAG]!r} cannot be kept: a tag is one line of 1 to {_MAX_TAG} letters "
                    "without blanks around it."
                )

    def to_json(self) -> dict[str, Any]:
        """Return what stands in the file."""
        return {"note": self.note, "tags": list(self.tags)}

    @classmethod
    def from_json(cls, content: Any) -> Notes:
        """Build notes from what a file holds.

        Raises:
            RunError: it is no note.
        """
        if not isinstance(content, dict) or not isinstance(content.get("tags", []), list):
            raise RunError("These are no notes: a note is an object with `note` and `tags`. Write them anew.")
        return cls(content.get("note", ""), tuple(content.get("tags", ())))


def read_notes(run: Path) -> Notes:
    """Read the notes of a run folder; empty ones where nobody wrote any.

    Raises:
        RunError: the file is broken.
    """
    path = run / NOTES_NAME
    try:
        with path.open("rb") as file:
            # What is cut off here is no whole JSON.
            return Notes.from_json(plain_json(file.read(_MAX_LETTERS)))
    except FileNotFoundError:
        return Notes()
    except (OSError, ValueError, RecursionError, RunError) as error:
        raise RunError(f"{path} is broken ({error}). Delete it, or write the note again.") from error


def write_notes(run: Path, notes: Notes) -> None:
    """Write the notes of a run folder in one step.

    Raises:
        RunError: the folder cannot be written.
    """
    write_json(run / NOTES_NAME, notes.to_json())


def add_tag(run: Path, tag: str) -> None:
    """Tag a run; one that has the tag is left as it is.

    Raises:
        RunError: the notes are broken, full, or cannot be written.
    """
    change_notes(run, lambda notes: notes if tag in notes.tags else replace(notes, tags=(*notes.tags, tag)))


def change_notes(run: Path, change: Callable[[Notes], Notes]) -> None:
    """Write what `change` makes of a run's notes; nobody else changes them in the meantime.

    Raises:
        RunError: the notes are broken or cannot be written.
    """
    if change(read_notes(run)) == read_notes(run):
        return  # a folder that is only read needs no lock
    refusal = f"{run / NOTES_NAME} is being written by another process that does not come to an end. Try again."
    with holding(run / ".notes.lock", refusal, _PATIENCE_SECONDS):
        before = read_notes(run)
        after = change(before)
        if after != before:
            write_notes(run, after)
