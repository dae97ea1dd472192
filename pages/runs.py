"""Runs: all training runs in one table, with curves, settings, notes and actions."""

from splitlab.app.runs.page import show_page

show_page()
