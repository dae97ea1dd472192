"""What is typed after `splitlab` is checked once, before any command sees it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from splitlab.errors import SettingsError

MOST_LETTERS, SHOWN_LETTERS = 4096, 60
# Python's own limit on whole numbers in text is 4,300 digits, and a float ends at 309.
_LONG_NUMBER = re.compile(r"(?:^|=)[+-]?\d{19,}(?:$|[.eE])")


def check_words(words: Sequence[str]) -> None:
    """Refuse what is no plain text of a bounded length.

    Raises:
        SettingsError: a word is too long, holds letters that no terminal shows, or is a number of too many digits.
    """
    for word in words:
        shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in word)
        shown = shown[:SHOWN_LETTERS]
        if len(word) > MOST_LETTERS:
            raise SettingsError(f"'{shown}...' has {len(word):,} letters, over the {MOST_LETTERS:,} that are read.")
        if any(not letter.isprintable() and letter not in "\t\n" for letter in word):
            raise SettingsError(f"'{shown}' holds letters that cannot be shown. Type it again without them.")
        if _LONG_NUMBER.search(word):
            raise SettingsError(f"'{shown}...' is a number of more than 18 digits. Give a smaller one.")
