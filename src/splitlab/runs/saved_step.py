"""From where a run would go on."""

from __future__ import annotations

from splitlab.runs.run_folder import RunFolder


def evaluated_step(run: RunFolder) -> int:
    """Return the last step that was evaluated, 0 where none was: a run's state is saved with each evaluation.

    Raises:
        RunError: its events are broken.
    """
    return max((event["step"] for event in run.events() if event.get("kind") == "evaluation"), default=0)
