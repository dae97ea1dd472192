"""Which of several processes this one is, as `accelerate launch` says it; known before torch is imported."""

from __future__ import annotations

import os


def process_count() -> int:
    """Return how many processes train together; 1 where none were launched."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main_process() -> bool:
    """Say whether this process writes the files, evaluates and talks; the others only train along."""
    return int(os.environ.get("RANK", "0")) == 0
