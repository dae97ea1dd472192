"""Names from files as Markdown shows them: letter for letter."""

from __future__ import annotations

import re

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#$~:|!])")


def as_plain(text: str) -> str:
    """Keep Markdown from taking anything in a text for markup."""
    return _MARKUP.sub(r"\\\1", text.replace("\n", " "))
