"""About the paper: what it says, and whether its own tables and our own runs bear it out."""

from splitlab.app.paper import show_page

show_page()
