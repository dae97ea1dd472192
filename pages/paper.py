"""About the paper: what it claims, checked against its own tables and against our own runs."""

from splitlab.app.paper import show_page

show_page()
