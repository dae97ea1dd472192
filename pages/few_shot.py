"""Few-shot: what a few masks per class achieve, what none achieve, and why."""

from splitlab.app.few_shot import show_page

show_page()
