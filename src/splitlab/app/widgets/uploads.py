"""Uploads: limits for each visitor and for all, and freeing them and what was made of them when a page is closed."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable

import streamlit as st
from streamlit import runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from splitlab.app.hosting import Hosting

MEGABYTE = 1_000_000
_CHECK_SECONDS = 10.0
# A browser that lost its connection can come back for 120 seconds; after that Streamlit cannot close its session.
_KEEP_SECONDS = 100.0


def bound_uploads() -> None:
    """Limit this server's uploads, once. Streamlit has no setting for this."""
    context = get_script_run_ctx()
    if context is not None and type(context.uploaded_file_mgr) is MemoryUploadedFileManager:
        _bound(context.uploaded_file_mgr)


def name_upload(upload: object, proposed: str, key: str, most_letters: int) -> str:
    """Show a field for the name of an upload, which starts with `proposed` for each new file.

    `upload` is the id of its file, or of its files.
    """
    of = f"file of {key}"
    if st.session_state.get(of) != upload:
        st.session_state[of] = upload
        st.session_state[key] = proposed
    return st.text_input("Name", key=key, max_chars=most_letters).strip()


_at_end: defaultdict[str, list[Callable[[], object]]] = defaultdict(list)
"""What to call when a session ends, by its id."""


def call_at_end(callback: Callable[[], object]) -> None:
    """Call something when the visitor's session ends. Streamlit keeps the state of the last one that ended."""
    context = get_script_run_ctx()
    if context is not None:
        _at_end[context.session_id].append(callback)


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
        if of_session > (hosting.session_photo_megabytes + other) * MEGABYTE:
            raise HTTPException(413, "Your uploads take too much memory. Remove some, or load the page again.")
        of_others = sum(self._bytes_of(other_id, "") for other_id in list(self.file_storage) if other_id != session_id)
        if hosting.read_only and of_session + of_others > hosting.photo_megabytes * MEGABYTE:
            raise HTTPException(413, "All visitors' uploads take too much memory. Try again in a few minutes.")
        super().add_file(session_id, file)
        self.closed_pages.watch()

    def remove_session_files(self, session_id: str) -> None:
        """Forget the files of a session that ends, and call what waits for that."""
        super().remove_session_files(session_id)
        for callback in _at_end.pop(session_id, ()):
            callback()

    def _bytes_of(self, session_id: str, but: str) -> int:
        files = list(self.file_storage.get(session_id, {}).items())
        return sum(len(file.data) for file_id, file in files if file_id != but)


def _bound(uploads: MemoryUploadedFileManager) -> None:
    """Turn Streamlit's upload manager into a bounded one."""
    uploads.closed_pages = _ClosedPages(uploads)  # type: ignore[attr-defined]  # before its first use below
    uploads.__class__ = _BoundedUploads


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
