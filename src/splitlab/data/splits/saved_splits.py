"""Splits that people built and named, kept for the next run."""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path

from splitlab.data.splits.split import Split, read_split
from splitlab.drafts import swept
from splitlab.errors import SplitError

NAME = re.compile(r"[\w][\w .+-]{0,59}")


def save_split(folder: Path, name: str, split: Split) -> Path:
    """Write a split as `folder`/`name`.json; one of this name is replaced.

    Raises:
        SplitError: the name is no plain file name, or the folder cannot be written.
    """
    if not NAME.fullmatch(name):
        raise SplitError(f"'{name}' is no name for a split: use up to 60 letters, digits, spaces, dots and dashes.")
    path = folder / f"{name}.json"
    draft: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, draft_name = tempfile.mkstemp(prefix=swept(".split-", folder), dir=folder)
        draft = Path(draft_name)
        with os.fdopen(handle, "w") as file:
            file.write(json.dumps(split.to_json()))
        draft.chmod(0o644)
        draft.replace(path)
    except OSError as error:
        raise SplitError(f"{path}: cannot be written ({error.strerror}). Free some space.") from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)
    return path


def saved_splits(folder: Path, source: str) -> dict[str, Split]:
    """Return the named splits of a folder that were drawn from these very labels; others are passed over."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            split = read_split(path)
        except SplitError:
            continue  # one broken file is no reason to offer none
        if split.source == source:
            found[path.stem] = split
    return found
