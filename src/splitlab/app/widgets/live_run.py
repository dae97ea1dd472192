"""One run, watched while its process trains. The page only reads files."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import streamlit as st

from splitlab.app.hosting import Hosting
from splitlab.app.navigation import errors_shown
from splitlab.app.widgets.text import as_plain
from splitlab.budget.results import SHORT_METRICS
from splitlab.checkpoints.scores import read_scores, scored_on
from splitlab.figures.training import Event, training_curves
from splitlab.queue.queue import cancel, place_of, run_named
from splitlab.queue.worker import launch, worker_is_alive
from splitlab.runs.run_folder import RunFolder, State, Status
from splitlab.shown_numbers import shown
from splitlab.training.anchors import AnchorFit
from splitlab.workspace import Workspace

_WORDS = {
    State.WAITING: ":material/hourglass_empty: waiting to start",
    State.RUNNING: ":material/play_arrow: training",
    State.DONE: ":material/check_circle: done",
    State.CANCELLED: ":material/pause_circle: stopped on request",
    State.FAILED: ":material/error: failed",
    State.INTERRUPTED: ":material/power_off: interrupted, its process has ended",
}
_CAN_RESUME = (State.WAITING, State.CANCELLED, State.FAILED, State.INTERRUPTED)
_MAY_CHANGE = (State.WAITING, State.RUNNING)
_REFRESH_SECONDS = 2
# A worker takes some seconds after its launch until it is known to run.
STARTING_SECONDS = 30


def watch_run(workspace: Workspace, name: str) -> None:
    """Show a run's progress, curves and buttons, and refresh them while it may change."""
    with errors_shown():
        state = run_named(workspace, name).status().state
        may_change = state in _MAY_CHANGE or place_of(workspace, name) is not None
        st.fragment(_show, run_every=_REFRESH_SECONDS if may_change else None)(workspace, name, state)


def _show(workspace: Workspace, name: str, state_before: State) -> None:
    with errors_shown():
        run = run_named(workspace, name)
        status, events = run.status(), run.events()
        if status.state != state_before:
            st.rerun()
        place = place_of(workspace, name)
        words = _WORDS[status.state] + (f", place {place} in the queue" if place and _waits(status) else "")
        st.markdown(f"**{as_plain(run.name)}** · {run.spec().data.split_name} · {words}")
        st.progress(min(status.step / max(status.steps, 1), 1.0), text=_progress_text(status, events))
        if status.state == State.FAILED:
            st.error(as_plain(status.message))
        _buttons(workspace, run, status, place)
        if start := next((event for event in events if event.get("kind") == "start"), None):
            st.caption(as_plain(" · ".join(_start_in_words(start))))
        if any(event.get("kind") != "start" for event in events):
            st.plotly_chart(
                training_curves(events, status.steps),
                key=f"curves_{run.name}",
                config={"displaylogo": False},
                alt=f"Losses, AP and speed against steps, run {run.name}",
            )
        elif status.state in (State.RUNNING, State.WAITING):
            st.caption("The first steps take a few seconds, to read weights and photos.")
        if status.state == State.DONE:
            _scores(run)


def _start_in_words(start: Event) -> list[str]:
    words = [f"{start['images_of_f']} images of F in each batch"] if "images_of_f" in start else []
    if "start_from" in start:
        words.append(str(start["start_from"]))
    # A file that was edited by hand may lack the anchors.
    with suppress(KeyError, TypeError, ValueError):
        words.append(str(AnchorFit(**start["anchors"])))
    return words


def _seconds_left(status: Status, events: list[Event]) -> float | None:
    """Estimate the remaining training time in seconds from the last events; None before the first."""
    windows = [event for event in events if {"from_step", "seconds", "images_per_second"} <= event.keys()][-5:]
    steps = sum(window["step"] - window["from_step"] + 1 for window in windows)
    return sum(window["seconds"] for window in windows) / steps * (status.steps - status.step) if steps else None


def _progress_text(status: Status, events: list[Event]) -> str:
    text = f"step {status.step:,} of {status.steps:,}"
    left = _seconds_left(status, events)
    if status.state == State.RUNNING and left is not None:
        speed = next(event["images_per_second"] for event in reversed(events) if "images_per_second" in event)
        text += f" · {speed:.0f} images a second · " + (f"about {duration(left)} left" if left else "evaluating")
    return text


def duration(seconds: float) -> str:
    """Return a time in words, such as "12 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _buttons(workspace: Workspace, run: RunFolder, status: Status, place: int | None) -> None:
    if Hosting.here().read_only:
        return
    with st.container(horizontal=True):
        if status.state == State.RUNNING or place:
            asked = run.cancel_is_asked() and status.state == State.RUNNING
            if st.button("Stop", icon=":material/stop:", key=f"stop_{run.name}", disabled=asked):
                if cancel(workspace, run.name) == State.RUNNING:
                    st.toast("It stops after this step and saves its state.")
                else:
                    st.rerun()
        can_resume = _can_resume(workspace, run, status, place)
        if can_resume and st.button("Resume", icon=":material/play_arrow:", key=f"go_on_{run.name}"):
            launch(run, workspace)
            st.toast("It resumes from its last saved state when its turn comes.")
            st.rerun()


def _waits(status: Status) -> bool:
    return status.state in (State.WAITING, State.INTERRUPTED)


def _can_resume(workspace: Workspace, run: RunFolder, status: Status, place: int | None) -> bool:
    starting = status.state == State.WAITING and 0 <= time.time() - status.heartbeat < STARTING_SECONDS
    if status.state not in _CAN_RESUME or starting:
        return False
    return place is None or not worker_is_alive(workspace, run.spec().device)


def _scores(run: RunFolder) -> None:
    scores = read_scores(run.scores_path)
    columns = st.columns(len(SHORT_METRICS))
    for column, (name, label) in zip(columns, SHORT_METRICS.items(), strict=True):
        mask, box = (scores.get(kind, {}).get(name) for kind in ("mask", "box"))
        column.metric(f"mask {label}", "–" if mask is None else shown(mask), border=True)
        column.caption(f"box {label}: {'–' if box is None else shown(box)}")
    st.caption(f"Scored on {as_plain(scored_on(scores, Path(run.spec().data.source).name))}.")
    st.page_link("pages/compare_masks.py", label="Compare its masks with others", icon=":material/compare:")
