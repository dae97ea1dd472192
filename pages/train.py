"""Train: choose a split, see what it costs, start a training run and watch it."""

from splitlab.app.train import show_page

show_page()
