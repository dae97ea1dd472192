"""What a lesson is made of: screens with one idea each; the last asks a question that is answered by playing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import plotly.graph_objects as go
import streamlit as st

from splitlab.figures.projected import projected

VERDICT = "verdict"


@dataclass(frozen=True)
class Screen:
    """One idea.

    Attributes:
        title: the idea in a few words.
        show: draws text, controls and picture. Keys of controls stand in the link and are a lesson's own: a print shows
            all screens of a lesson at once.
        notes: for whoever presents it: what to ask, what usually goes wrong, the published figure to know. Markdown.
    """

    title: str
    show: Callable[[], None]
    notes: str


@dataclass(frozen=True)
class Lesson:
    """One lesson.

    Attributes:
        title: its name.
        answers: the question that it answers, as a student would ask it.
        minutes: how long it takes one student, about.
        screens: in order; the last is the question.
    """

    title: str
    answers: str
    minutes: int
    screens: tuple[Screen, ...]


@dataclass(frozen=True)
class Verdict:
    """What the library says to an answer.

    Attributes:
        right: whether it is one.
        why: in a sentence or two; for a wrong answer also which way to go on. Markdown.
    """

    right: bool
    why: str


def show_verdict(verdict: Verdict) -> None:
    """Say whether the answer is right, and why; a print leaves it out."""
    with st.container(key=VERDICT):
        if verdict.right:
            st.success(f"**Right.** {verdict.why}", icon=":material/check_circle:")
        else:
            st.info(f"**Not yet.** {verdict.why}", icon=":material/arrow_forward:")


def show_chart(figure: go.Figure, key: str) -> None:
    """Show a chart in letters that can be read from the last row."""
    st.plotly_chart(projected(figure), key=key, config={"displayModeBar": False})
