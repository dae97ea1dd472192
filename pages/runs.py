"""Runs: all of them in one table, their curves and settings side by side, and what becomes of them."""

from splitlab.app.runs.page import show_page

show_page()
