"""Equiscore: splits of equal score on a hyperbola, and where a line of equal cost touches it."""

from splitlab.app.equiscore import show_page

show_page()
