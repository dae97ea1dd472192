"""Assisted masks: accept, reject or redraw the masks that a machine made of boxes."""

from splitlab.app.assist.page import show_page

show_page()
