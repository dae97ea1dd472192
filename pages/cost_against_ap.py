"""Cost against AP: every published model and every measured one, and what beats a pick."""

from splitlab.app.cost import show_page

show_page()
