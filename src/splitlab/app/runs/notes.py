"""Notes and tags of the chosen runs, written where they stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import streamlit as st

from splitlab.app.hosting import Hosting
from splitlab.app.navigation import errors_shown
from splitlab.app.runs.rows import RunsListing
from splitlab.app.widgets.text import as_plain
from splitlab.errors import RunError, SplitLabError
from splitlab.runs import notes
from splitlab.runs.notes import MAX_NOTE, MAX_TAGS, Notes, read_notes, write_notes
from splitlab.runs.store import RunSummary

_MOST_SHOWN = 8


def show_notes(listing: RunsListing, runs: Sequence[RunSummary], known_tags: Sequence[str]) -> None:
    """Show a note and tags for each of the first eight runs, saved as they are left; and tags for all at once."""
    if Hosting.here().read_only:
        for run in runs[:_MOST_SHOWN]:
            st.markdown(f"**{as_plain(run.name)}** {' '.join(f':gray-badge[{as_plain(t)}]' for t in run.notes.tags)}")
            st.text(run.notes.note or "–")
        return
    if len(runs) > 1:
        _tags_for_all(listing, runs, known_tags)
    if len(runs) > _MOST_SHOWN:
        st.caption(f"The notes of the first {_MOST_SHOWN} of {len(runs):,}:")
    for run in runs[:_MOST_SHOWN]:
        with errors_shown():
            _one(listing, run, known_tags)


def _change_notes(run: Path, change: Callable[[Notes], Notes]) -> None:
    """Write a run's notes anew as they are by now, changed.

    Raises:
        RunError: they are too long, or cannot be written.
        SettingsError: visitors may change nothing.
    """
    Hosting.here().require_writable("Writing notes")
    try:
        read_notes(run)
    except RunError:
        write_notes(run, change(Notes()))  # what is broken is written anew
    else:
        notes.change_notes(run, change)


def _tags_for_all(listing: RunsListing, runs: Sequence[RunSummary], known: Sequence[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        tags = st.multiselect(
            f"Tags for all {len(runs):,}", known, key="tags_for_all", accept_new_options=True, placeholder="type a tag"
        )
        add = st.button("Add", icon=":material/new_label:", disabled=not tags)
        take = st.button("Take away", icon=":material/label_off:", disabled=not tags)
    if not (add or take):
        return
    with errors_shown():
        for run in runs:
            _change_notes(
                run.path, (lambda before: _added(before, tags)) if add else (lambda before: _without(before, tags))
            )
        listing.retake()
        st.rerun()


def _one(listing: RunsListing, run: RunSummary, known: Sequence[str]) -> None:
    kept = read_notes(run.path)
    tags_key, note_key = _key("tags", run), _key("note", run)
    _follow(tags_key, list(kept.tags))
    _follow(note_key, kept.note)

    def save(key: str, said: object, change: Callable[[Notes], Notes]) -> None:
        try:
            _change_notes(run.path, change)
            st.session_state[_stood(key)] = said
        except SplitLabError as error:
            st.toast(as_plain(str(error)), icon=":material/error:", duration="infinite")
        listing.retake()

    # Each saves its own half, and of the tags what was put on or taken away: somebody else may have written since.
    def save_tags() -> None:
        tags = list(dict.fromkeys(map(str.strip, st.session_state[tags_key])))
        stood = st.session_state[_stood(tags_key)]
        save(tags_key, tags, lambda before: _changed(before, stood, tags))

    def save_note() -> None:
        note = st.session_state[note_key]
        save(note_key, note, lambda before: replace(before, note=note))

    name, labels, text = st.columns([1.4, 1.4, 2.2], vertical_alignment="top")
    name.markdown(f"**{as_plain(run.name)}**  \n{run.spec.data.split_name} · {as_plain(run.spec.model)}")
    labels.multiselect(
        "Tags",
        sorted({*known, *kept.tags}),
        key=tags_key,
        accept_new_options=True,
        max_selections=MAX_TAGS,
        placeholder="tags",
        label_visibility="collapsed",
        on_change=save_tags,
    )
    text.text_area(
        "Note",
        height=80,
        max_chars=MAX_NOTE,
        key=note_key,
        placeholder="What did you learn from it?",
        label_visibility="collapsed",
        on_change=save_note,
    )


def _follow(key: str, stands: object) -> None:
    """Let a control say what stands on disk where it is new, or where that was written by somebody else."""
    if key not in st.session_state or st.session_state.get(_stood(key)) != stands:
        st.session_state[key] = stands
    st.session_state[_stood(key)] = stands


def _stood(key: str) -> str:
    return f"stood in {key}"


def _key(what: str, run: RunSummary) -> str:
    return f"{what} of {run.name}"


def _added(before: Notes, tags: Sequence[str]) -> Notes:
    return replace(before, tags=tuple(dict.fromkeys([*before.tags, *map(str.strip, tags)])))


def _without(before: Notes, tags: Sequence[str]) -> Notes:
    return replace(before, tags=tuple(tag for tag in before.tags if tag not in tags))


def _changed(before: Notes, stood: Sequence[str], tags: Sequence[str]) -> Notes:
    """Return notes with the tags put on that are new, and those taken away that stood there when they were shown."""
    gone = [tag for tag in stood if tag not in tags]
    return _added(_without(before, gone), [tag for tag in tags if tag not in stood])
