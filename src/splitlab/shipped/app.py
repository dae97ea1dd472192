"""The app of an installed package, with pages/ and checkpoints/ beside it; a checkout has all three at its top."""

from splitlab.app.navigation import run_app

run_app()
