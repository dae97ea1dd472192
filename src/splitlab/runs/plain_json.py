"""JSON as it is written here: finite numbers, text that can be shown. What else a file may hold is refused."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

# Larger than anything that is counted here; a float ends at 309 digits.
MOST_DIGITS = 300


def plain_json(content: bytes | str) -> Any:
    """Read JSON.

    Raises:
        ValueError: it is none, or holds NaN, an infinite number, or half a letter.
        RecursionError: it is nested too deeply.
    """
    text = content.decode() if isinstance(content, bytes) else content
    found = json.loads(text, parse_float=_finite, parse_int=_whole, parse_constant=_refuse)
    # An escaped half of a letter passes as text, until somebody prints it.
    if "\\ud" in text.lower():
        json.dumps(found, ensure_ascii=False).encode()
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse(digits)


def _whole(digits: str) -> int:
    return int(digits) if len(digits) <= MOST_DIGITS else _refuse(digits)


def _refuse(number: str) -> NoReturn:
    raise ValueError(f"{number[:40]} is no number that can be reckoned with")
