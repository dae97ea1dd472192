"""Class names in one line of text, as settings and options have them: with commas, as a line of CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from splitlab.errors import SettingsError


def names_in(text: str) -> tuple[str, ...]:
    """Read class names; a name that has a comma stands in double quotes. No names from an empty text."""
    line: list[str] = next(csv.reader(io.StringIO(text), skipinitialspace=True), [])
    return tuple(name.strip() for name in line if name.strip())


def asked_names(text: str | None) -> tuple[str, ...]:
    """Read the class names that somebody asked for; no names where nobody did (None).

    Raises:
        SettingsError: a text was given that names no class.
    """
    names = names_in(text or "")
    if text is not None and not names:
        raise SettingsError("--classes names no class. Name some, such as --classes cat,dog, or leave it out for all.")
    return names


def in_one_line(names: Iterable[str]) -> str:
    """Write class names so that `names_in` reads them back."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(names)
    return text.getvalue()
