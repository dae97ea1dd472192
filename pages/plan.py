"""Plan a budget: enter hours or a score, get the split to label and the score to expect."""

from splitlab.app.plan import show_page

show_page()
