"""Lessons: the list of all, one lesson screen by screen, and a print view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from splitlab.app.lessons import curves, labels, mistakes, mixing, splits
from splitlab.app.lessons.lesson import Lesson
from splitlab.app.navigation import ensure_started_by_app, errors_shown, page_head
from splitlab.app.widgets.text import as_plain
from splitlab.budget.published import FLATTERED

_LESSON, _SCREEN, _PRINT = "lesson", "screen", "print"
_NOTES = "notes"
_BODY, _NAV = "lesson", "lesson_nav"
_EVER_IN_LINK, _OPENED = "ever in the link of lesson {}", "lesson opened last"
_LONGEST_ECHO = 20
_PAGE = "pages/lessons.py"
_LESSONS: tuple[Lesson, ...] = (
    labels.WHAT_A_LABEL_COSTS,
    labels.WHAT_WEAK_LABELS_BUY,
    splits.EXTREME_SPLITS_LOSE,
    splits.MORE_WEAK_MORE_FULL,
    mistakes.SAME_SCORE_DIFFERENT_MISTAKES,
    curves.THE_EQUISCORE_HYPERBOLA,
    curves.HALF_ON_MASKS_HALF_ON_BOXES,
    mixing.MIX_OR_MASKS_ONLY,
)


@dataclass(frozen=True)
class _Place:
    """What a link asks for.

    Attributes:
        lesson: Number of the lesson, from 1; 0 for the list of all.
        screen: Number of the screen, from 1.
        printed: Whether all screens are shown for printing.
        problem: What is wrong with the link, as Markdown; empty if nothing.
    """

    lesson: int
    screen: int = 1
    printed: bool = False
    problem: str = ""


def show_page() -> None:
    """Show the list of lessons, a screen, or a whole lesson for printing: what the link asks for."""
    ensure_started_by_app()
    place = _read_place(st.query_params, _LESSONS)
    if place.problem:
        st.warning(place.problem)
    # A browser does not follow a link from a page to the page itself, so the lesson is written into the link.
    if place.lesson and st.session_state.get(_OPENED) != place.lesson:
        st.query_params[_LESSON] = str(place.lesson)
    st.session_state[_OPENED] = place.lesson
    if not place.lesson:
        _show_list(_LESSONS)
    elif place.printed:
        _show_sheets(_LESSONS[place.lesson - 1], place)
    else:
        _show_screen(_LESSONS, place)


def _read_place(asked: Mapping[str, str], lessons: Sequence[Lesson]) -> _Place:
    """Read the parameters of a link; for a lesson or screen that does not exist, return another with the problem."""
    if _LESSON not in asked:
        return _Place(0)
    lesson = _number(asked[_LESSON], len(lessons))
    if not lesson:
        return _Place(0, problem=f"There is no lesson {_echo(asked[_LESSON])}: they are numbered 1 to {len(lessons)}.")
    screens = len(lessons[lesson - 1].screens)
    screen = _number(asked.get(_SCREEN, "1"), screens)
    printed = asked.get(_PRINT) == "true"
    if screen:
        return _Place(lesson, screen, printed)
    problem = f"Lesson {lesson} has no screen {_echo(asked[_SCREEN])}: they are numbered 1 to {screens}."
    return _Place(lesson, 1, printed, problem)


def _number(text: str, most: int) -> int:
    """Return a number from 1 to `most`, or 0 if the text is no such number."""
    return {str(number): number for number in range(1, most + 1)}.get(text, 0)


def _echo(text: str) -> str:
    return f"'{as_plain(text[:_LONGEST_ECHO])}'"


def _css(name: str) -> str:
    return Path(__file__).with_name(f"{name}.css").read_text(encoding="utf-8")


def _show_list(lessons: Sequence[Lesson]) -> None:
    page_head(
        "Lessons",
        "Short lessons for a class with a projector, or for one student alone. Each ends with a question that you "
        "answer with the controls, and the app checks the answer.",
    )
    for number, lesson in enumerate(lessons, start=1):
        with st.container(border=True):
            name, length = st.columns([5, 1], vertical_alignment="center")
            name.page_link(
                _PAGE,
                label=f"**{number}. {lesson.title}**",
                icon=":material/arrow_forward:",
                query_params={_LESSON: str(number)},
            )
            name.markdown(lesson.question)
            length.caption(f"{len(lesson.screens)} screens, about {lesson.minutes} minutes")
    st.caption(FLATTERED)


def _show_screen(lessons: Sequence[Lesson], place: _Place) -> None:
    lesson = lessons[place.lesson - 1]
    screen = lesson.screens[place.screen - 1]
    # An opaque bar at the bottom, in the colour of the page.
    background = st.get_option(f"theme.{st.context.theme.type or 'light'}.backgroundColor")
    st.html(f"<style>{_css('screen')}.st-key-{_NAV} {{ background: {background}; }}</style>")
    body = st.container(key=_BODY)
    # Drawn before the screen, or a quick second step would repeat the first one.
    _show_steps(lessons, place)
    with body:
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.caption(f"Lesson {place.lesson} of {len(lessons)}: {lesson.title}", width="content")
            st.html(_print_link(place.lesson), width="content")
            notes = st.toggle("Presenter notes", key=_NOTES, bind="query-params", width="content")
        st.header(screen.title, anchor=False)
        if notes:
            _show_notes(screen.notes)
        with errors_shown():
            screen.show()


def _show_notes(notes: str) -> None:
    with st.container(border=True):
        st.markdown("**For the presenter.** " + notes)


def _show_steps(lessons: Sequence[Lesson], place: _Place) -> None:
    before, after = _neighbours(lessons, place)
    screens = len(lessons[place.lesson - 1].screens)
    forth = "Next lesson" if place.screen == screens else "Next"
    with st.container(key=_NAV, horizontal=True, vertical_alignment="center", gap="medium"):
        # Page Down and Page Up are the keys of a presenter's clicker.
        st.button("Back" if before else "All lessons", key="back", shortcut="PageUp", on_click=_go, args=(before,))
        st.html(_progress_html(place.screen, screens))
        st.button(
            forth if after else "All lessons", key="next", type="primary", shortcut="PageDown", on_click=_go,
            args=(after,),
        )  # fmt: skip


def _progress_html(screen: int, screens: int) -> str:
    """Return one bar for each screen, those up to this one filled."""
    style = "flex:1;height:.45rem;border-radius:.25rem;background:currentColor;opacity:"
    bars = "".join(f'<i style="{style}{0.75 if at < screen else 0.18}"></i>' for at in range(screens))
    return f'<div role="img" aria-label="Screen {screen} of {screens}" style="display:flex;gap:.35rem">{bars}</div>'


def _neighbours(lessons: Sequence[Lesson], place: _Place) -> tuple[_Place | None, _Place | None]:
    """Return the previous and the next screen; None for the list of all lessons."""
    before = _Place(place.lesson, place.screen - 1) if place.screen > 1 else None
    if place.screen < len(lessons[place.lesson - 1].screens):
        return before, _Place(place.lesson, place.screen + 1)
    return before, _Place(place.lesson + 1) if place.lesson < len(lessons) else None


def _go(place: _Place | None) -> None:
    if place is None:
        for key in (_LESSON, _SCREEN):
            st.query_params.pop(key, None)
        return
    # In one update: each one is a step of the browser's Back button.
    st.query_params.update({_LESSON: str(place.lesson), _SCREEN: str(place.screen)})


def _print_link(lesson: int) -> str:
    """Return a link to the print view of a lesson with the controls of all its screens as they are."""
    asked: dict[str, Any] = {key: st.query_params.get_all(key) for key in st.query_params if key != _SCREEN}
    # A control of another screen is not in the link, but its value is still in the session.
    ever: dict[str, None] = st.session_state.setdefault(_EVER_IN_LINK.format(lesson), {})
    ever |= dict.fromkeys(asked)
    asked |= {key: st.session_state[key] for key in ever if key not in asked and key in st.session_state}
    # Paper is white, so ask for the light theme.
    asked |= {_PRINT: ["true"], "embed": ["true"], "embed_options": ["light_theme"]}
    return f'<a href="?{escape(urlencode(asked, doseq=True))}" target="_blank" rel="noopener">Print view</a>'


def _show_sheets(lesson: Lesson, place: _Place) -> None:
    st.html(f"<style>{_css('print')}</style>")
    with st.container(key=_BODY):
        notes = st.toggle("Presenter notes", key=_NOTES, bind="query-params")
        st.title(f"{place.lesson}. {lesson.title}", anchor=False)
        st.markdown(lesson.question)
        for number, screen in enumerate(lesson.screens, start=1):
            with st.container(key=f"sheet_{number}"):
                st.subheader(screen.title, anchor=False)
                if notes:
                    _show_notes(screen.notes)
                with errors_shown():
                    screen.show()
