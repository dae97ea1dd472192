"""Actions on the chosen runs: resume, stop, move in the queue, delete, publish; and their settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from splitlab.app.hosting import Hosting, may_change
from splitlab.app.navigation import errors_shown
from splitlab.app.runs.rows import RunsListing
from splitlab.app.runs.table import choose_none
from splitlab.app.widgets.checkpoints import facts_in, show_card
from splitlab.app.widgets.text import as_plain
from splitlab.checkpoints.checkpoint import CARD_NAME, MOST_LETTERS, proposed_name, read_card
from splitlab.checkpoints.files import megabytes, publish
from splitlab.errors import SplitLabError
from splitlab.queue.queue import Where, cancel, delete, move, run_named, waiting_runs
from splitlab.queue.worker import launch
from splitlab.runs.run_folder import State
from splitlab.runs.store import RunSummary
from splitlab.workspace import Workspace

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

_ENDED_EARLY = (State.CANCELLED, State.FAILED, State.INTERRUPTED, State.WAITING)
_PUBLISHING = "Publishing checkpoints"
_MOST_NAMED = 10
_MOST_COLUMNS = 20
# Readable in the light and in the dark theme.
_MARK = "background-color: rgba(128, 128, 255, 0.22); font-weight: 600"


def show_actions(workspace: Workspace, listing: RunsListing, chosen: Sequence[RunSummary]) -> None:
    """Show a line of buttons for the chosen runs; those that apply to none of them are disabled."""
    queue = [entry.run for entry in waiting_runs(workspace)]
    states = {run.name: run.status.state for run in chosen}
    can_resume = [name for name, state in states.items() if state in _ENDED_EARLY and name not in queue]
    can_stop = [name for name, state in states.items() if state == State.RUNNING or name in queue]
    can_delete = [name for name, state in states.items() if state != State.RUNNING]
    waiting = [name for name in queue if name in states]
    earlier, later = _behind_front(waiting, queue), _behind_front(waiting[::-1], queue[::-1])
    # Several runs are sent to the front in reverse order, to keep their order.
    to_front = waiting[::-1] if earlier else []
    failed = can_resume and all(states[name] == State.FAILED for name in can_resume)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{len(chosen):,}** chosen" if chosen else "None chosen", width="content")
        for label, icon, names, tip, act in (
            ("Retry" if failed else "Resume", "play_arrow", can_resume, "Queue it, from its last saved state",
             lambda name: launch(run_named(workspace, name), workspace)),
            ("Stop", "stop", can_stop, "Take it out of the queue; a training run saves its state first",
             partial(cancel, workspace)),
            ("First", "vertical_align_top", to_front, "To the front of the queue",
             partial(move, workspace, where=Where.FIRST)),
            ("Up", "arrow_upward", earlier, "One place earlier in the queue",
             partial(move, workspace, where=Where.UP)),
            ("Down", "arrow_downward", later, "One place later", partial(move, workspace, where=Where.DOWN)),
        ):  # fmt: skip
            st.button(label, on_click=_do, args=(listing, names, act), **_look(icon, names, tip))
        if st.button("Delete", **_look("delete", can_delete, "Delete the run folder, after asking")):
            _ask_to_delete(workspace, listing, can_delete)
        st.button("Untick all", icon=":material/close:", disabled=not chosen, on_click=choose_none, type="tertiary")


def _look(icon: str, names: Sequence[str], tip: str) -> dict[str, Any]:
    return {"icon": f":material/{icon}:", "disabled": not names, "help": tip, "key": f"runs_{icon}"}


def _do(listing: RunsListing, names: Sequence[str], act: Callable[[str], object]) -> None:
    """Apply an action to each run, and show the errors; a button's callback."""
    for name in names:
        try:
            Hosting.here().require_writable("Changing runs")
            act(name)
        except SplitLabError as error:
            st.toast(as_plain(str(error)), icon=":material/error:", duration="infinite")
    listing.retake()


@st.dialog("Delete permanently?")
def _ask_to_delete(workspace: Workspace, listing: RunsListing, names: Sequence[str]) -> None:
    listed = [f"- {as_plain(name)}" for name in names[:_MOST_NAMED]]
    if len(names) > _MOST_NAMED:
        listed.append(f"- and {len(names) - _MOST_NAMED:,} more")
    folders = "This run folder" if len(names) == 1 else f"These **{len(names):,}** run folders"
    st.markdown("\n".join([f"{folders} with weights, curves and scores:", "", *listed]))
    with st.container(horizontal=True):
        work = (listing, names, lambda name: delete(workspace, name))
        done = st.button(
            "Delete", type="primary", icon=":material/delete:", key="delete_for_good", on_click=_do, args=work
        )
        if st.button("Cancel", key="delete_not") or done:
            st.rerun()


def _behind_front(names: Sequence[str], queue: Sequence[str]) -> list[str]:
    """Leave out runs at the front of a queue, which would only swap places with each other."""
    front = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(names, queue, strict=False))))
    return list(names[front:])


def show_publish(workspace: Workspace, runs: Sequence[RunSummary]) -> None:
    """Show the card of a finished run, and offer to publish it as a checkpoint."""
    ready = {run.name: run for run in runs if (run.path / "weights" / CARD_NAME).is_file()}
    if not ready:
        st.caption("A run can be published once it is done; none of these is.")
        return
    form, card = st.columns(2, gap="large")
    with form, errors_shown():
        name = st.selectbox("Run", list(ready), key="run_to_publish") if len(ready) > 1 else next(iter(ready))
        weights = ready[name].path / "weights"
        files = facts_in(weights, (weights / CARD_NAME).stat().st_mtime_ns)
        with card, st.container(border=True):
            show_card(read_card(weights), files)
        if not may_change(_PUBLISHING):
            return
        called = st.text_input("Name of the checkpoint", proposed_name(name), MOST_LETTERS, key=f"publish_{name}")
        size = megabytes(sum(facts.bytes for facts in files.values()))
        st.caption(f"A copy in half precision, about {size}. It is kept when the run is deleted.")
        if st.button("Publish", type="primary", icon=":material/publish:"):
            Hosting.here().require_writable(_PUBLISHING)
            folder = publish(ready[name].path, called.strip(), workspace.imported)
            st.success(f"Published as the checkpoint '{as_plain(folder.name)}': {as_plain(str(folder))}")
            st.page_link("pages/compare_masks.py", label="Compare its masks with others", icon=":material/compare:")


def show_settings(runs: Sequence[RunSummary]) -> None:
    """Show the settings that differ, or all; mark those that differ from the first run's."""
    shown = runs[:_MOST_COLUMNS]
    if len(runs) > _MOST_COLUMNS:
        st.caption(f"Only the first {_MOST_COLUMNS} of {len(runs):,} are shown.")
    every = st.toggle("All settings", key="runs_all_settings", bind="query-params")
    table = _settings_table({run.name: run.spec.to_json() for run in shown})
    rows = table if every or len(shown) == 1 else _differing(table)
    if rows.empty:
        st.caption("All their settings are equal.")
        return
    st.dataframe(_marked(rows), key="runs_settings", height="content", column_config={"_index": {"width": 150}})
    if len(shown) > 1:
        same = len(table) - len(_differing(table))
        st.caption(f"Marked: different from the first run. {same} of {len(table)} settings are equal in all.")


def _settings_table(settings: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return a row for each setting and a column for each run, as text; empty if a run lacks the setting."""
    names = dict.fromkeys(name for of_run in settings.values() for name in of_run)
    columns = {run: [_text(of_run.get(name, "")) for name in names] for run, of_run in settings.items()}
    return pd.DataFrame(columns, index=pd.Index(list(names), name="setting"))


def _differing(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in which the runs differ."""
    return table[table.ne(table.iloc[:, 0], axis=0).any(axis=1)]


def _marked(table: pd.DataFrame) -> Styler:
    """Mark the cells that differ from the first column."""
    marks = table.ne(table.iloc[:, 0], axis=0).replace({True: _MARK, False: ""})
    return table.style.apply(lambda _: marks, axis=None)


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else f"{value}"
