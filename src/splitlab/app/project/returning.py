"""Take labels back: look at an export of an annotation tool, then merge it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from splitlab.app.hosting import Hosting, may_change, upload_limit
from splitlab.app.navigation import errors_shown, rerun_with_message
from splitlab.app.widgets.progress import progress_bar
from splitlab.app.widgets.sources import read_dataset
from splitlab.app.widgets.text import as_plain
from splitlab.data.dataset import LabelState
from splitlab.io import swept_in_temp
from splitlab.project.incoming import Incoming, Outcome, look_at
from splitlab.project.project import Project
from splitlab.project.take_back import take

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

_TAKING = "Taking labels back"
_MEGABYTES, _TABLE_PIXELS, _MOST_PROBLEMS = 500, 300, 20
_LOOKED = "export that was looked at"
_TYPES = ["zip", "tar", "gz", "tgz", "json", "xml", "csv", "ndjson"]


def show_taking_back(project: Project) -> None:
    """Show the uploader, what an export holds, and the button that merges it."""
    if not may_change(_TAKING):
        return
    file = st.file_uploader(
        "The export of CVAT, Label Studio or another tool, as it comes; photos are not needed",
        type=_TYPES, max_upload_size=upload_limit(_MEGABYTES), key="project_export",
    )  # fmt: skip
    if file is None:
        return
    empty = st.toggle("Photos without objects are background", key="project_empty")
    with errors_shown():
        incoming = _looked_at(project, file, LabelState.WHOLE if empty else LabelState.NONE)
        _show_incoming(project, incoming)


def _looked_at(project: Project, file: UploadedFile, empty: LabelState) -> Incoming:
    """Read an export once; again only after labels were merged."""
    key = (project.name, file.file_id, empty, len(list(project.folder.glob("takes/*.json"))))
    known: tuple[object, Incoming] | None = st.session_state.get(_LOOKED)
    if known is not None and known[0] == key:
        return known[1]
    with (
        tempfile.TemporaryDirectory(prefix=swept_in_temp("splitlab-export-")) as place,
        progress_bar("Read the export") as progress,
    ):
        path = Path(place) / Path(file.name).name
        path.write_bytes(file.getbuffer())
        incoming = look_at(project, path, empty, progress)
    st.session_state[_LOOKED] = (key, incoming)
    return incoming


def _show_incoming(project: Project, incoming: Incoming) -> None:
    counts = ", ".join(f"**{count:,}** {outcome}" for outcome, count in sorted(incoming.counts.items()))
    st.markdown(f"{as_plain(Path(incoming.source).name)} ({incoming.format}): {counts}.")
    if incoming.unknown:
        st.caption(
            f"{len(incoming.unknown):,} photos are not of this project, such as {as_plain(incoming.unknown[0])}."
        )
    if incoming.problems:
        with st.expander(f"{len(incoming.problems):,} entries cannot be read"):
            for problem in incoming.problems[:_MOST_PROBLEMS]:
                st.markdown(as_plain(problem))
    told = [photo for photo in incoming.photos if photo.what]
    if told:
        rows = [{"photo": photo.file, "is": str(photo.outcome), "because": photo.what} for photo in told]
        st.dataframe(rows, hide_index=True, height=_TABLE_PIXELS)
    hours_at, replace_at, button_at = st.columns([1, 1.4, 1], vertical_alignment="bottom")
    hours = hours_at.number_input("Hours it took (empty: by the prices)", 0.0, 1e6, None, 0.5, "%g", key="take_hours")
    conflicts = incoming.counts[Outcome.CONFLICT]
    replaces = replace_at.toggle(f"Replace the {conflicts:,} that contradict", disabled=not conflicts)
    chosen = (*incoming.new, *(incoming.conflicts if replaces else ()))
    if button_at.button(f"Take {len(chosen):,} photos", type="primary", icon=":material/inbox:", disabled=not chosen):
        Hosting.here().require_writable(_TAKING)
        taken = take(project, chosen, Path(incoming.source).name, hours)
        read_dataset.clear()
        stated = "" if taken.hours_are_real else ", by the prices"
        rerun_with_message(
            f"Taken: {len(taken.masks):,} photos with masks, {len(taken.boxes):,} with boxes or no object; "
            f"{taken.hours:.1f} hours booked{stated}."
        )
