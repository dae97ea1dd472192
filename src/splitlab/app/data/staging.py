"""What a visitor uploads: files, unpacked and checked, that belong to the session until they are kept or dropped."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import streamlit as st

from splitlab.app.hosting import Hosting, upload_limit
from splitlab.app.widgets.progress import progress_bar
from splitlab.app.widgets.uploads import call_at_end
from splitlab.data.check import Check
from splitlab.data.import_dataset import ARCHIVE_ENDINGS, Staged, proposed_name, stage_archive, stage_files
from splitlab.data.open_dataset import INDEX
from splitlab.data.selection.near_duplicates import find_near_duplicates
from splitlab.data.selection.val_cut import ValCut, cut_val
from splitlab.errors import DataError, SplitError
from splitlab.io import Progress
from splitlab.workspace import Workspace

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

MEGABYTES = 500
"""The most that can be uploaded, unless the server allows less."""

_STAGED = "staged dataset"


@dataclass(frozen=True, eq=False)
class Upload:
    """A staged dataset and what is known of it.

    Attributes:
        files: ids of the uploaded files.
        staged: the unpacked dataset.
        found: what the check of its files found.
        cut: the val part that can be cut; None if there is one, or too few images can be scored.
    """

    files: tuple[str, ...]
    staged: Staged
    found: Check
    cut: ValCut | None

    @property
    def proposed_name(self) -> str:
        """A name for the dataset."""
        return proposed_name(self.staged.name)


def staged_upload(files: Sequence[UploadedFile], workspace: Workspace) -> Upload | None:
    """Return the uploaded files as a staged dataset; None if there are none. An earlier one is removed.

    Raises:
        DataError: they are refused, or no readable dataset.
        SettingsError: the server is read-only.
    """
    ids = tuple(file.file_id for file in files)
    known: Upload | None = st.session_state.get(_STAGED)
    if known is not None and known.files != ids:
        drop_staged()
        known = None
    if known is None and files:
        Hosting.here().require_writable("Adding datasets")
        with progress_bar("Unpacking") as progress:
            known = _look_at(files, ids, workspace.data, progress)
        st.session_state[_STAGED] = known
    return known


def drop_staged() -> None:
    """Remove the session's staged dataset, if there is one."""
    known: Upload | None = st.session_state.pop(_STAGED, None)
    if known is not None:
        known.staged.discard()


def _look_at(files: Sequence[UploadedFile], ids: tuple[str, ...], data_dir: Path, progress: Progress) -> Upload:
    staged = _stage(files, data_dir, progress)
    try:
        upload = Upload(ids, staged, staged.check(progress), _find_cut(staged, progress))
    except BaseException:  # a click on Cancel is one
        staged.discard()
        raise
    call_at_end(weakref.finalize(upload, staged.discard))
    return upload


def _find_cut(staged: Staged, progress: Progress) -> ValCut | None:
    """Return a val part to cut from train; None if there is one, or none can be cut."""
    train = staged.data.train
    if staged.data.has_val:
        return None
    try:
        cut_val(train)  # before every photo is opened
        index = Path(staged.place.name) / INDEX
        return cut_val(train, groups=find_near_duplicates(train.images, staged.root, index, progress))
    except SplitError:
        return None


def _stage(files: Sequence[UploadedFile], data_dir: Path, progress: Progress) -> Staged:
    _refuse_too_much(files)
    if len(files) == 1 and PurePath(files[0].name).suffix.lower().removeprefix(".") in ARCHIVE_ENDINGS:
        return stage_archive(files[0], data_dir, progress=progress)
    top = _folder_of_all(files)
    inside = [(file.name.removeprefix(f"{top}/"), file) for file in files]
    return stage_files(inside, top or "photos", data_dir, progress=progress)


def _refuse_too_much(files: Sequence[UploadedFile]) -> None:
    megabytes, most = sum(file.size for file in files) / 1e6, upload_limit(MEGABYTES)
    if megabytes > most:
        raise DataError(
            f"The files have {megabytes:,.0f} MB together, more than {most:,} MB. On the command line, splitlab data "
            "add takes a folder of any size."
        )


def _folder_of_all(files: Sequence[UploadedFile]) -> str:
    """Return the name of the folder that all files are in; empty if there is none."""
    tops = {file.name.partition("/")[0] if "/" in file.name else "" for file in files}
    return tops.pop() if len(tops) == 1 else ""
