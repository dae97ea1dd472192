"""What a visitor uploads: files, unpacked and checked, that belong to the session until they are kept or dropped."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from splitlab.app.hosting import Hosting, upload_limit
from splitlab.app.widgets.progress import progress_bar
from splitlab.app.widgets.uploads import call_at_end
from splitlab.data.check import Check
from splitlab.data.dataset import TrainVal
from splitlab.data.import_dataset import ARCHIVE_ENDINGS, Staged, proposed_name, stage_archive, stage_files
from splitlab.data.near_duplicates import Groups, find_near_duplicates
from splitlab.data.open_dataset import INDEX
from splitlab.data.val_cut import cut_val
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
        groups: near-duplicates in train; only known if a val part can be cut.
        no_cut: why no val part can be cut; empty if one can be, or there is one.
    """

    files: tuple[str, ...]
    staged: Staged
    found: Check
    groups: Groups
    no_cut: str

    @property
    def can_be_cut(self) -> bool:
        """Whether there is no val part, and one can be cut."""
        return not self.staged.data.has_val and not self.no_cut

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
        found = staged.check(progress)
        no_cut = _why_no_cut(staged.data)
        groups: Groups = ()
        if not staged.data.has_val and not no_cut:
            index = Path(staged.place.name) / INDEX
            groups = find_near_duplicates(staged.data.train.images, staged.root, index, progress)
        upload = Upload(ids, staged, found, groups, no_cut)
    except BaseException:  # a click on Cancel is one
        staged.discard()
        raise
    call_at_end(weakref.finalize(upload, staged.discard))
    return upload


def _stage(files: Sequence[UploadedFile], data_dir: Path, progress: Progress) -> Staged:
    _refuse_too_much(files)
    archives = [file for file in files if file.name.lower().endswith(tuple(f".{end}" for end in ARCHIVE_ENDINGS))]
    if archives and len(files) > 1:
        raise DataError(f"{archives[0].name} is one of {len(files):,} files. Choose one archive alone, or files.")
    if archives:
        return stage_archive(archives[0], data_dir, progress=progress)
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


def _why_no_cut(data: TrainVal) -> str:
    if data.has_val:
        return ""
    try:
        cut_val(data.train)
    except SplitError as error:
        return str(error)
    return ""
