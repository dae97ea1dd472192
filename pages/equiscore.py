"""Equiscore: splits of equal score lie on a hyperbola; a line of equal cost touches it at the cheapest one."""

from splitlab.app.equiscore import show_page

show_page()
