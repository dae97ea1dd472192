"""Add a dataset: choose files, see what they are before anything is kept, and keep them under a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import streamlit as st

from splitlab.app.data.pictures import choose_samples, show_both_ways, show_legend
from splitlab.app.data.staging import MEGABYTES, Upload, drop_staged, staged_upload
from splitlab.app.hosting import Hosting, upload_limit
from splitlab.app.navigation import errors_shown, rerun_with_message
from splitlab.app.widgets.links import linked_choice
from splitlab.app.widgets.text import as_plain
from splitlab.app.widgets.uploads import name_upload
from splitlab.data.dataset import Problem, TrainVal, count_images, count_kinds
from splitlab.data.images import PHOTO_ENDINGS
from splitlab.data.import_dataset import ARCHIVE_ENDINGS, keep, refuse_name
from splitlab.data.open_dataset import FORMAT_NAMES
from splitlab.data.selection.val_cut import DEFAULT_SHARE, ValCut, apply_cut, save_cut
from splitlab.workspace import Workspace

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.runtime.uploaded_file_manager import UploadedFile

ADDING = "Adding datasets"
_IS_ADDING, _TURN = "adding a dataset", "uploaders so far"
_BEFORE, _NEXT = "dataset shown before", "dataset to show next"
_ARCHIVE, _FOLDER, _PHOTOS = "a zip or tar", "a folder", "photos"
_MOST_LETTERS, _SAMPLES = 60, 3
_KINDS = {
    "masks": "masks",
    "half_masked": "half-masked",
    "boxes": "boxes only",
    "background": "background",
    "unlabelled": "not labelled",
    "broken": "labels broken",
}
_TABLE_STYLE = (
    "<style>.counts{width:100%;font-size:.9rem;line-height:1.35}.counts th,.counts td{text-align:right;padding:0}"
    ".counts td:first-child{text-align:left}</style>"
)


def is_adding() -> bool:
    """Return whether the page shows the steps of adding a dataset."""
    return bool(st.session_state.get(_IS_ADDING)) and not Hosting.here().read_only


def offer_adding(place: DeltaGenerator, shown: str) -> None:
    """Show the button that starts adding a dataset; `shown` is the dataset to return to."""
    place.button(
        "Add a dataset", icon=":material/upload:", width="stretch", on_click=_start_adding, args=(shown,), key="add"
    )


def select_next(key: str) -> None:
    """Select a dataset that was just added, or the one before, in the list with this key, which is not drawn yet."""
    if name := st.session_state.pop(_NEXT, None):
        st.session_state[key] = name


def show_adding(workspace: Workspace) -> None:
    """Show the uploader, and below it what was found in the files."""
    files = _choose_files()
    with errors_shown():
        upload = staged_upload(files, workspace)
        if upload is not None:
            _show_found(upload, workspace)


def _start_adding(shown: str) -> None:
    st.session_state[_IS_ADDING] = True
    st.session_state[_BEFORE] = shown


def _stop_adding(then: str) -> None:
    drop_staged()
    st.session_state[_IS_ADDING] = False
    st.session_state[_NEXT] = then
    # A new uploader has no files.
    st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1


def _choose_files() -> Sequence[UploadedFile]:
    choice, cancel = st.columns(2, vertical_alignment="bottom", gap="large")
    ways, before = [_ARCHIVE, _FOLDER, _PHOTOS], st.session_state.get(_BEFORE, "")
    way = linked_choice("What you have", ways, _ARCHIVE, "way_to_add", choice)
    cancel.button("Cancel", icon=":material/close:", width="stretch", on_click=_stop_adding, args=(before,))
    key = f"files_{way}_{st.session_state.get(_TURN, 0)}"
    look: Any = {"key": key, "max_upload_size": upload_limit(MEGABYTES), "label_visibility": "collapsed"}
    files: Sequence[UploadedFile]
    if way == _FOLDER:
        files = st.file_uploader("A folder", accept_multiple_files="directory", **look)
    elif way == _PHOTOS:
        files = st.file_uploader("Photos", type=[*PHOTO_ENDINGS], accept_multiple_files=True, **look)
    else:
        file = st.file_uploader("A zip or tar", type=[*ARCHIVE_ENDINGS], **look)
        files = [file] if file else []
    if not files:
        st.caption(
            f"Recognised: {', '.join(FORMAT_NAMES)}. More than fits here: `splitlab data add PATH` on the command line."
        )
    return files


def _show_found(upload: Upload, workspace: Workspace) -> None:
    data = upload.staged.data
    pictures, facts = st.columns([2.1, 1], gap="large")
    with facts:
        classes = len(data.train.class_names)
        and_classes = f", {classes:,} class{'' if classes == 1 else 'es'}" if classes else ""
        st.markdown(f"Recognised as **{as_plain(upload.found.format)}**{and_classes}")
        place_of_counts = st.container()
        cut = _choose_cut(upload)
        place_of_counts.html(_counts_html(apply_cut(data, cut) if cut else data))
        if upload.found.problems:
            place_of_counts.caption(f"Problems, listed below: {_kinds_in_words(upload.found.problems)}")
        _name_and_keep(upload, cut, workspace)
        for note in upload.found.notes[: len(data.notes)]:
            st.caption(as_plain(note))
    with pictures:
        samples = choose_samples(data.train, 0, _SAMPLES)
        show_both_ways(samples, _SAMPLES)
        show_legend(data.train, samples)
    show_problems(upload.found.problems)


def _counts_html(data: TrainVal) -> str:
    """Return a table of the images of train and val by their labels; kinds that neither has are left out."""
    parts = (data.train, data.val)
    kinds = [asdict(count_images(part)) for part in parts]
    rows = [("images", [len(part.images) for part in parts])]
    rows += [(label, [counts[kind] for counts in kinds]) for kind, label in _KINDS.items()]
    rows.append(("objects", [sum(len(image.targets) for image in part.images) for part in parts]))
    lines = "".join(
        f"<tr><td>{label}</td>{''.join(f'<td>{number:,}</td>' for number in numbers)}</tr>"
        for label, numbers in rows
        if any(numbers)
    )
    return f"{_TABLE_STYLE}<table class='counts'><tr><td></td><th>train</th><th>val</th></tr>{lines}</table>"


def _choose_cut(upload: Upload) -> ValCut | None:
    """Offer to cut a val part if there is none; return it."""
    if upload.staged.data.has_val:
        return None
    if upload.cut is None:
        st.caption("There is no val part, and none can be cut yet: it takes two images that differ and are labelled.")
        return None
    wanted = st.toggle(
        f"Cut a val part of {DEFAULT_SHARE:.0%}",
        True,
        key="cut_on_adding",
        help="There is no val part to score on. Classes keep their proportions, near-duplicates stay together.",
    )
    return upload.cut if wanted else None


def _name_and_keep(upload: Upload, cut: ValCut | None, workspace: Workspace) -> None:
    name = name_upload(upload.files, upload.proposed_name, "archive_name", _MOST_LETTERS)
    if not st.button("Add dataset", type="primary", icon=":material/add:", width="stretch"):
        return
    with errors_shown():
        Hosting.here().require_writable(ADDING)
        refuse_name(name, workspace.data)
        if cut is not None:
            save_cut(upload.staged.root, cut)
        with st.spinner("Adding the dataset"):
            added = keep(upload.staged, name, workspace.data)
        _stop_adding(name)
        val = f" and {len(added.val.images):,} val images" if added.has_val else ""
        rerun_with_message(f"Added '{as_plain(name)}' with {len(added.train.images):,} training images{val}.")


def show_problems(problems: Sequence[Problem]) -> None:
    """Show how many problems of each kind there are, and below their list."""
    if not problems:
        st.success("Every photo opens, and every label fits its photo.")
        return
    st.warning(f"{len(problems):,} found: {_kinds_in_words(problems)}.")
    st.dataframe([asdict(problem) for problem in problems], hide_index=True)


def _kinds_in_words(problems: Sequence[Problem]) -> str:
    return ", ".join(f"{number:,} x {kind}" for kind, number in count_kinds(problems).items())
