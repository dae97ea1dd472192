"""What a run writes down as it trains, read back: a line of events.jsonl for each ten steps and each evaluation."""

from __future__ import annotations

from typing import Any

from splitlab.runs.plain_json import plain_json
from splitlab.runs.scores import checked_scores

Event = dict[str, Any]
_NUMBERS = ("learning_rate", "images_per_second", "seconds")


def read_event(line: str) -> Event:
    """Read one line; what it leaves out is left out, what it says is of the right kind.

    Raises:
        TypeError, ValueError, KeyError, RecursionError: it is no event.
    """
    event: Event = plain_json(line)
    if not isinstance(event["step"], int) or event["step"] < 0 or not isinstance(event.get("kind", ""), str):
        raise TypeError("an event without a kind or a step")
    losses = event.get("losses", {})
    if not isinstance(losses, dict):
        raise TypeError("losses that are no table of names")
    numbers = [event[name] for name in _NUMBERS if name in event] + list(losses.values())
    if not all(isinstance(number, int | float) for number in numbers):
        raise TypeError("a value that is no number")
    first = event.get("from_step", 1)
    if not isinstance(first, int) or not 0 < first <= max(event["step"], 1):
        raise ValueError(f"steps from {first} to {event['step']}")
    if "scores" in event:
        checked_scores(event["scores"])
    return event
