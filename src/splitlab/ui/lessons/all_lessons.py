"""The lessons in their order; a lesson's number is its place here."""

from splitlab.ui.lessons import (
    extreme_splits_lose,
    half_on_masks_half_on_boxes,
    more_weak_more_full,
    same_score_different_mistakes,
    the_equiscore_hyperbola,
    what_a_label_costs,
    what_weak_labels_buy,
)
from splitlab.ui.lessons.lesson import Lesson

LESSONS: tuple[Lesson, ...] = (
    what_a_label_costs.LESSON,
    what_weak_labels_buy.LESSON,
    extreme_splits_lose.LESSON,
    more_weak_more_full.LESSON,
    same_score_different_mistakes.LESSON,
    the_equiscore_hyperbola.LESSON,
    half_on_masks_half_on_boxes.LESSON,
)
