"""Compare masks: one photo, several checkpoints side by side, with the ground truth where there is one."""

from splitlab.app.compare.page import show_page

show_page()
