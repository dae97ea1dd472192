"""Documentation: the guides of `docs/` inside the app, which works without a network."""

from __future__ import annotations

import posixpath
import re
from functools import cache
from typing import TYPE_CHECKING

import streamlit as st

from splitlab.app.navigation import ensure_started_by_app
from splitlab.app.widgets.links import linked_selectbox
from splitlab.workspace import SHIPPED

if TYPE_CHECKING:
    from pathlib import Path

_DOCS = SHIPPED / "docs"
_START, _GUIDE = "README", "guide"
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:)([^)#\s]*)(?:#[^)]*)?\)")


def show_page() -> None:
    """Show the guide that the link or the list asks for."""
    ensure_started_by_app()
    titles = _titles()
    chosen = linked_selectbox(
        "Guide", list(titles), _GUIDE, _START, st.container(width=480), lambda name: f"{titles[name]} ({name})"
    )
    st.title(titles[chosen], anchor=False)
    _, _, text = (_DOCS / f"{chosen}.md").read_text(encoding="utf-8").partition("\n")
    st.container(key="guide_text").markdown(linked_in_app(text, chosen, set(titles)))


def linked_in_app(text: str, name: str, known: set[str]) -> str:
    """Turn a guide's links to other guides into links of this page; of links to other files only the words stay.

    Args:
        text: The guide, Markdown.
        name: Its name, such as "how-to/own-prices".
        known: Names of all guides.
    """

    def link(found: re.Match[str]) -> str:
        words, path = found.groups()
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)).removesuffix(".md")
        return f"[{words}](?{_GUIDE}={target})" if target in known else words

    return _LINK.sub(link, text)


@cache
def _titles() -> dict[str, str]:
    """Return the titles of all guides by their names; the list of guides comes first, decisions come last."""
    paths = sorted(_DOCS.rglob("*.md"), key=lambda path: (path.stem != _START, path.parent != _DOCS, path))
    return {path.relative_to(_DOCS).with_suffix("").as_posix(): _title(path) for path in paths}


def _title(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.readline().lstrip("# ").strip()
