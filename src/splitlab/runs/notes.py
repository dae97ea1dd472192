"""The note and tags of a run, in `notes.json` of its folder. A sweep's name is a tag."""

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
    """A note of at most 10,000 characters, and at most 50 different tags, each a line of at most 100 characters.

    Raises:
        RunError: a text is too long, or a tag is not a single line.
    """

    note: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.note, str) or not all(isinstance(tag, str) for tag in self.tags):
            raise RunError("A run's note and tags must be text. Write them again.")
        if len(self.note) > MAX_NOTE:
            raise RunError(f"The note has {len(self.note):,} characters; at most {MAX_NOTE:,} are allowed. Shorten it.")
        if len(self.tags) > MAX_TAGS or len(set(self.tags)) < len(self.tags):
            raise RunError(f"A run has at most {MAX_TAGS} different tags; these are {len(self.tags)}. Remove some.")
        for tag in self.tags:
            if not 0 < len(tag) <= _MAX_TAG or not tag.isprintable() or tag != tag.strip():
                raise RunError(
                    f"The tag {tag[:_MAX_TAG]!r} is invalid: a tag is one line of 1 to {_MAX_TAG} characters without "
                    "spaces around it."
                )

    def to_json(self) -> dict[str, Any]:
        """Return the content of the file."""
        return {"note": self.note, "tags": list(self.tags)}

    @classmethod
    def from_json(cls, content: Any) -> Notes:
        """Build notes from the content of a file. Raise RunError if it is invalid."""
        if not isinstance(content, dict) or not isinstance(content.get("tags", []), list):
            raise RunError("Notes must be an object with `note` and `tags`. Write them again.")
        return cls(content.get("note", ""), tuple(content.get("tags", ())))


def read_notes(run: Path) -> Notes:
    """Read the notes of a run folder; empty if there are none. Raise RunError if the file is broken."""
    path = run / NOTES_NAME
    try:
        with path.open("rb") as file:
            return Notes.from_json(plain_json(file.read(_MAX_LETTERS)))  # what is cut off is not valid JSON
    except FileNotFoundError:
        return Notes()
    except (OSError, ValueError, RecursionError, RunError) as error:
        raise RunError(f"{path} is broken ({error}). Delete it, or write the note again.") from error


def write_notes(run: Path, notes: Notes) -> None:
    """Write the notes of a run folder in one step. Raise RunError if the folder cannot be written."""
    write_json(run / NOTES_NAME, notes.to_json())


def add_tag(run: Path, tag: str) -> None:
    """Tag a run, unless it has the tag. Raise RunError if the notes are broken, full, or cannot be written."""
    change_notes(run, lambda notes: notes if tag in notes.tags else replace(notes, tags=(*notes.tags, tag)))


def change_notes(run: Path, change: Callable[[Notes], Notes]) -> None:
    """Apply `change` to a run's notes under a lock. Raise RunError if they are broken or cannot be written."""
    if change(read_notes(run)) == read_notes(run):
        return  # without a lock, which a read-only folder does not allow
    refusal = f"{run / NOTES_NAME} is being written by another process that does not end. Try again."
    with holding(run / ".notes.lock", refusal, _PATIENCE_SECONDS):
        before = read_notes(run)
        after = change(before)
        if after != before:
            write_notes(run, after)
