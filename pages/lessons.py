"""Lessons: seven short ones to project or to do alone, each with a question that is answered by playing."""

from splitlab.app.lessons.page import show_page

show_page()
