"""Lessons: reading their Markdown texts with placeholders, and showing a screen."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import streamlit as st
import yaml

from splitlab.app.widgets.links import linked_choice, linked_selectbox
from splitlab.app.widgets.split_chip import split_chip
from splitlab.atlas.tables import main_metric
from splitlab.budget.cost import Prices
from splitlab.budget.published import method_rows, published_results
from splitlab.figures.palette import projected
from splitlab.shown_numbers import shown

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

_FOLDER = Path(__file__).with_name("texts")
_PUBLISHED = re.compile(r"\{\{(ap|hours): (\w+) (\d+)/(\d+)\}\}")
_SLOT = re.compile(r"\{\{(?:control|chart): (\w+)(?: \| ([^}]+))?\}\}")
_CASE = re.compile(r"\{\{((?:if|right|wrong): \w+)\}\}\s*")
_VALUE = re.compile(r"\{\{value: (\w+)\}\}")
# Line breaks inside a paragraph; not before tables, quotations and items of lists.
_SOFT_BREAK = re.compile(r"\n(?!\s|[|>]|\* |\d+\. )")


@dataclass(frozen=True)
class _Block:
    """A paragraph, table or list, a row of controls and charts, or both side by side.

    Attributes:
        text: Markdown with placeholders for values.
        needs: Names of its values, and its case if it has one. All must be known before it is shown.
        slots: Key and label of each control and chart.
    """

    text: str
    needs: frozenset[str]
    slots: tuple[tuple[str, str], ...]

    def filled(self, values: Mapping[str, Any]) -> str:
        """Return the text with its values: whole numbers with commas, other numbers with one decimal."""
        return _VALUE.sub(lambda found: _written(values[found[1]]), self.text)


def _read_text(slug: str) -> tuple[dict[str, Any], list[tuple[str, tuple[_Block, ...], str]]]:
    """Read the front matter of a lesson, and each screen's title, blocks and presenter's notes."""
    text = (_FOLDER / f"{slug}.md").read_text(encoding="utf-8")
    _, head, body = _PUBLISHED.sub(_published, text).split("---\n", 2)
    return yaml.safe_load(head), [_screen(part) for part in re.split(r"^# ", body, flags=re.MULTILINE)[1:]]


def _screen(text: str) -> tuple[str, tuple[_Block, ...], str]:
    title, body = text.split("\n", 1)
    body, notes = body.split("\n## Presenter notes\n")
    blocks = tuple(_block(part) for part in re.split(r"\n\s*\n", body.strip()))
    return title.strip(), blocks, _SOFT_BREAK.sub(" ", notes.strip())


def _block(text: str) -> _Block:
    slots = tuple((found[1], found[2] or "") for found in _SLOT.finditer(text))
    needs = frozenset(_VALUE.findall(text)) | frozenset(_CASE.findall(text))
    left = _CASE.sub("", _SLOT.sub("", text)).strip()
    return _Block(_SOFT_BREAK.sub(" ", left), needs, slots)


def _published(found: re.Match[str]) -> str:
    what, dataset, full, weak = found.groups()
    rows = method_rows(published_results(), dataset, "YOLOv5")
    row = rows[(rows["full"] == int(full)) & (rows["weak"] == int(weak))]
    return shown(row[main_metric(dataset)].item()) if what == "ap" else f"{row['cost_hours'].item():,.1f}"


def _written(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, Integral) else str(value)


_CAPTION = "Caption: "
_PAGE_LINK = re.compile(r"\[(.+)\]\((pages/\w+\.py)\)")


@dataclass(frozen=True)
class Verdict:
    """Whether a student's answer is right.

    Attributes:
        right: Whether it is right.
        case: Which of the screen's `{{right: ...}}` or `{{wrong: ...}}` paragraphs explains it.
        values: Values of that paragraph.
    """

    right: bool
    case: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        """The paragraph's tag in the text."""
        return f"{'right' if self.right else 'wrong'}: {self.case}"


class ScreenView:
    """A screen while it is drawn: the layout comes first, and each paragraph appears once its values are known."""

    def __init__(self, blocks: Sequence[_Block]) -> None:
        self._slots: dict[str, tuple[DeltaGenerator, str]] = {}
        self._waiting = [(block, self._lay_out(block)) for block in blocks]
        self._names = {name for block in blocks for name in block.needs}
        self._known: dict[str, Any] = {}
        self.say()

    def _lay_out(self, block: _Block) -> DeltaGenerator:
        if not block.slots:
            return st.container()
        count = len(block.slots) + bool(block.text)
        columns = st.columns(count, gap="large" if count < 3 else "small", vertical_alignment="center")
        self._slots |= {key: (column, label) for (key, label), column in zip(block.slots, columns, strict=False)}
        return columns[-1]

    def say(self, *cases: str, **values: Any) -> None:
        """Set cases and values, and show every paragraph that needs no others."""
        self._show({f"if: {case}": "" for case in cases} | values)

    def judge(self, verdict: Verdict) -> None:
        """Show whether an answer is right, and why; not in print."""
        self._show({verdict.tag: "", **verdict.values})

    def _show(self, known: Mapping[str, Any]) -> None:
        if unknown := known.keys() - self._names:
            raise KeyError(f"the screen's text does not use {', '.join(sorted(unknown))}")
        self._known |= known
        ready = [(block, place) for block, place in self._waiting if block.needs <= self._known.keys()]
        self._waiting = [waiting for waiting in self._waiting if waiting not in ready]
        for block, place in ready:
            if block.text:
                _write(place, block, block.filled(self._known))

    def slot(self, key: str) -> tuple[DeltaGenerator, str]:
        """Return the container of a control or chart, and its label."""
        return self._slots[key]

    def slider(self, key: str, *numbers: float, **look: Any) -> Any:
        """Show a slider bound to the link; the numbers are the least, the largest, the first and the step."""
        place, label = self._slots[key]
        return place.slider(label, *numbers, key=key, bind="query-params", **look)

    def select(self, key: str, options: Sequence[Any], start: Any) -> Any:
        """Show a slider over options, bound to the link."""
        place, label = self._slots[key]
        return place.select_slider(label, options, start, key=key, bind="query-params")

    def choose(self, key: str, options: Sequence[str]) -> str:
        """Show buttons of which one is chosen, at first the first one; bound to the link."""
        place, label = self._slots[key]
        return linked_choice(label, options, options[0], key, place)

    def pick(self, key: str, names: Sequence[str], start: str) -> str:
        """Show a list of names of which one is chosen; the link always contains it."""
        place, label = self._slots[key]
        return linked_selectbox(label, names, key, start, place)

    def split(self, key: str, full: int, weak: int, prices: Prices, scale_hours: float) -> None:
        """Show a split as a bar of hours; `scale_hours` fill the whole width."""
        with self._slots[key][0]:
            split_chip(full, weak, prices, scale_hours)

    def chart(self, key: str, figure: go.Figure) -> None:
        """Show a chart with text large enough for a projector."""
        with self._slots[key][0]:
            show_chart(figure, key)


@dataclass(frozen=True)
class Screen:
    """One screen of a lesson, with one idea.

    Attributes:
        title: The idea in a few words.
        blocks: Its text.
        notes: Markdown for the presenter.
        fill: Fills in controls, charts and values. Keys of controls are in the link and unique within a lesson, because
            the print view shows all its screens at once.
    """

    title: str
    blocks: tuple[_Block, ...]
    notes: str
    fill: Callable[[ScreenView], None]

    def show(self) -> None:
        """Draw the screen."""
        self.fill(ScreenView(self.blocks))


@dataclass(frozen=True)
class Lesson:
    """A lesson; its last screen asks a question that students answer with the controls."""

    title: str
    question: str
    minutes: int
    screens: tuple[Screen, ...]


def read_lesson(slug: str, *fill: Callable[[ScreenView], None]) -> Lesson:
    """Read a lesson's text, and combine it with the functions that fill its screens, in order.

    Raises:
        OSError: There is no such text.
        ValueError: The number of functions is not the number of screens.
    """
    head, texts = _read_text(slug)
    screens = tuple(Screen(*text, function) for text, function in zip(texts, fill, strict=True))
    return Lesson(head["title"], head["question"], head["minutes"], screens)


def show_chart(figure: go.Figure, key: str) -> None:
    """Show a chart with large text and without a toolbar."""
    st.plotly_chart(projected(figure), key=key, config={"displayModeBar": False}, alt=_name_of(figure, key))


def _name_of(figure: go.Figure, key: str) -> str:
    """Name a chart for screen readers by its axes; where they have no titles, by its key."""
    titles = (figure.layout.yaxis.title.text, figure.layout.xaxis.title.text)
    return "Chart: " + (" against ".join(filter(None, titles)) or key.replace("_", " "))


def _write(place: DeltaGenerator, block: _Block, text: str) -> None:
    kinds = {need.partition(":")[0] for need in block.needs if ":" in need}
    if link := _PAGE_LINK.fullmatch(text):
        place.page_link(link[2], label=link[1])
    elif kinds & {"right", "wrong"}:
        box = place.container(key="verdict")
        if "right" in kinds:
            box.success(f"**Right.** {text}", icon=":material/check_circle:")
        else:
            box.info(f"**Not yet.** {text}", icon=":material/arrow_forward:")
    elif text.startswith(_CAPTION):
        place.caption(text.removeprefix(_CAPTION))
    else:
        place.markdown(text)
