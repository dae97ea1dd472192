"""Uploads go two minutes after their page was closed; by itself, Streamlit keeps them until another session ends."""

from __future__ import annotations

import asyncio
import time

from streamlit import runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

CHECK_SECONDS = 10.0
# Streamlit lets a browser that lost its connection come back for 120 seconds, and can end no session after that.
KEEP_SECONDS = 100.0


class ClosedPages:
    """Ends the sessions that hold uploads and whose page was closed. It runs in the server's event loop."""

    def __init__(self, uploads: MemoryUploadedFileManager) -> None:
        self._uploads = uploads
        self._closed_since: dict[str, float] = {}
        self._is_watching = False

    def watch(self) -> None:
        """Look every few seconds, as long as there are uploads; nothing where no event loop runs, as in tests."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if not self._is_watching:
            self._is_watching = True
            loop.call_later(CHECK_SECONDS, self._check)

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
            if now - since >= KEEP_SECONDS:
                server.close_session(session)
                # A file that arrived after its session had ended belongs to no session that could be closed.
                self._uploads.remove_session_files(session)
