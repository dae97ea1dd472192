"""Notes and tags of the chosen runs, and controls to edit them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
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
    """Show notes and tags of the first eight runs, which are saved after each change, and tags for all at once."""
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
    """Change a run's current notes."""
    Hosting.here().require_writable("Writing notes")
    try:
        read_notes(run)
    except RunError:
        write_notes(run, change(Notes()))  # broken notes are replaced
    else:
        notes.change_notes(run, change)


def _tags_for_all(listing: RunsListing, runs: Sequence[RunSummary], known: Sequence[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        tags = st.multiselect(
            f"Tags for all {len(runs):,}", known, key="tags_for_all", accept_new_options=True, placeholder="type a tag"
        )
        add = st.button("Add", icon=":material/new_label:", disabled=not tags)
        take = st.button("Remove", icon=":material/label_off:", disabled=not tags)
    if not (add or take):
        return
    change = partial(_added, tags=tags) if add else partial(_without, tags=tags)
    with errors_shown():
        for run in runs:
            _change_notes(run.path, change)
        listing.retake()
        st.rerun()


def _one(listing: RunsListing, run: RunSummary, known: Sequence[str]) -> None:
    kept = read_notes(run.path)
    tags_key, note_key = _key("tags", run), _key("note", run)
    _follow(tags_key, list(kept.tags))
    _follow(note_key, kept.note)
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
        on_change=_save_tags,
        args=(listing, run),
    )
    text.text_area(
        "Note",
        height=80,
        max_chars=MAX_NOTE,
        key=note_key,
        placeholder="What did you learn from it?",
        label_visibility="collapsed",
        on_change=_save_note,
        args=(listing, run),
    )


# Note and tags are saved apart, and of the tags only the changes, because another visitor may have written since.
def _save_tags(listing: RunsListing, run: RunSummary) -> None:
    key = _key("tags", run)
    tags = list(dict.fromkeys(map(str.strip, st.session_state[key])))
    _save(listing, run, key, tags, partial(_changed, before_edit=st.session_state[_saved(key)], tags=tags))


def _save_note(listing: RunsListing, run: RunSummary) -> None:
    key = _key("note", run)
    note = st.session_state[key]
    _save(listing, run, key, note, lambda notes: replace(notes, note=note))


def _save(listing: RunsListing, run: RunSummary, key: str, value: object, change: Callable[[Notes], Notes]) -> None:
    try:
        _change_notes(run.path, change)
        st.session_state[_saved(key)] = value
    except SplitLabError as error:
        st.toast(as_plain(str(error)), icon=":material/error:", duration="infinite")
    listing.retake()


def _follow(key: str, on_disk: object) -> None:
    """Set a control to the value on disk if the control is new, or if another visitor changed the value."""
    if key not in st.session_state or st.session_state.get(_saved(key)) != on_disk:
        st.session_state[key] = on_disk
    st.session_state[_saved(key)] = on_disk


def _saved(key: str) -> str:
    return f"saved {key}"


def _key(what: str, run: RunSummary) -> str:
    return f"{what} of {run.name}"


def _added(notes: Notes, tags: Sequence[str]) -> Notes:
    return replace(notes, tags=tuple(dict.fromkeys([*notes.tags, *map(str.strip, tags)])))


def _without(notes: Notes, tags: Sequence[str]) -> Notes:
    return replace(notes, tags=tuple(tag for tag in notes.tags if tag not in tags))


def _changed(notes: Notes, before_edit: Sequence[str], tags: Sequence[str]) -> Notes:
    """Apply the edit that turned the tags `before_edit` into `tags`."""
    removed = [tag for tag in before_edit if tag not in tags]
    return _added(_without(notes, removed), [tag for tag in tags if tag not in before_edit])
