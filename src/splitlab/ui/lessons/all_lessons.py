"""The lessons in their order; a lesson's number is its place here."""

from splitlab.ui.lessons import (
    extreme_splits_lose,
    what_a_label_costs,
    what_weak_labels_buy,
)
from splitlab.ui.lessons.lesson import Lesson

LESSONS: tuple[Lesson, ...] = (
    what_a_label_costs.LESSON,
    what_weak_labels_buy.LESSON,
    extreme_splits_lose.LESSON,
)
