"""A lesson: its text, and the functions that fill its screens with controls, charts and values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import streamlit as st

from splitlab.budget.annotation_cost import Prices
from splitlab.figures.projected import projected
from splitlab.ui.lessons.texts import Block, read_text
from splitlab.ui.linked_controls import linked_choice
from splitlab.ui.named_links import linked_selectbox
from splitlab.ui.split_chip import split_chip

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

_CAPTION = "Caption: "
_PAGE_LINK = re.compile(r"\[(.+)\]\((pages/\w+\.py)\)")


@dataclass(frozen=True)
class Verdict:
    """The answer to an answer.

    Attributes:
        right: whether the student's answer is right.
        case: which of the screen's `{{right: ...}}` or `{{wrong: ...}}` paragraphs says why.
        values: what stands in that paragraph.
    """

    right: bool
    case: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        """The paragraph's tag in the text."""
        return f"{'right' if self.right else 'wrong'}: {self.case}"


class ScreenView:
    """A screen as it is drawn: its text is laid out at once, and each paragraph appears when all it needs is known."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._slots: dict[str, tuple[DeltaGenerator, str]] = {}
        self._waiting = [(block, self._lay_out(block)) for block in blocks]
        self._names = {name for block in blocks for name in block.needs}
        self._known: dict[str, Any] = {}
        self.say()

    def _lay_out(self, block: Block) -> DeltaGenerator:
        if not block.slots:
            return st.container()
        count = len(block.slots) + bool(block.text)
        columns = st.columns(count, gap="large" if count < 3 else "small", vertical_alignment="center")
        self._slots |= {key: (column, label) for (key, label), column in zip(block.slots, columns, strict=False)}
        return columns[-1]

    def say(self, *cases: str, **values: Any) -> None:
        """Make cases and values known, and show every paragraph that waited for them."""
        self._show({f"if: {case}": "" for case in cases} | values)

    def judge(self, verdict: Verdict) -> None:
        """Say whether an answer is right, and why; a print leaves it out."""
        self._show({verdict.tag: "", **verdict.values})

    def _show(self, known: Mapping[str, Any]) -> None:
        if unknown := known.keys() - self._names:
            raise KeyError(f"the screen's text has no place for {', '.join(sorted(unknown))}")
        self._known |= known
        ready = [(block, place) for block, place in self._waiting if block.needs <= self._known.keys()]
        self._waiting = [waiting for waiting in self._waiting if waiting not in ready]
        for block, place in ready:
            if block.text:
                _write(place, block, block.filled(self._known))

    def slot(self, key: str) -> tuple[DeltaGenerator, str]:
        """Return the place of a control or chart, and its label."""
        return self._slots[key]

    def slider(self, key: str, *numbers: float, **look: Any) -> Any:
        """Show a slider: its least and largest number, where it starts, its step. The link holds the number."""
        place, label = self._slots[key]
        return place.slider(label, *numbers, key=key, bind="query-params", **look)

    def select(self, key: str, options: Sequence[Any], start: Any) -> Any:
        """Show a slider over some options, bound to the link."""
        place, label = self._slots[key]
        return place.select_slider(label, options, start, key=key, bind="query-params")

    def choose(self, key: str, options: Sequence[str]) -> str:
        """Show options of which exactly one is chosen, at first the first; bound to the link."""
        place, label = self._slots[key]
        return linked_choice(label, options, options[0], key, place)

    def pick(self, key: str, names: Sequence[str], start: str) -> str:
        """Show a list of names of which one is chosen; the link always says which."""
        place, label = self._slots[key]
        return linked_selectbox(label, names, key, start, place)

    def split(self, key: str, full: int, weak: int, prices: Prices, scale_hours: float) -> None:
        """Show a split as a bar of hours; `scale_hours` fill the whole width."""
        with self._slots[key][0]:
            split_chip(full, weak, prices, scale_hours)

    def chart(self, key: str, figure: go.Figure) -> None:
        """Show a chart in letters that can be read from the last row of a class."""
        with self._slots[key][0]:
            show_chart(figure, key)


@dataclass(frozen=True)
class Screen:
    """One idea.

    Attributes:
        title: the idea in a few words.
        blocks: its text.
        notes: for the presenter. Markdown.
        fill: fills the text's controls, charts and values. Keys of controls stand in the link and are a lesson's own:
            a print shows all screens of a lesson at once.
    """

    title: str
    blocks: tuple[Block, ...]
    notes: str
    fill: Callable[[ScreenView], None]

    def show(self) -> None:
        """Draw the screen.

        Raises:
            SplitLabError: something that it shows cannot be computed.
        """
        self.fill(ScreenView(self.blocks))


@dataclass(frozen=True)
class Lesson:
    """One lesson: its title, the question it answers, about how many minutes it takes, and its screens.

    The last screen asks a question that the student answers by playing.
    """

    title: str
    question: str
    minutes: int
    screens: tuple[Screen, ...]


def read_lesson(slug: str, *fill: Callable[[ScreenView], None]) -> Lesson:
    """Read a lesson's text and join it with the functions that fill its screens, in order.

    Raises:
        OSError: there is no such text.
        ValueError: there are not as many functions as screens.
    """
    head, texts = read_text(slug)
    screens = tuple(Screen(*text, function) for text, function in zip(texts, fill, strict=True))
    return Lesson(head["title"], head["question"], head["minutes"], screens)


def show_chart(figure: go.Figure, key: str) -> None:
    """Show a chart in large letters and without a tool bar."""
    st.plotly_chart(projected(figure), key=key, config={"displayModeBar": False})


def _write(place: DeltaGenerator, block: Block, text: str) -> None:
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
