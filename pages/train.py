"""Train: choose a split, see what it costs, start it, watch it learn."""

from splitlab.app.train import show_page

show_page()
