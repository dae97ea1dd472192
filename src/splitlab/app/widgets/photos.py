"""Uploads and photos in memory: limits for each visitor and for all, and freeing them when a page is closed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, BinaryIO

import streamlit as st
from streamlit import runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from splitlab.app.hosting import Hosting
from splitlab.data.images import ImageArray, load_reduced
from splitlab.errors import ImageError

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

_CHECK_SECONDS = 10.0
# A browser that lost its connection can come back for 120 seconds; after that Streamlit cannot close its session.
_KEEP_SECONDS = 100.0


class _ClosedPages:
    """Closes sessions with uploads whose page was closed. It runs in the server's event loop."""

    def __init__(self, uploads: MemoryUploadedFileManager) -> None:
        self._uploads = uploads
        self._closed_since: dict[str, float] = {}
        self._is_watching = False

    def watch(self) -> None:
        """Check every few seconds while there are uploads; do nothing without an event loop, as in tests."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if not self._is_watching:
            self._is_watching = True
            loop.call_later(_CHECK_SECONDS, self._check)

    def _check(self) -> None:
        self._is_watching = False
        try:
            self._end_closed()
        finally:
            if self._uploads.file_storage:
                self.watch()

    def _end_closed(self) -> None:
        server, now = runtime.get_instance(), time.monotonic()
        closed = [session for session in list(self._uploads.file_storage) if not server.is_active_session(session)]
        self._closed_since = {session: self._closed_since.get(session, now) for session in closed}
        for session, since in self._closed_since.items():
            if now - since >= _KEEP_SECONDS:
                server.close_session(session)
                # For a file that arrived after its session had ended.
                self._uploads.remove_session_files(session)


_MAX_SIDE = 1600
# Memory reserved for a photo before its size is known.
_MOST_PIXEL_BYTES = _MAX_SIDE * _MAX_SIDE * 3
_MEGABYTE = 1_000_000
# Opening a photo of 51 megapixels takes 150 MB for a moment.
_OPENED_AT_ONCE = 2


class _PhotoRoom:
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


class _PhotoShelf:
    """One visitor's photos. A photo takes memory for its file, which Streamlit keeps, and for its pixels."""

    def __init__(self, room: _PhotoRoom) -> None:
        self._room = room
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
                    with self._room.opening:
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
        if self.taken + size > hosting.session_photo_megabytes * _MEGABYTE:
            raise ImageError(
                f"{name} was not kept: with your other photos it would take over {hosting.session_photo_megabytes} MB, "
                "the limit for one visitor. Remove some of them."
            )
        if not self._room.take(size, hosting.photo_megabytes * _MEGABYTE):
            raise ImageError(
                f"{name} was not kept: all visitors' photos together take {hosting.photo_megabytes} MB, the limit of "
                "this server. Try again in a few minutes."
            )
        self._sizes[file_id] = size

    def _shrink(self, file_id: str, size: int) -> None:
        self._room.take(size - self._sizes[file_id], 0)
        self._sizes[file_id] = size

    def _give_back(self, file_id: str) -> None:
        self._room.take(-self._sizes.pop(file_id), 0)


class _BoundedUploads(MemoryUploadedFileManager):
    """Limits the uploads of a session, and of all sessions, to the server's settings.

    Needed because anybody with a session can send any number of files to its address, without a page.
    """

    closed_pages: _ClosedPages

    def add_file(self, session_id: str, file: UploadedFileRec) -> None:
        """Keep a file.

        Raises:
            HTTPException: Status 413 if there is no memory; the browser shows it beside the file.
        """
        from starlette.exceptions import HTTPException

        hosting = Hosting.here()
        # Besides photos, a visitor who may change things uploads one dataset or checkpoint at a time.
        other = 0 if hosting.read_only else hosting.upload_megabytes
        of_session = self._bytes_of(session_id, file.file_id) + len(file.data)
        if of_session > (hosting.session_photo_megabytes + other) * _MEGABYTE:
            raise HTTPException(413, "Your uploads take too much memory. Remove some, or load the page again.")
        of_others = sum(self._bytes_of(other_id, "") for other_id in list(self.file_storage) if other_id != session_id)
        if hosting.read_only and of_session + of_others > hosting.photo_megabytes * _MEGABYTE:
            raise HTTPException(413, "All visitors' uploads take too much memory. Try again in a few minutes.")
        super().add_file(session_id, file)
        self.closed_pages.watch()

    def _bytes_of(self, session_id: str, but: str) -> int:
        files = list(self.file_storage.get(session_id, {}).items())
        return sum(len(file.data) for file_id, file in files if file_id != but)


def bound_uploads() -> None:
    """Limit this server's uploads, once. Streamlit has no setting for this."""
    context = get_script_run_ctx()
    if context is not None and type(context.uploaded_file_mgr) is MemoryUploadedFileManager:
        _bound(context.uploaded_file_mgr)


def _bound(uploads: MemoryUploadedFileManager) -> None:
    """Turn Streamlit's upload manager into a bounded one."""
    uploads.closed_pages = _ClosedPages(uploads)  # type: ignore[attr-defined]  # before its first use below
    uploads.__class__ = _BoundedUploads


def name_upload(file: UploadedFile, proposed: str, key: str, most_letters: int) -> str:
    """Show a field for the name of an upload, which starts with `proposed` for each new file."""
    of = f"file of {key}"
    if st.session_state.get(of) != file.file_id:
        st.session_state[of] = file.file_id
        st.session_state[key] = proposed
    return st.text_input("Name", key=key, max_chars=most_letters).strip()


PHOTO_MEGABYTES = 30
# scikit-image's own photos; Chelsea is the cat of one of its developers (CC0).
SAMPLES = {"Chelsea, a cat": "chelsea.png", "An astronaut, no pet": "astronaut.png"}


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
        return _shelf().photo(file_id, name, file.size, lambda: _photo(name, f"upload {file_id}", file))
    except ImageError:
        _drop(file_id)
        raise


def keep_photos(uploads: Sequence[UploadedFile]) -> None:
    """Free the photos that are no longer uploaded."""
    _shelf().keep_only([upload.file_id for upload in uploads])


def _drop(file_id: str) -> None:
    """Free an upload's file, which would stay in memory as long as its visitor."""
    context = get_script_run_ctx()
    if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, file_id)


@st.cache_resource(show_spinner=False)
def _photo_room() -> _PhotoRoom:
    return _PhotoRoom()


@st.cache_resource(show_spinner=False, scope="session", on_release=_PhotoShelf.close)
def _shelf() -> _PhotoShelf:
    return _PhotoShelf(_photo_room())


def _photo(name: str, key: str, source: Path | BinaryIO) -> Photo:
    pixels, size = load_reduced(source, _MAX_SIDE, name)
    return Photo(name, key, pixels, size if max(size) > _MAX_SIDE else None)
