"""Plan a budget: hours or a score in, the split to label out, with the score to expect."""

from splitlab.app.plan import show_page

show_page()
