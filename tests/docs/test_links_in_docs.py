"""Links lead somewhere: to files that are there, and to headings in them."""

import re

import pytest

from tests.docs.code_blocks import FENCE, ROOT

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
LINK = re.compile(r"""(?:\]\(|src="|srcset=")([^)\s"]+)[)"]""")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
GLOSSARY = ROOT / "docs" / "glossary.md"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_relative_link_of_the_page_leads_somewhere(page):
    lost = [link for link in links_of(page) if not leads_somewhere(page, link)]
    assert not lost


def test_every_page_of_the_docs_is_reached_from_the_start_page():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page.is_dir():
            waiting += page.glob("*.md")
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in links_of(page) if link[0] != "#"]
    assert {page for page in PAGES if page.is_relative_to(ROOT / "docs")} <= reached


def test_every_picture_is_shown_on_a_page():
    shown = {(page.parent / link).resolve() for page in PAGES for link in links_of(page)}
    assert set((ROOT / "docs" / "pictures").iterdir()) <= shown


def test_the_glossary_stands_in_the_order_of_its_letters_and_says_something_of_each_term():
    terms = re.findall(r"^### (.*)\n\n(.+)$", GLOSSARY.read_text(), re.MULTILINE)
    names = [name.lower() for name, _ in terms]
    assert names == sorted(names)
    assert len(names) == GLOSSARY.read_text().count("\n### ")


def links_of(page):
    text = re.sub(r"`[^`\n]+`", "", FENCE.sub("", page.read_text()))
    return [link for link in LINK.findall(text) if not link.startswith(("http://", "https://", "mailto:"))]


def leads_somewhere(page, link):
    path, _, heading = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return False
    return not heading or heading in {anchor(text) for text in HEADING.findall(target.read_text())}


def anchor(heading):
    """Name a heading as GitHub does."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")
