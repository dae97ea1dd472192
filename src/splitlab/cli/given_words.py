"""What is typed after `splitlab` is checked once, before any command sees it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from splitlab.errors import SettingsError

MOST_LETTERS, SHOWN_LETTERS = 4096, 60
# Control characters, and the halves of letters that Python makes of bytes that are not UTF-8. Spaces and joiners of all
# kinds stand in ordinary file names.
_REFUSED = ("Cc", "Cs")
# Python's own limit on whole numbers in text is 4,300 digits, and a float ends at 309.
_LONG_NUMBER = re.compile(r"(?:^|=)[+-]?\d{19,}(?:\.\d*)?(?:[eE][+-]?\d+)?$")


def check_words(words: Sequence[str]) -> None:
    """Refuse what is no plain text of a bounded length.

    Raises:
        SettingsError: a word is too long, holds control characters or bytes that are not UTF-8, or is a number of too
            many digits.
    """
    for word in words:
        shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in word)
        shown = shown[:SHOWN_LETTERS]
        if len(word) > MOST_LETTERS:
            raise SettingsError(f"'{shown}...' has {len(word):,} letters, over the {MOST_LETTERS:,} that are read.")
        if any(unicodedata.category(letter) in _REFUSED and letter not in "\t\n" for letter in word):
            raise SettingsError(
                f"'{shown}' holds control characters, or bytes that are not UTF-8. Rename the file, or type it again."
            )
        if _LONG_NUMBER.search(word):
            raise SettingsError(f"'{shown}...' is a number of more than 18 digits. Give a smaller one.")
