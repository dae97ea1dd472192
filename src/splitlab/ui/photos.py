"""Photos to look at: samples that a dependency ships, and uploads, which stay in memory alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from splitlab.data.images import ImageArray, load_reduced
from splitlab.errors import ImageError
from splitlab.ui.photo_shelf import MAX_SIDE, PhotoRoom, PhotoShelf

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

PHOTO_MEGABYTES = 30
# scikit-image's own photos; Chelsea is the cat of one of its developers (CC0).
SAMPLES = {"Chelsea, a cat": "chelsea.png", "An astronaut, no pet": "astronaut.png"}


@dataclass(frozen=True)
class Photo:
    """A photo on the page.

    Attributes:
        name: what people call it.
        key: equal for equal pixels within a session; caches go by it.
        pixels: (H, W, 3) uint8 RGB, at most MAX_SIDE on its long side.
        shrunk_from: its width and height before it was scaled down, or None.
    """

    name: str
    key: str
    pixels: ImageArray
    shrunk_from: tuple[int, int] | None


@st.cache_data(show_spinner=False, max_entries=8)
def sample_photo(name: str) -> Photo:
    """Open a sample by its name in SAMPLES."""
    with as_file(files("skimage").joinpath("data", SAMPLES[name])) as path:
        return _photo(name, f"sample {name}", path)


def uploaded_photo(file_id: str, name: str, file: UploadedFile) -> Photo:
    """Open an upload, within what this visitor's photos and all visitors' may take; a refused one is dropped.

    Raises:
        ImageError: it is no image, is broken or too large, or there is no room for it.
    """
    try:
        return _shelf().photo(file_id, name, file.size, lambda: _photo(name, f"upload {file_id}", file))
    except ImageError:
        _drop(file_id)
        raise


def keep_photos(uploads: Sequence[UploadedFile]) -> None:
    """Give back the room of the photos that are no longer among the uploads."""
    _shelf().keep_only([upload.file_id for upload in uploads])


def _drop(file_id: str) -> None:
    """Free what Streamlit holds of an upload; else a refused file would stay in memory as long as its visitor."""
    context = get_script_run_ctx()
    if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, file_id)


@st.cache_resource(show_spinner=False)
def photo_room() -> PhotoRoom:
    """Return the one count of what all visitors' photos take."""
    return PhotoRoom()


@st.cache_resource(show_spinner=False, scope="session", on_release=PhotoShelf.close)
def _shelf() -> PhotoShelf:
    return PhotoShelf(photo_room())


def _photo(name: str, key: str, source: Path | BinaryIO) -> Photo:
    pixels, size = load_reduced(source, MAX_SIDE, name)
    return Photo(name, key, pixels, size if max(size) > MAX_SIDE else None)
