"""What can be done with the chosen runs: go on, stop, move in the queue, delete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile

import streamlit as st

from splitlab.errors import SplitLabError
from splitlab.hosting import Hosting
from splitlab.runs.launch import launch
from splitlab.runs.queue import Where, cancel, delete, move, run_named, waiting_runs
from splitlab.runs.run_folder import State
from splitlab.runs.store import RunSummary
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
    can_go = [name for name, state in states.items() if state != State.RUNNING]

    def do(names: Iterable[str], act: Callable[[str], object]) -> None:
        Hosting.here().require_writable("Changing runs")
        for fault in _each(names, act):
            st.toast(as_plain(fault), icon=":material/error:", duration="infinite")
        listing.retake()
        st.rerun()

    with st.container(horizontal=True, vertical_alignment="center"):
        _say_how_many(len(chosen))
        failed = can_go_on and all(states[name] == State.FAILED for name in can_go_on)
        if _button("Retry" if failed else "Go on", "play_arrow", can_go_on, "From the last saved state, by the queue"):
            do(can_go_on, lambda name: launch(run_named(workspace, name), workspace))
        if _button("Stop", "stop", can_stop, "Out of the queue; what trains saves its state first"):
            do(can_stop, lambda name: cancel(workspace, name))
        if _button("First", "vertical_align_top", waiting, "To the front of the queue"):
            do(reversed(waiting), lambda name: move(workspace, name, Where.FIRST))
        if _button("Up", "arrow_upward", waiting, "One place earlier in the queue"):
            do(_behind_front(waiting, queue), lambda name: move(workspace, name, Where.UP))
        if _button("Down", "arrow_downward", waiting, "One place later in the queue"):
            do(_behind_front(waiting[::-1], queue[::-1]), lambda name: move(workspace, name, Where.DOWN))
        if _button("Delete", "delete", can_go, "The folder with all that is in it; asks first"):
            _ask_to_delete(workspace, can_go, do)
        st.button("Untick all", icon=":material/close:", disabled=not chosen, on_click=choose_none, type="tertiary")


def _say_how_many(count: int) -> None:
    st.markdown(f"**{count:,}** chosen" if count else "None chosen", width="content")


def _button(label: str, icon: str, names: Sequence[str], tip: str) -> bool:
    return st.button(label, icon=f":material/{icon}:", disabled=not names, help=tip, key=f"runs_{icon}")


@st.dialog("Delete for good?")
def _ask_to_delete(
    workspace: Workspace, names: Sequence[str], do: Callable[[Iterable[str], Callable[[str], object]], None]
) -> None:
    listed = [f"- {as_plain(name)}" for name in names[:MOST_NAMED]]
    if len(names) > MOST_NAMED:
        listed.append(f"- and {len(names) - MOST_NAMED:,} more")
    st.markdown("\n".join([f"**{len(names):,}** run folders with their weights, curves and scores:", "", *listed]))
    with st.container(horizontal=True):
        if st.button("Delete", type="primary", icon=":material/delete:", key="delete_for_good"):
            do(names, lambda name: delete(workspace, name))
        if st.button("Keep", key="delete_not"):
            st.rerun()


def _behind_front(names: Sequence[str], queue: Sequence[str]) -> list[str]:
    """Leave out those that fill the front of a queue: there they would only change places among themselves."""
    front = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(names, queue, strict=False))))
    return list(names[front:])


def _each(names: Iterable[str], act: Callable[[str], object]) -> list[str]:
    """Do something with each run; return what went wrong."""
    faults = []
    for name in names:
        try:
            act(name)
        except SplitLabError as error:
            faults.append(str(error))
    return faults
