"""My project: from a folder of photos to the next batch of labels, and back."""

from splitlab.app.project.page import show_page

show_page()
