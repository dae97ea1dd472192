"""What can be done with the chosen runs: go on, stop, move in the queue, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import takewhile
from typing import Any

import streamlit as st

from splitlab.errors import SplitLabError
from splitlab.hosting import Hosting
from splitlab.runs.queue import Where, cancel, delete, move, run_named, waiting_runs
from splitlab.runs.run_folder import State
from splitlab.runs.store import RunSummary
from splitlab.runs.worker import launch
from splitlab.ui.plain_text import as_plain
from splitlab.ui.runs_chosen import choose_none
from splitlab.ui.runs_listing import RunsListing
from splitlab.workspace import Workspace

_ENDED_EARLY = (State.CANCELLED, State.FAILED, State.INTERRUPTED, State.WAITING)
MOST_NAMED = 10


def show_actions(workspace: Workspace, listing: RunsListing, chosen: Sequence[RunSummary]) -> None:
    """Show a line of buttons for the chosen runs; those that fit none of them are off."""
    queue = [entry.run for entry in waiting_runs(workspace)]
    states = {run.name: run.status.state for run in chosen}
    can_go_on = [name for name, state in states.items() if state in _ENDED_EARLY and name not in queue]
    can_stop = [name for name, state in states.items() if state == State.RUNNING or name in queue]
    waiting = [name for name in queue if name in states]
    can_delete = [name for name, state in states.items() if state != State.RUNNING]

    def button(label: str, icon: str, names: Sequence[str], tip: str, act: Callable[[str], object]) -> None:
        st.button(label, on_click=_do, args=(listing, names, act), **_look(icon, names, tip))

    with st.container(horizontal=True, vertical_alignment="center"):
        _say_how_many(len(chosen))
        failed = can_go_on and all(states[name] == State.FAILED for name in can_go_on)
        button(
            "Retry" if failed else "Go on",
            "play_arrow",
            can_go_on,
            "From the last saved state, by the queue",
            lambda name: launch(run_named(workspace, name), workspace),
        )
        button(
            "Stop",
            "stop",
            can_stop,
            "Out of the queue; what trains saves its state first",
            lambda name: cancel(workspace, name),
        )
        # The last of several goes first where it would pass the others.
        earlier, later = _behind_front(waiting, queue), _behind_front(waiting[::-1], queue[::-1])
        for label, icon, names, where, tip in (
            ("First", "vertical_align_top", waiting[::-1] if earlier else [], Where.FIRST, "To the front of the queue"),
            ("Up", "arrow_upward", earlier, Where.UP, "One place earlier in the queue"),
            ("Down", "arrow_downward", later, Where.DOWN, "One place later"),
        ):
            button(label, icon, names, tip, partial(move, workspace, where=where))
        if st.button("Delete", **_look("delete", can_delete, "The folder with all that is in it; asks first")):
            _ask_to_delete(workspace, listing, can_delete)
        st.button("Untick all", icon=":material/close:", disabled=not chosen, on_click=choose_none, type="tertiary")


def _say_how_many(count: int) -> None:
    st.markdown(f"**{count:,}** chosen" if count else "None chosen", width="content")


def _look(icon: str, names: Sequence[str], tip: str) -> dict[str, Any]:
    return {"icon": f":material/{icon}:", "disabled": not names, "help": tip, "key": f"runs_{icon}"}


def _do(listing: RunsListing, names: Sequence[str], act: Callable[[str], object]) -> None:
    """Do something with each run, for a button's click; what goes wrong is said, and holds up no other run."""
    for name in names:
        try:
            Hosting.here().require_writable("Changing runs")
            act(name)
        except SplitLabError as error:
            st.toast(as_plain(str(error)), icon=":material/error:", duration="infinite")
    listing.retake()


@st.dialog("Delete for good?")
def _ask_to_delete(workspace: Workspace, listing: RunsListing, names: Sequence[str]) -> None:
    listed = [f"- {as_plain(name)}" for name in names[:MOST_NAMED]]
    if len(names) > MOST_NAMED:
        listed.append(f"- and {len(names) - MOST_NAMED:,} more")
    folders = "This run folder" if len(names) == 1 else f"These **{len(names):,}** run folders"
    st.markdown("\n".join([f"{folders} with weights, curves and scores:", "", *listed]))
    with st.container(horizontal=True):
        work = (listing, names, lambda name: delete(workspace, name))
        done = st.button(
            "Delete", type="primary", icon=":material/delete:", key="delete_for_good", on_click=_do, args=work
        )
        if st.button("Keep", key="delete_not") or done:
            st.rerun()


def _behind_front(names: Sequence[str], queue: Sequence[str]) -> list[str]:
    """Leave out those that fill the front of a queue: there they would only change places among themselves."""
    front = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(names, queue, strict=False))))
    return list(names[front:])
