"""Add a dataset to the workspace: look at an archive, folder or files first, then keep it under a name."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from splitlab.data.archives import Limits, gather, unpack
from splitlab.data.check import Check, check_dataset
from splitlab.data.dataset import Problem, TrainVal
from splitlab.data.masks import move_index
from splitlab.data.open_dataset import EMBEDDED, INDEX, open_dataset
from splitlab.errors import DataError, shown_as
from splitlab.io import Progress, no_progress, swept

_MOST_LETTERS = 60
_NAME = re.compile(rf"\w[\w.-]{{0,{_MOST_LETTERS - 1}}}")
_NOT_IN_A_NAME = re.compile(r"[^\w.-]+")
ARCHIVE_ENDINGS = ("zip", "tar", "tgz", "gz")
_ARCHIVE_ENDING = re.compile(r"\.(zip|tgz|tar|(tar\.)?gz)\Z", re.IGNORECASE)
_UPLOAD_LIMITS = Limits(members=50_000, total_bytes=4_000_000_000)
_ROOT = "whole"
_NO_DISK = "cannot be written ({}). Free some space there, or choose another workspace."


@dataclass(frozen=True)
class Staged:
    """A dataset that was unpacked and read, but not yet kept. It is removed when nothing refers to it any more.

    Attributes:
        root: its folder.
        name: what the user calls it, in messages.
        data: what was read.
    """

    root: Path
    name: str
    data: TrainVal
    place: tempfile.TemporaryDirectory[str]

    def check(self, progress: Progress = no_progress) -> Check:
        """Check every photo and label; problems name files by the archive's or folder's name."""
        found = check_dataset(self.data, progress)
        return replace(
            found,
            problems=tuple(map(self._named, found.problems)),
            notes=tuple(note.replace(str(self.root), proposed_name(self.name)) for note in found.notes),
        )

    def _named(self, problem: Problem) -> Problem:
        texts = (problem.file, problem.what, problem.way_out)
        return Problem(problem.kind, *(text.replace(str(self.root), self.name) for text in texts))

    def discard(self) -> None:
        """Remove it now."""
        self.place.cleanup()


def proposed_name(file_name: str) -> str:
    """Derive a dataset's name from its archive's: no ending, and dashes in place of characters that are not allowed."""
    stem = _ARCHIVE_ENDING.sub("", file_name)
    return _NOT_IN_A_NAME.sub("-", stem).strip(".-")[:_MOST_LETTERS] or "data"


def stage_archive(
    archive: BinaryIO, data_dir: Path, limits: Limits = _UPLOAD_LIMITS, progress: Progress = no_progress
) -> Staged:
    """Unpack a zip or tar of a dataset beside the datasets of the workspace, and read it.

    Raises:
        DataError: the archive is broken, hostile, too large, or holds no readable dataset; or `data_dir` cannot be
            written. Nothing is left behind.
    """
    with _draft_in(data_dir) as place:
        root = unpack(archive, Path(place.name) / _ROOT, limits, progress)
        return _read(root, str(getattr(archive, "name", "the archive")), place)


def stage_files(
    files: Sequence[tuple[str, BinaryIO]],
    name: str,
    data_dir: Path,
    limits: Limits = _UPLOAD_LIMITS,
    progress: Progress = no_progress,
) -> Staged:
    """Write files beside the datasets of the workspace, and read them as a dataset, which messages call `name`.

    `files` has their paths in the dataset's folder, and the files open for reading.

    Raises:
        DataError: a file would lie outside the folder or is there twice, they are over a limit or hold no readable
            dataset; or `data_dir` cannot be written. Nothing is left behind.
    """
    with _draft_in(data_dir) as place:
        return _read(gather(files, Path(place.name) / _ROOT, name, limits, progress), name, place)


def stage_folder(folder: Path, data_dir: Path) -> Staged:
    """Copy a folder beside the datasets of the workspace, and read it. Files are hard links where the disk allows it.

    Raises:
        DataError: the folder cannot be copied, holds `data_dir`, or holds no readable dataset. Nothing is left behind.
    """
    refuse_workspace_in(folder, data_dir)
    with _draft_in(data_dir) as place:
        root = copy_folder(folder, Path(place.name) / _ROOT)
        return _read(root, str(folder), place)


def refuse_workspace_in(folder: Path, workspace: Path) -> None:
    """Raise DataError if a folder that is to be copied holds the workspace, or this folder of it."""
    if workspace.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{folder} holds the workspace, {workspace}. Give the folder of one dataset.")


def copy_folder(folder: Path, target: Path) -> Path:
    """Copy a folder to a place that does not exist; return it.

    Files are hard links where the disk allows it, and links stay links.

    Raises:
        DataError: the folder cannot be copied.
    """
    try:
        shutil.copytree(folder, target, symlinks=True, copy_function=_link_or_copy)
    except (OSError, shutil.Error) as error:
        raise DataError(f"{folder}: cannot be copied to {target.parent} ({str(error)[:200]}). Check both.") from error
    return target


def keep(staged: Staged, name: str, data_dir: Path) -> TrainVal:
    """Give a staged dataset a name in the workspace, and open it there.

    Raises:
        DataError: the name is taken or not valid, or `data_dir` cannot be written.
    """
    refuse_name(name, data_dir)
    target = data_dir / name
    _rename(staged.root, target)
    move_index(staged.root, target, Path(staged.place.name) / INDEX, data_dir / INDEX)
    staged.discard()
    return open_dataset(name, data_dir)


def refuse_name(name: str, data_dir: Path) -> None:
    """Raise DataError if a dataset cannot be kept under this name."""
    if not _NAME.fullmatch(name) or name == EMBEDDED:
        raise DataError(f"'{name}' is not a valid dataset name: use up to 60 letters, digits, dots and dashes.")
    if (data_dir / name).exists():
        raise DataError(_taken(name))


def _read(root: Path, name: str, place: tempfile.TemporaryDirectory[str]) -> Staged:
    # The index is written into the draft, so that a refused dataset leaves none behind.
    with shown_as(root, name):
        data = open_dataset(str(root), Path(place.name))
        _refuse_without_photos(data, root)
    return Staged(root, name, data, place)


def _refuse_without_photos(data: TrainVal, root: Path) -> None:
    """Refuse an export of labels alone, or of nothing."""
    images = (*data.train.images, *data.val.images)
    if not images:
        raise DataError(f"Recognised as {data.format}. {root} has no images. Export it with its images.")
    if not any(image.path.is_file() for image in images):
        first = images[0].path
        shown = first.relative_to(root) if first.is_relative_to(root) else first.name
        raise DataError(
            f"Recognised as {data.format}. {root} has labels of {len(images):,} images, but none of the photos, such "
            f"as {shown}. Export it with its images, or add them."
        )


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


@contextmanager
def _draft_in(data_dir: Path) -> Iterator[tempfile.TemporaryDirectory[str]]:
    """Yield a new folder, which is removed if the block fails."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        place = tempfile.TemporaryDirectory(
            prefix=swept(".import-", data_dir), dir=data_dir, ignore_cleanup_errors=True
        )
    except OSError as error:
        raise DataError(f"{data_dir}: {_NO_DISK.format(error.strerror)}") from error
    try:
        yield place
    except BaseException:
        place.cleanup()
        raise


def _rename(root: Path, target: Path) -> None:
    # A move would put the folder into one that somebody created at `target` in the meantime.
    try:
        root.rename(target)
    except OSError as error:
        what = _taken(target.name) if target.exists() else f"{target.parent}: {_NO_DISK.format(error.strerror)}"
        raise DataError(what) from error


def _taken(name: str) -> str:
    return f"A dataset named '{name}' already exists. Choose another name."
