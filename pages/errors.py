"""Errors by split: what models get wrong on a dataset, what it costs, and the images behind each number."""

from splitlab.app.errors.page import show_page

show_page()
