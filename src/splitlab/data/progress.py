"""How long work on a data set tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

# What is being done, how much of it, out of how much.
Progress = Callable[[str, int, int], None]


def no_progress(_what: str, _done: int, _total: int) -> None:
    """Take a progress report and show nothing."""
