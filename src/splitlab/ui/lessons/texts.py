"""The text of a lesson: a Markdown file with a heading for each screen and placeholders for everything computed.

A screen is cut into blocks at its empty lines. Placeholders are `{{control: key | Label}}` and `{{chart: key | Label}}`
(side by side where a block holds several), `{{value: name}}`, and `{{if: case}}`, `{{right: case}}` or
`{{wrong: case}}` before a paragraph that is shown only in that case. `{{ap: VOC2012 400/5000}}` and
`{{hours: VOC2012 400/5000}}` are a published YOLOv5 model's score and cost. A paragraph after `Caption:` is small; one
that is only a link to a page of the app opens that page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import yaml

from splitlab.budget.published import method_rows, published_results
from splitlab.experiments.atlas.measured_tables import main_metric
from splitlab.shown_numbers import shown

FOLDER = Path(__file__).with_name("texts")
_PUBLISHED = re.compile(r"\{\{(ap|hours): (\w+) (\d+)/(\d+)\}\}")
_SLOT = re.compile(r"\{\{(?:control|chart): (\w+)(?: \| ([^}]+))?\}\}")
_CASE = re.compile(r"\{\{((?:if|right|wrong): \w+)\}\}\s*")
_VALUE = re.compile(r"\{\{value: (\w+)\}\}")
# Not before tables, quotations, items of lists, and what belongs to an item.
_SOFT_BREAK = re.compile(r"\n(?!\s|[|>]|\* |\d+\. )")


@dataclass(frozen=True)
class Block:
    """A paragraph, table or list, a row of controls and charts, or both side by side.

    Attributes:
        text: Markdown in which only values are left to be filled in.
        needs: names of its values, and its case if it has one: all must be known before it is shown.
        slots: key and label of each control and chart.
    """

    text: str
    needs: frozenset[str]
    slots: tuple[tuple[str, str], ...]

    def filled(self, values: Mapping[str, Any]) -> str:
        """Return the text with its values: counts with commas, other numbers with one decimal, text as it is."""
        return _VALUE.sub(lambda found: _written(values[found[1]]), self.text)


def read_text(slug: str) -> tuple[dict[str, Any], list[tuple[str, tuple[Block, ...], str]]]:
    """Read the front matter of a lesson, and of each screen the title, the blocks and the presenter's notes.

    Args:
        slug: the file's name without its ending.

    Raises:
        OSError: there is no such file.
        ValueError: it has no front matter, or a screen without notes.
    """
    text = (FOLDER / f"{slug}.md").read_text(encoding="utf-8")
    _, head, body = _PUBLISHED.sub(_published, text).split("---\n", 2)
    return yaml.safe_load(head), [_screen(part) for part in re.split(r"^# ", body, flags=re.MULTILINE)[1:]]


def _screen(text: str) -> tuple[str, tuple[Block, ...], str]:
    title, body = text.split("\n", 1)
    body, notes = body.split("\n## Presenter notes\n")
    blocks = tuple(_block(part) for part in re.split(r"\n\s*\n", body.strip()))
    return title.strip(), blocks, _SOFT_BREAK.sub(" ", notes.strip())


def _block(text: str) -> Block:
    slots = tuple((found[1], found[2] or "") for found in _SLOT.finditer(text))
    needs = frozenset(_VALUE.findall(text)) | frozenset(_CASE.findall(text))
    left = _CASE.sub("", _SLOT.sub("", text)).strip()
    return Block(_SOFT_BREAK.sub(" ", left), needs, slots)


def _published(found: re.Match[str]) -> str:
    what, dataset, full, weak = found.groups()
    rows = method_rows(published_results(), dataset, "YOLOv5")
    row = rows[(rows["full"] == int(full)) & (rows["weak"] == int(weak))]
    return shown(row[main_metric(dataset)].item()) if what == "ap" else f"{row['cost_hours'].item():,.1f}"


def _written(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, Integral) else str(value)
