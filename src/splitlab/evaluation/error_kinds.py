"""What can be wrong with a detection or an object, as TIDE (Bolya et al., ECCV 2020) tells the kinds apart."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class ErrorKind(StrEnum):
    """What became of a detection, or of an object that none found. `FOUND` is no error."""

    FOUND = "found"
    WRONG_CLASS = "wrong class"
    BAD_MASK = "bad mask"
    BOTH = "wrong class and bad mask"
    DUPLICATE = "duplicate"
    BACKGROUND = "background"
    MISSED = "missed"


ERRORS: tuple[ErrorKind, ...] = tuple(kind for kind in ErrorKind if kind is not ErrorKind.FOUND)

MEANINGS: Mapping[ErrorKind, str] = MappingProxyType(
    {
        ErrorKind.FOUND: "the right class, and an IoU of 0.5 or more with an object that no better score took",
        ErrorKind.WRONG_CLASS: "an IoU of 0.5 or more with an object of another class",
        ErrorKind.BAD_MASK: "the right class, but an IoU of only 0.1 to 0.5",
        ErrorKind.BOTH: "another class, and an IoU of only 0.1 to 0.5",
        ErrorKind.DUPLICATE: "right, but a detection with a better score has found the object already",
        ErrorKind.BACKGROUND: "an IoU of less than 0.1 with every object: there is nothing",
        ErrorKind.MISSED: "an object that no detection found, nor nearly found",
    }
)
"""Each kind in plain words, at TIDE's own limits of 0.5 and 0.1."""
