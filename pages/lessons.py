"""Lessons: eight short lessons for a class or one student, each ending with a question."""

from splitlab.app.lessons.page import show_page

show_page()
