"""A colour for each kind of error, told apart with any colour vision; none is the indigo of F or the amber of W."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from splitlab.evaluation.error_kinds import ErrorKind

ERROR_COLOURS: Mapping[ErrorKind, str] = MappingProxyType(
    {
        ErrorKind.FOUND: "#6B7280",
        ErrorKind.WRONG_CLASS: "#D55E00",
        ErrorKind.BAD_MASK: "#56B4E9",
        ErrorKind.BOTH: "#8E3A80",
        ErrorKind.DUPLICATE: "#F0E442",
        ErrorKind.BACKGROUND: "#A3A8B0",
        ErrorKind.MISSED: "#1B7F4B",
    }
)
