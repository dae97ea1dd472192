"""Names from files as Markdown shows them: letter for letter."""

from __future__ import annotations

import re

_ORDINARY = re.compile(r"[\w .,/-]+")
_NUMBER = re.compile(r"\d[\d,.]*(?:/[\d,]+)?(?<![,.])")
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#$~:|!])")


def as_plain(text: str) -> str:
    """Keep Markdown from taking anything in a text for markup."""
    return _MARKUP.sub(r"\\\1", text.replace("\n", " "))


def as_label(name: str) -> str:
    """Keep Markdown out of what pills offer; ordinary names stay as they are, for a link says what pills show."""
    return name if _ORDINARY.fullmatch(name) else as_plain(name)


def with_bold_numbers(text: str) -> str:
    """Set the numbers and splits of a sentence in bold, as Markdown; the sentence holds no markup of its own."""
    return _NUMBER.sub(r"**\g<0>**", text)
