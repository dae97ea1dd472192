"""Lessons: seven short ones to project or to do alone, each with a question that is answered by playing."""

from splitlab.ui.lessons.all_lessons import LESSONS
from splitlab.ui.lessons.show_lessons import show_lessons
from splitlab.ui.navigation import enter_by_app

enter_by_app()
show_lessons(LESSONS)
