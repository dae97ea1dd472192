"""Changes of scores in words and figures, as findings tell them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from splitlab.budget.atlas.lines import Rises, Size
from splitlab.budget.atlas.noise import Change, Split

SIZES = {"full": "|F|", "weak": "|W|"}
_OTHER: dict[Size, Size] = {"full": "weak", "weak": "full"}
MOST_NAMED = 6


def split_name(split: Split) -> str:
    """Write a split as the paper does."""
    return f"{split[0]}/{split[1]}"


def listed(parts: Iterable[str]) -> str:
    """List some things, and say how many more there are."""
    told = list(parts)
    more = f" and {len(told) - MOST_NAMED} more" if len(told) > MOST_NAMED else ""
    return ", ".join(told[:MOST_NAMED]) + more


def change_in_words(change: Change, unit: str, scale: float = 1.0, digits: int = 1) -> str:
    """Say a change with the margin that noise leaves it, such as "25/0 to 25/400: +4.2 AP70 (noise: 3.1)"."""
    return (
        f"{split_name(change.start)} to {split_name(change.end)}: {change.change * scale:+.{digits}f} {unit} "
        f"(noise: {change.margin * scale:.{digits}f})"
    )


def rises_in_words(rises: Rises, grows: Size, unit: str, scale: float = 1.0, digits: int = 1, up: str = "rises") -> str:
    """Say how many lines rise by more than noise, which do not, and which steps go the other way.

    Args:
        rises: the changes; turned round where a fall was asked for, and told as they were measured.
        grows: the size that grows along a line.
        unit: of the score.
        scale: what a change is told times.
        digits: behind its point.
        up: what was asked for, "rises" or "falls".
    """
    if not rises.ends:
        return f"No two splits with equal {SIZES[_OTHER[grows]]} are measured."
    shown = [line for line in rises.ends if line.rises]
    against = [line for line in rises.ends if line.falls]
    open_lines = [line for line in rises.ends if not line.rises and not line.falls]
    steps = [step for step in rises.steps if step.falls]
    mean = sum(line.change for line in rises.ends) / len(rises.ends) * scale

    def told_as(change: Change) -> str:
        measured = replace(change, change=-change.change) if up == "falls" else change
        return change_in_words(measured, unit, scale, digits)

    told = [
        f"From the smallest {SIZES[grows]} to the largest it {up} by more than noise in {len(shown)} of "
        f"{len(rises.ends)} lines, on average by {mean:.{digits}f} {unit}"
    ]
    for what, changes in (
        ("Within noise", open_lines),
        ("The other way", against),
        ("Single steps the other way", steps),
    ):
        if changes:
            told.append(f"{what}: {listed(told_as(line) for line in changes)}")
    return ". ".join(told) + "."
