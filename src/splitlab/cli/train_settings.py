"""What `splitlab train` was told: a recipe, and what differs from it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from splitlab.errors import SettingsError
from splitlab.runs.recipes import run_settings
from splitlab.runs.run_folder import RunFolder
from splitlab.runs.spec import SETTINGS

RUN_SECONDS = 600
# Their quotes and digits are their own.
_TEXTS = frozenset(name for name, one in SETTINGS.items() if one.kind is str)


def chosen_settings(
    recipe: str, options: dict[str, Any], others: Sequence[str], full: int, weak: int | None
) -> dict[str, Any]:
    """Return a recipe's settings, with the options that were given (not None), and others as NAME=VALUE, over them.

    Args:
        recipe: its name.
        options: settings by name.
        others: of `--set`.
        full: |F|, or any number of images above 0 where it is not known yet.
        weak: |W|, or None where it is not known yet; see `run_settings`.

    Raises:
        SettingsError: there is no such recipe, or one of the others has no value.
    """
    given = {name: value for name, value in options.items() if value is not None}
    return run_settings(recipe, {**given, **named_values(others)}, full, weak)


def not_said_elsewhere(others: Sequence[str], said_by: Mapping[str, str]) -> Sequence[str]:
    """Return the others, if none of them is said by an option of its own.

    Args:
        others: settings as NAME=VALUE.
        said_by: the option of a setting.

    Raises:
        SettingsError: one of them is.
    """
    for other in others:
        name = other.partition("=")[0]
        if name in said_by:
            raise SettingsError(f"--set {other}: {name} is said by {said_by[name]}.")
    return others


def named_values(others: Sequence[str]) -> dict[str, Any]:
    """Read settings written as NAME=VALUE.

    Raises:
        SettingsError: one of them has no value.
    """
    return dict(_named_value(other) for other in others)


def value_of(text: str) -> Any:
    """Read a number or true and false; what is neither stays text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _named_value(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise SettingsError(f"--set {text} has no value. Write it as NAME=VALUE, such as --set momentum=0.9.")
    return name, value if name in _TEXTS else value_of(value)


def run_of_main_process(folder: Path | None) -> RunFolder:
    """Wait for the run that the main of several processes makes, and open it.

    Raises:
        SettingsError: nobody said where it will be.
        RunError: it does not come.
    """
    if folder is None:
        raise SettingsError("Several processes need one run folder. Say where it is to be with --out.")
    deadline = time.monotonic() + RUN_SECONDS
    while not (folder / "spec.json").is_file() and time.monotonic() < deadline:
        time.sleep(0.1)
    return RunFolder.open(folder)
