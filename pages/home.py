"""Home: the question, a live answer predicted from the published models, and the doors."""

from splitlab.app.home import show_page

show_page()
