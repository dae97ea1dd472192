"""Data: what a data set holds, how F and W see it, and which split of it to train on."""

from splitlab.app.data import show_page

show_page()
