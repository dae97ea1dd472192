"""The lessons in their order; a lesson's number is its place here."""

from splitlab.ui.lessons import (
    what_a_label_costs,
)
from splitlab.ui.lessons.lesson import Lesson

LESSONS: tuple[Lesson, ...] = (what_a_label_costs.LESSON,)
