"""Names of checkpoints: each is a folder's name and may come from anybody."""

from __future__ import annotations

import re

from splitlab.errors import CheckpointError

MOST_LETTERS = 60
NAME = re.compile(rf"\w[\w.-]{{0,{MOST_LETTERS - 1}}}")


def checked_name(name: str) -> str:
    """Return a name that can be a folder's.

    Raises:
        CheckpointError: it is none, such as one that would lead to another folder.
    """
    if not NAME.fullmatch(name):
        raise CheckpointError(
            f"{name[:100]!r} is no name for a checkpoint: use up to {MOST_LETTERS} letters, digits, dots and dashes, "
            "a letter or digit first."
        )
    return name


def proposed_name(text: str) -> str:
    """Return a name that is like a text, such as that of a file."""
    return re.sub(r"[^\w.-]+", "-", text).lstrip(".-")[:MOST_LETTERS] or "checkpoint"
