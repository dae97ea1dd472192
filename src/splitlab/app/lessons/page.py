"""The page Lessons: the list, one lesson screen by screen, print view, and places as links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from splitlab.app.lessons import curves, labels, mistakes, splits
from splitlab.app.lessons.lesson import Lesson
from splitlab.app.navigation import answered, enter_by_app, page_head
from splitlab.app.widgets.text import as_plain
from splitlab.budget.published import FLATTERED

_LESSON, _SCREEN, _PRINT = "lesson", "screen", "print"
_LONGEST_ECHO = 20


@dataclass(frozen=True)
class _Place:
    """A screen of a lesson, both counted from 1; no lesson means the list of all.

    Attributes:
        lesson: number of the lesson, 0 for the list.
        screen: number of the screen.
        printed: whether all screens are shown for printing.
        complaint: what is wrong with the link, in a sentence that may stand in Markdown; empty if nothing.
    """

    lesson: int
    screen: int = 1
    printed: bool = False
    complaint: str = ""


def _read_place(asked: Mapping[str, str], lessons: Sequence[Lesson]) -> _Place:
    """Read a link; what is not there is answered by the nearest that is, and by a complaint.

    Args:
        asked: the parameters of the link.
        lessons: in order.
    """
    if _LESSON not in asked:
        return _Place(0)
    lesson = _number(asked[_LESSON], len(lessons))
    if not lesson:
        return _Place(
            0, complaint=f"There is no lesson {_echo(asked[_LESSON])}: they are numbered 1 to {len(lessons)}."
        )
    screens = len(lessons[lesson - 1].screens)
    screen = _number(asked.get(_SCREEN, "1"), screens)
    printed = asked.get(_PRINT) == "true"
    if screen:
        return _Place(lesson, screen, printed)
    complaint = f"Lesson {lesson} has no screen {_echo(asked[_SCREEN])}: they are numbered 1 to {screens}."
    return _Place(lesson, 1, printed, complaint)


def _number(text: str, most: int) -> int:
    """Return a number from 1 to `most`, 0 where the text is none."""
    known = {str(number): number for number in range(1, most + 1)}
    return known.get(text, 0)


def _echo(text: str) -> str:
    return f"'{as_plain(text[:_LONGEST_ECHO])}'"


_LESSONS: tuple[Lesson, ...] = (
    labels.WHAT_A_LABEL_COSTS,
    labels.WHAT_WEAK_LABELS_BUY,
    splits.EXTREME_SPLITS_LOSE,
    splits.MORE_WEAK_MORE_FULL,
    mistakes.SAME_SCORE_DIFFERENT_MISTAKES,
    curves.THE_EQUISCORE_HYPERBOLA,
    curves.HALF_ON_MASKS_HALF_ON_BOXES,
)


_NOTES = "notes"
_PAGE = "pages/lessons.py"
_BODY, _NAV = "lesson", "lesson_nav"
_EVER_IN_LINK = "ever in the link of lesson {}"
_OPENED = "lesson opened last"


def _show_lessons(lessons: Sequence[Lesson]) -> None:
    """Show what the link asks for."""
    place = _read_place(st.query_params, lessons)
    if place.complaint:
        st.warning(place.complaint)
    _let_link_say(place)
    if not place.lesson:
        _show_list(lessons)
    elif place.printed:
        _show_sheets(lessons[place.lesson - 1], place)
    else:
        _show_screen(lessons, place)


def _let_link_say(place: _Place) -> None:
    """Let the link say which lesson was opened: a browser does not follow a link from a page to the page itself."""
    if place.lesson and st.session_state.get(_OPENED) != place.lesson:
        st.query_params[_LESSON] = str(place.lesson)
    st.session_state[_OPENED] = place.lesson


def _css(name: str) -> str:
    return Path(__file__).with_name(f"{name}.css").read_text(encoding="utf-8")


def _show_list(lessons: Sequence[Lesson]) -> None:
    page_head(
        "Lessons",
        "Short lessons for a class with a projector, or for one student alone. Each ends with a question that you "
        "answer by moving controls. The app's own computation checks the answer.",
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
    # The page's own colour, so that nothing shines through the bar below.
    background = st.get_option(f"theme.{st.context.theme.type or 'light'}.backgroundColor")
    st.html(f"<style>{_css('screen')}.st-key-{_NAV} {{ background: {background}; }}</style>")
    body = st.container(key=_BODY)
    # Known before the screen is drawn: else a quick second step would be taken for the first one once more.
    _show_steps(lessons, place)
    with body:
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.caption(f"Lesson {place.lesson} of {len(lessons)}: {lesson.title}", width="content")
            st.html(_print_link(place.lesson), width="content")
            notes = st.toggle("Presenter notes", key=_NOTES, bind="query-params", width="content")
        st.header(screen.title, anchor=False)
        if notes:
            _show_notes(screen.notes)
        with answered():
            screen.show()


def _show_notes(notes: str) -> None:
    with st.container(border=True):
        st.markdown(":material/co_present: **For the presenter.** " + notes)


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
    """Return the screens before and after this one; None where the list of all lessons is."""
    every = [
        _Place(number, screen)
        for number, lesson in enumerate(lessons, start=1)
        for screen in range(1, len(lesson.screens) + 1)
    ]
    here = every.index(_Place(place.lesson, place.screen))
    before = every[here - 1] if here and place.screen > 1 else None
    return before, every[here + 1] if here + 1 < len(every) else None


def _go(place: _Place | None) -> None:
    if place is None:
        for key in (_LESSON, _SCREEN):
            st.query_params.pop(key, None)
        return
    # At once: each change alone is a step that the browser's Back goes to.
    st.query_params.update({_LESSON: str(place.lesson), _SCREEN: str(place.screen)})


def _print_link(lesson: int) -> str:
    """Return a link to this lesson on paper, with the controls as they are, those of its other screens too."""
    asked: dict[str, Any] = {key: st.query_params.get_all(key) for key in st.query_params if key != _SCREEN}
    # A control that is not drawn leaves the link, but its value stays in the session.
    ever: dict[str, None] = st.session_state.setdefault(_EVER_IN_LINK.format(lesson), {})
    ever |= dict.fromkeys(asked)
    asked |= {key: st.session_state[key] for key in ever if key not in asked and key in st.session_state}
    # Paper is white: the browser is asked for the light theme, whatever the reader's is.
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
                with answered():
                    screen.show()


def show_page() -> None:
    """Show the page."""
    enter_by_app()
    _show_lessons(_LESSONS)
