"""Errors by split: what models get wrong on a data set, what it costs, and the images behind every number."""

from splitlab.app.errors.page import show_page

show_page()
