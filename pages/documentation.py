"""Documentation: the guides of `docs/`."""

from splitlab.app.documentation import show_page

show_page()
