"""Assisted masks: accept, reject or redraw the masks that a machine made of boxes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from splitlab.app.assist.costs import show_costs
from splitlab.app.assist.drawing import draw_by_hand
from splitlab.app.hosting import may_change
from splitlab.app.navigation import errors_shown, page_head
from splitlab.app.widgets.links import linked_choice
from splitlab.app.widgets.text import as_plain
from splitlab.assist.proposals import LABELS, Proposal, Proposals, State, answer, proposal_folders, read_proposals
from splitlab.data.images import load_labelled
from splitlab.errors import SplitLabError
from splitlab.figures.proposals import proposal_picture, window_around
from splitlab.workspace import Workspace

if TYPE_CHECKING:
    from splitlab.geometry import Rle

_FOLDER, _PROPOSAL, _ORDER, _WHOLE = "assisted", "proposal", "order", "whole"
_BEST, _WORST = "best first", "worst first"
_SHOWN_SINCE, _FAULT, _DRAWING = "proposal shown since", "answer not kept", "proposal being redrawn"
# Who takes longer is doing something else.
_MOST_LOOK_SECONDS = 300.0
_MOST_WIDTH, _MOST_HEIGHT = 900, 480
_IN_WORDS = {
    State.PROPOSED: ":material/help: not answered",
    State.ACCEPTED: ":material/check: accepted",
    State.REJECTED: ":material/close: rejected, to be drawn by hand",
    State.REDRAWN: ":material/draw: redrawn",
}
_COMMAND = "splitlab assist my-dataset --maker grabcut --out workspace/data/my-dataset-assisted"


def show_page() -> None:
    """Show the page."""
    page_head(
        "Assisted masks",
        "A machine made a mask of each box. Accept it, or reject it and draw it by hand: an image whose masks are all "
        "accepted or redrawn can be in **F**.",
    )
    workspace = Workspace.here()
    folders = proposal_folders(workspace.data)
    if not folders:
        st.info("There are no proposals yet. Make some for a dataset with boxes, then open this page again:")
        st.code(_COMMAND, language="bash")
        return
    picture, controls = st.columns([1.7, 1], gap="large")
    with picture:
        picture_at, choices = st.container(), st.container(horizontal=True, gap="medium", vertical_alignment="bottom")
    with errors_shown():
        name = choices.selectbox("Proposals", folders, key=_FOLDER, bind="query-params", width=220)
        order = linked_choice("Order by predicted IoU", [_BEST, _WORST], _BEST, _ORDER, choices)
        whole = choices.toggle("Whole photo", key=_WHOLE, bind="query-params")
        folder = workspace.data / name
        proposals = _read(folder, _version_of(folder))
        if not proposals.ranked:
            picture_at.info("No proposal was made: no mask could be found in any of the boxes. Try another maker.")
            return
        place = _Place.of_link(proposals.ranked if order == _BEST else proposals.ranked[::-1])
        # Drawn before the picture, or a quick second key would answer the same proposal again.
        with controls:
            _show_controls(proposals, place)
        with picture_at, errors_shown():
            _show_picture(folder, place, whole=whole)
        with st.expander("How far predicted IoU can be trusted"):
            _show_reliability(proposals)


def _version_of(folder: Path) -> int:
    """Return what changes when an answer is kept; 0 if the labels are missing, which `read_proposals` explains."""
    return (folder / LABELS).stat().st_mtime_ns if (folder / LABELS).is_file() else 0


@st.cache_resource(show_spinner="Reading the proposals", max_entries=4)
def _read(folder: Path, version: int) -> Proposals:
    return read_proposals(folder)


@dataclass(frozen=True)
class _Place:
    """A place in the ordered proposals."""

    ordered: Sequence[Proposal]
    at: int

    @classmethod
    def of_link(cls, ordered: Sequence[Proposal]) -> _Place:
        """Return the place that the link names, else the first one without an answer; write it to the link."""
        asked = st.query_params.get(_PROPOSAL)
        named = [at for at, proposal in enumerate(ordered) if str(proposal.number) == asked]
        place = cls(ordered, named[0] if named else 0)
        if not named and ordered[0].state != State.PROPOSED:
            place = cls(ordered, place.next_unanswered())
        st.query_params[_PROPOSAL] = str(place.shown.number)
        return place

    @property
    def shown(self) -> Proposal:
        """The proposal shown."""
        return self.ordered[self.at]

    def next_unanswered(self) -> int:
        """Return the next place without an answer, from the start again after the end; the next one if all have one."""
        later = [*range(self.at + 1, len(self.ordered)), *range(self.at)]
        open_ones = [at for at in later if self.ordered[at].state == State.PROPOSED]
        return open_ones[0] if open_ones else min(self.at + 1, len(self.ordered) - 1)


def _show_controls(proposals: Proposals, place: _Place) -> None:
    shown = place.shown
    predicted = "not predicted" if shown.predicted_iou is None else f"{shown.predicted_iou:.2f}"
    rank = proposals.ranked.index(shown) + 1
    score, position = st.columns(2)
    score.metric("Predicted IoU", predicted)
    position.metric("Rank", f"{rank:,} of {len(place.ordered):,}")
    st.markdown(f"**{as_plain(shown.class_name)}** in {as_plain(shown.image.path.name)}: {_IN_WORDS[shown.state]}")
    if may_change("Answering"):
        _show_answers(proposals.folder, place)
    _show_steps(place)
    if _FAULT in st.session_state:
        st.error(as_plain(st.session_state.pop(_FAULT)))
    counts = proposals.counts
    answered = len(proposals.ranked) - counts[State.PROPOSED]
    st.progress(answered / len(proposals.ranked), f"{answered:,} of {len(proposals.ranked):,} answered")
    st.caption(
        f"{counts[State.ACCEPTED]:,} accepted, {counts[State.REJECTED]:,} rejected, {counts[State.REDRAWN]:,} redrawn; "
        f"{_minutes(sum(proposal.seconds for proposal in proposals.ranked))} so far."
    )
    show_costs(proposals)


def _show_answers(folder: Path, place: _Place) -> None:
    row = st.container(horizontal=True, gap="small")
    for label, state, icon, key in (
        ("Accept", State.ACCEPTED, "check", "A"),
        ("Reject", State.REJECTED, "close", "X"),
        ("Undo", State.PROPOSED, "undo", "U"),
    ):
        row.button(
            label, key=label, icon=f":material/{icon}:", shortcut=key, on_click=_keep_answer,
            type="primary" if state == State.ACCEPTED else "secondary", args=(folder, place, state),
            disabled=state == place.shown.state,
        )  # fmt: skip
    drawing = st.session_state.get(_DRAWING) == place.shown.number
    row.button(
        "Stop drawing" if drawing else "Redraw", key="Redraw", icon=":material/draw:", shortcut="D",
        on_click=_set_drawing, args=(None if drawing else place.shown.number,),
    )  # fmt: skip


def _show_steps(place: _Place) -> None:
    row = st.container(horizontal=True, gap="small")
    for label, step, key in (("Previous", -1, "Left"), ("Next", 1, "Right")):
        at = place.at + step
        row.button(
            label, key=label, shortcut=key, on_click=_go, args=(place.ordered, at),
            disabled=not 0 <= at < len(place.ordered),
        )  # fmt: skip


def _show_picture(folder: Path, place: _Place, *, whole: bool) -> None:
    shown = place.shown
    photo = load_labelled(shown.image)
    height, width = photo.shape[:2]
    window = (0, 0, width, height) if whole else window_around(shown.box, width, height)
    if st.session_state.get(_DRAWING) == shown.number:
        drawn = draw_by_hand(photo, window, shown.box, f"drawing_{shown.number}")
        if drawn is not None:
            _keep_answer(folder, place, State.REDRAWN, drawn)
            st.rerun()
        return
    picture = proposal_picture(photo, shown.mask, shown.box, window)
    st.image(picture, width=int(min(_MOST_WIDTH, _MOST_HEIGHT * picture.shape[1] / picture.shape[0])))
    _start_clock(shown.number)


def _keep_answer(folder: Path, place: _Place, state: State, drawn: Rle | None = None) -> None:
    """Keep an answer and go on to the next proposal without one; a fault is shown on the page."""
    seconds = 0.0 if state == State.PROPOSED else _seconds_on(place.shown.number)
    try:
        answer(folder, place.shown.number, state, seconds, drawn)
    except SplitLabError as error:
        st.session_state[_FAULT] = str(error)
        return
    _set_drawing(None)
    if state != State.PROPOSED:
        _go(place.ordered, place.next_unanswered())


def _go(ordered: Sequence[Proposal], at: int) -> None:
    st.query_params[_PROPOSAL] = str(ordered[at].number)


def _set_drawing(number: int | None) -> None:
    st.session_state[_DRAWING] = number


def _start_clock(number: int) -> None:
    if st.session_state.get(_SHOWN_SINCE, (None, 0.0))[0] != number:
        st.session_state[_SHOWN_SINCE] = (number, time.monotonic())


def _seconds_on(number: int) -> float:
    """Return the seconds that a proposal was shown; 0 if the person did something else."""
    shown, since = st.session_state.get(_SHOWN_SINCE, (None, 0.0))
    seconds = time.monotonic() - since
    return seconds if shown == number and seconds <= _MOST_LOOK_SECONDS else 0.0


def _show_reliability(proposals: Proposals) -> None:
    about = proposals.about
    if about.reliability is None:
        st.markdown(
            "IoU was not predicted: there were fewer than 12 masks of F. The rank is by the maker's confidence."
        )
        return
    st.markdown(
        f"Calibrated on {about.reliability.objects} masks of F that **{as_plain(about.maker)}** had not learnt; each "
        "was predicted from the others."
    )
    st.dataframe(
        [
            {"third by prediction": name, "masks": third.objects, "predicted": third.predicted, "real": third.real}
            for name, third in zip(("lowest", "middle", "highest"), about.reliability.thirds, strict=False)
        ],
        hide_index=True,
        column_config={key: st.column_config.NumberColumn(format="%.2f") for key in ("predicted", "real")},
    )
    st.caption(f"The prediction for a single mask is off by {about.reliability.mean_error:.2f} on average.")


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} minutes" if seconds >= 60 else f"{seconds:.0f} seconds"
