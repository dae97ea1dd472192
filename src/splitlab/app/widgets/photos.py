"""Photos on the pages: samples and uploads, and the memory that uploads take."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, BinaryIO

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from splitlab.app.hosting import Hosting
from splitlab.app.widgets.uploads import MEGABYTE
from splitlab.data.images import ImageArray, load_reduced
from splitlab.errors import ImageError

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

PHOTO_MEGABYTES = 30
# scikit-image's own photos; Chelsea is the cat of one of its developers (CC0).
SAMPLES = {"Chelsea, a cat": "chelsea.png", "An astronaut, no pet": "astronaut.png"}
_MAX_SIDE = 1600
# Memory reserved for a photo before its size is known.
_MOST_PIXEL_BYTES = _MAX_SIDE * _MAX_SIDE * 3
# Opening a photo of 51 megapixels takes 150 MB for a moment.
_OPENED_AT_ONCE = 2


@dataclass(frozen=True)
class Photo:
    """A photo on the page.

    Attributes:
        name: Shown name.
        key: Cache key; equal for equal pixels within a session.
        pixels: (H, W, 3) uint8 RGB, scaled down if larger than 1600 on the long side.
        shrunk_from: Width and height before it was scaled down, or None.
    """

    name: str
    key: str
    pixels: ImageArray
    shrunk_from: tuple[int, int] | None


@st.cache_data(show_spinner=False, max_entries=8)
def sample_photo(name: str) -> Photo:
    """Open a photo of `SAMPLES`."""
    with as_file(files("skimage").joinpath("data", SAMPLES[name])) as path:
        return _photo(name, f"sample {name}", path)


def uploaded_photo(file_id: str, name: str, file: UploadedFile) -> Photo:
    """Open an upload, within the limits for this visitor and for all; delete it if it is refused.

    Raises:
        ImageError: It is not an image, is broken or too large, or there is no memory for it.
    """
    try:
        return _visitor_photos().photo(file_id, name, file.size, lambda: _photo(name, f"upload {file_id}", file))
    except ImageError:
        _drop(file_id)
        raise


def keep_photos(uploads: Sequence[UploadedFile]) -> None:
    """Free the photos that are no longer uploaded."""
    _visitor_photos().keep_only([upload.file_id for upload in uploads])


def _drop(file_id: str) -> None:
    """Free an upload's file, which would stay in memory as long as its visitor."""
    context = get_script_run_ctx()
    if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, file_id)


def _photo(name: str, key: str, source: Path | BinaryIO) -> Photo:
    pixels, size = load_reduced(source, _MAX_SIDE, name)
    return Photo(name, key, pixels, size if max(size) > _MAX_SIDE else None)


class _PhotoMemory:
    """Counts the memory that the photos of all visitors take."""

    def __init__(self) -> None:
        self.opening = BoundedSemaphore(_OPENED_AT_ONCE)
        self._lock = Lock()
        self._taken = 0

    @property
    def taken(self) -> int:
        """Bytes in use."""
        return self._taken

    def take(self, size: int, most: int) -> bool:
        """Reserve `size` more bytes (or free some, if negative); return False if that would exceed `most`."""
        with self._lock:
            fits = size <= 0 or self._taken + size <= most
            self._taken += size if fits else 0
            return fits


class _VisitorPhotos:
    """One visitor's photos. A photo takes memory for its file, which Streamlit keeps, and for its pixels."""

    def __init__(self, memory: _PhotoMemory) -> None:
        self._memory = memory
        self._lock = Lock()
        self._photos: dict[str, Photo] = {}
        self._sizes: dict[str, int] = {}

    @property
    def taken(self) -> int:
        """Bytes in use."""
        return sum(self._sizes.values())

    def photo(self, file_id: str, name: str, file_bytes: int, open_it: Callable[[], Photo]) -> Photo:
        """Return an upload, and open it if necessary.

        Raises:
            ImageError: It is not an image, or there is no memory for it.
        """
        with self._lock:
            if file_id not in self._photos:
                self._take(file_id, name, file_bytes + _MOST_PIXEL_BYTES)
                try:
                    with self._memory.opening:
                        photo = open_it()
                except BaseException:
                    self._give_back(file_id)
                    raise
                self._photos[file_id] = photo
                self._shrink(file_id, file_bytes + photo.pixels.nbytes)
            return self._photos[file_id]

    def keep_only(self, file_ids: Collection[str]) -> None:
        """Free the photos that the visitor has removed."""
        with self._lock:
            for file_id in self._photos.keys() - set(file_ids):
                del self._photos[file_id]
                self._give_back(file_id)

    def close(self) -> None:
        """Free all photos."""
        self.keep_only(())

    def _take(self, file_id: str, name: str, size: int) -> None:
        hosting = Hosting.here()
        if self.taken + size > hosting.session_photo_megabytes * MEGABYTE:
            raise ImageError(
                f"{name} was not kept: with your other photos it would take over {hosting.session_photo_megabytes} MB, "
                "the limit for one visitor. Remove some of them."
            )
        if not self._memory.take(size, hosting.photo_megabytes * MEGABYTE):
            raise ImageError(
                f"{name} was not kept: all visitors' photos together take {hosting.photo_megabytes} MB, the limit of "
                "this server. Try again in a few minutes."
            )
        self._sizes[file_id] = size

    def _shrink(self, file_id: str, size: int) -> None:
        self._memory.take(size - self._sizes[file_id], 0)
        self._sizes[file_id] = size

    def _give_back(self, file_id: str) -> None:
        self._memory.take(-self._sizes.pop(file_id), 0)


@st.cache_resource(show_spinner=False)
def _photo_memory() -> _PhotoMemory:
    return _PhotoMemory()


@st.cache_resource(show_spinner=False, scope="session", on_release=_VisitorPhotos.close)
def _visitor_photos() -> _VisitorPhotos:
    return _VisitorPhotos(_photo_memory())
