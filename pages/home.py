"""Home: the question, an answer predicted from the published models, and links to the other pages."""

from splitlab.app.home import show_page

show_page()
