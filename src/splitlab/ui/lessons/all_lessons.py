"""The lessons in their order; a lesson's number is its place here."""

from splitlab.ui.lessons import curves, labels, mistakes, splits
from splitlab.ui.lessons.lesson import Lesson

LESSONS: tuple[Lesson, ...] = (
    labels.WHAT_A_LABEL_COSTS,
    labels.WHAT_WEAK_LABELS_BUY,
    splits.EXTREME_SPLITS_LOSE,
    splits.MORE_WEAK_MORE_FULL,
    mistakes.SAME_SCORE_DIFFERENT_MISTAKES,
    curves.THE_EQUISCORE_HYPERBOLA,
    curves.HALF_ON_MASKS_HALF_ON_BOXES,
)
