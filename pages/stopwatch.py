"""Stopwatch: label a few objects against the clock, and get prices of your own."""

from splitlab.app.stopwatch.page import show_page

show_page()
