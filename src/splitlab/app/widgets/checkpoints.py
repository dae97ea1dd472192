"""Describe, import, fetch and download checkpoints."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, BinaryIO

import streamlit as st

from splitlab.app.hosting import Hosting, may_change, upload_limit
from splitlab.app.navigation import errors_shown, rerun_with_message, show_message
from splitlab.app.widgets.sources import Choice
from splitlab.app.widgets.split_chip import split_chip
from splitlab.app.widgets.text import as_plain
from splitlab.app.widgets.uploads import name_upload
from splitlab.budget.cost import cost_hours, prices_for
from splitlab.checkpoints.checkpoint import MOST_LETTERS, Card, checked_name, proposed_name, read_card
from splitlab.checkpoints.files import FileFacts, card_in_words, facts_of, megabytes, zipped
from splitlab.checkpoints.scores import scored_on
from splitlab.errors import RunError, shown_as
from splitlab.io import swept_in_temp
from splitlab.shown_numbers import shown
from splitlab.workspace import Workspace

if TYPE_CHECKING:
    from splitlab.models.checkpoint_repository import FoundCheckpoint

_UPLOAD_MEGABYTES = 400
_OWN = ".zip"
_FOUND = "checkpoint found in a repository"
_IMPORTING, _DOWNLOADING = "Importing checkpoints", "Downloading checkpoints"
_SCORES = {
    "mask AP50": ("mask", "ap50"),
    "AP70": ("mask", "ap70"),
    "AP75": ("mask", "ap75"),
    "box AP50": ("box", "ap50"),
}


def show_card(card: Card, files: dict[str, FileFacts]) -> None:
    """Show the card of a checkpoint; `files` may be empty."""
    lines = [f"**{as_plain(card.name)}**"]
    lines += [f"{key}: {as_plain(text)}" for key, text in card_in_words(card, files).items()]
    st.caption("  \n".join(lines))


@st.cache_data(show_spinner=False, max_entries=64)
def facts_in(folder: Path, version: int) -> dict[str, FileFacts]:
    """Return size and checksum of a checkpoint's files, computed once for each version of its weights."""
    return facts_of(folder)


def describe_all(choices: Sequence[Choice]) -> None:
    """Show split, cost and scores of each checkpoint."""
    longest = max(_labelling_hours(choice.card) for choice in choices)
    for column, choice in zip(st.columns(len(choices)), choices, strict=True):
        with column:
            _describe(choice, longest)


def _labelling_hours(card: Card) -> float:
    return cost_hours(float(card.full), float(card.weak), prices_for(card.dataset))


def _describe(choice: Choice, longest_hours: float) -> None:
    card = choice.card
    if card.full or card.weak:
        split_chip(card.full, card.weak, prices_for(card.dataset), longest_hours)
    else:
        st.markdown(f"**{as_plain(card.name)}**, imported")
    values = {label: card.scores.get(kind, {}).get(metric) for label, (kind, metric) in _SCORES.items()}
    scores = " · ".join(f"{label} **{shown(value)}**" for label, value in values.items() if value is not None)
    scored = f"{scores}, on {as_plain(scored_on(card.scores, card.dataset))}" if scores else "not scored"
    origin = f"{card.model}, {card.steps:,} steps, seed {card.seed}" if card.steps else card.model
    st.caption(f"{scored}  \n{as_plain(origin)}")


def offer_checkpoints(choices: Iterable[Choice], workspace: Workspace) -> None:
    """Show, folded away, controls to import and download checkpoints; only to download on a read-only server."""
    # In a container even if empty, so that what follows keeps its place and an open popover stays open.
    with st.container():
        show_message()
    with st.popover("Import and download", icon=":material/folder_zip:"):
        if not may_change(_IMPORTING):
            with errors_shown():
                _offer_download(list(choices))
            return
        file, repository, download = st.tabs(["From a file", "From a repository", "Download"])
        with file, errors_shown():
            _upload_checkpoint(workspace)
        with repository, errors_shown():
            _offer_repositories(workspace)
        with download, errors_shown():
            _offer_download(list(choices))


def _upload_checkpoint(workspace: Workspace) -> None:
    """Show the uploader, and import what was uploaded."""
    file = st.file_uploader(
        "A .pt or .pth file of a YOLO with masks or DETR, or a zip made by SplitLab",
        max_upload_size=upload_limit(_UPLOAD_MEGABYTES),
        key="weights",
    )
    st.caption(
        "Files of YOLOv5-seg, YOLOv8-seg, YOLO11-seg, YOLO26-seg and DETR, and the paper's own, are read by an "
        "isolated process; no code in them is run. A zip is one that was downloaded here or made by "
        "`splitlab checkpoint export`."
    )
    if file is None:
        return
    own = _is_own(file.file_id, file)
    if own:
        show_card(_card_in(file.file_id, file), {})
    name = name_upload(file.file_id, proposed_name(PurePath(file.name).stem), "weights_name", MOST_LETTERS)
    if st.button("Import checkpoint", type="primary", icon=":material/add:", width="stretch"):
        with st.spinner("Reading"):
            notes = _import(file, own, workspace.imported / checked_name(name))
        imported = f"'{as_plain(name)}' was imported. Pick it from the list of checkpoints."
        rerun_with_message(" ".join([imported, *map(as_plain, notes)]))


@st.cache_data(show_spinner="Reading the card", max_entries=1, scope="session")
def _card_in(file_id: str, _file: BinaryIO) -> Card:
    from splitlab.models.imports import card_in

    return card_in(_file)


@st.cache_data(show_spinner=False, max_entries=1, scope="session")
def _is_own(file_id: str, _file: BinaryIO) -> bool:
    from splitlab.models.imports import is_own

    return is_own(_file)


def _import(file: BinaryIO, own: bool, into: Path) -> list[str]:
    """Import an upload; return what the user should know about it."""
    from splitlab.models.imports import import_checkpoint, import_own, names_in_words

    Hosting.here().require_writable(_IMPORTING)
    if own:
        import_own(file, into)
        return []
    name = PurePath(file.name)
    try:
        with tempfile.TemporaryDirectory(
            prefix=swept_in_temp("splitlab-upload-"), ignore_cleanup_errors=True
        ) as folder:
            # A safe name, because visitors' files may have names that are invalid here; the card shows it.
            path = Path(folder) / f"{proposed_name(name.stem)}{name.suffix.lower()}"
            path.write_bytes(file.read())
            with shown_as(path, name.name):
                import_checkpoint(path, into)
                return names_in_words(read_card(into))
    except OSError as error:
        raise RunError(
            f"{name.name}: no space for temporary files ({error.strerror}). Free some disk space."
        ) from error


def _offer_repositories(workspace: Workspace) -> None:
    repository = st.text_input("Repository", placeholder="owner/name", key="repository", max_chars=200).strip()
    revision = st.text_input("Revision", placeholder="main", key="revision", max_chars=200).strip()
    st.caption("A public repository on Hugging Face. For private ones, use `splitlab checkpoint get owner/name`.")
    address = f"{repository}@{revision}" if revision else repository
    # On request only: a server that cannot be reached must not delay every other click on the page.
    if st.button("Look up", icon=":material/search:", disabled=not repository):
        with st.spinner("Looking it up"):
            st.session_state[_FOUND] = address, _find(address)
    looked_at, found = st.session_state.get(_FOUND, ("", None))
    if found is None or looked_at != address:
        return
    show_card(found.card, {})
    st.caption(f"{megabytes(found.bytes)}, commit {found.commit}")
    if st.button("Download and import", type="primary", icon=":material/download:", width="stretch"):
        name = proposed_name(found.repository.rpartition("/")[2])
        with st.spinner("Downloading"):
            _get(found, workspace.imported / checked_name(name))
        rerun_with_message(f"'{as_plain(name)}' was imported. Pick it from the list of checkpoints.")


def _find(address: str) -> FoundCheckpoint:
    from splitlab.models.checkpoint_repository import find_checkpoint

    Hosting.here().require_writable(_DOWNLOADING)
    return find_checkpoint(address, token=False)


def _get(found: FoundCheckpoint, into: Path) -> None:
    from splitlab.models.checkpoint_repository import get_checkpoint

    Hosting.here().require_writable(_DOWNLOADING)
    # Without the token of the server's owner: visitors may only see public repositories.
    get_checkpoint(found, into, token=False)


def _offer_download(choices: list[Choice]) -> None:
    if not choices:
        st.caption("There are no checkpoints yet.")
        return
    choice = st.selectbox("Checkpoint", choices, format_func=lambda one: one.label, key="take_away")
    show_card(choice.card, facts_in(choice.folder, choice.version))
    st.download_button(
        "Download as zip",
        lambda: zipped(choice.folder),
        f"{proposed_name(choice.card.name)}{_OWN}",
        "application/zip",
        icon=":material/download:",
        on_click="ignore",
    )
