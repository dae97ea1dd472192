"""Where a link leads: to the list of lessons, to a screen of one, or nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from splitlab.ui.lessons.lesson import Lesson
from splitlab.ui.plain_text import as_plain

LESSON, SCREEN, PRINT = "lesson", "screen", "print"
_LONGEST_ECHO = 20


@dataclass(frozen=True)
class Place:
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


def read_place(asked: Mapping[str, str], lessons: Sequence[Lesson]) -> Place:
    """Read a link; what is not there is answered by the nearest that is, and by a complaint.

    Args:
        asked: the parameters of the link.
        lessons: in order.
    """
    if LESSON not in asked:
        return Place(0)
    lesson = _number(asked[LESSON], len(lessons))
    if not lesson:
        return Place(0, complaint=f"There is no lesson {_echo(asked[LESSON])}: they are numbered 1 to {len(lessons)}.")
    screens = len(lessons[lesson - 1].screens)
    screen = _number(asked.get(SCREEN, "1"), screens)
    printed = asked.get(PRINT) == "true"
    if screen:
        return Place(lesson, screen, printed)
    complaint = f"Lesson {lesson} has no screen {_echo(asked[SCREEN])}: they are numbered 1 to {screens}."
    return Place(lesson, 1, printed, complaint)


def _number(text: str, most: int) -> int:
    """Return a number from 1 to `most`, 0 where the text is none."""
    known = {str(number): number for number in range(1, most + 1)}
    return known.get(text, 0)


def _echo(text: str) -> str:
    return f"'{as_plain(text[:_LONGEST_ECHO])}'"
