"""Compare masks: one photo, any number of checkpoints, side by side; with the truth where there is one."""

from splitlab.app.compare.page import show_page

show_page()
