"""Data: what a dataset holds, how F and W see it, and a split to train on."""

from splitlab.app.data.page import show_page

show_page()
