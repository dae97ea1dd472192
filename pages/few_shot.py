"""Few-shot: what a few masks a class buy, what none buy, and why."""

from splitlab.app.few_shot import show_page

show_page()
