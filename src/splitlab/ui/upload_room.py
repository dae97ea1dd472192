"""What visitors may keep uploaded, and how long: Streamlit itself only limits the size of each file."""

from __future__ import annotations

from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from splitlab.hosting import Hosting
from splitlab.ui.closed_pages import ClosedPages
from splitlab.ui.photo_shelf import MEGABYTE


class BoundedUploads(MemoryUploadedFileManager):
    """Keeps no more files of a session, and of all sessions, than the server's settings say.

    A visitor needs no page to send files: whoever has a session may put any number of them to its address.
    """

    closed_pages: ClosedPages

    def add_file(self, session_id: str, file: UploadedFileRec) -> None:
        """Keep a file.

        Raises:
            HTTPException: 413, there is no room; the browser says so beside the file.
        """
        from starlette.exceptions import HTTPException

        hosting = Hosting.here()
        # Besides photos, a visitor who may change things uploads one data set or checkpoint at a time.
        other = 0 if hosting.read_only else hosting.upload_megabytes
        of_session = self._bytes_of(session_id, file.file_id) + len(file.data)
        if of_session > (hosting.session_photo_megabytes + other) * MEGABYTE:
            raise HTTPException(413, "Your uploads take too much memory. Remove some, or load the page again.")
        of_others = sum(self._bytes_of(other_id, "") for other_id in list(self.file_storage) if other_id != session_id)
        if hosting.read_only and of_session + of_others > hosting.photo_megabytes * MEGABYTE:
            raise HTTPException(413, "All visitors' uploads take too much memory. Try again in a few minutes.")
        super().add_file(session_id, file)
        self.closed_pages.watch()

    def _bytes_of(self, session_id: str, but: str) -> int:
        files = list(self.file_storage.get(session_id, {}).items())
        return sum(len(file.data) for file_id, file in files if file_id != but)


def bound_uploads() -> None:
    """Make this server's uploads bounded, once. Streamlit has no setting for it and no other place to do it."""
    context = get_script_run_ctx()
    if context is not None and type(context.uploaded_file_mgr) is MemoryUploadedFileManager:
        bound(context.uploaded_file_mgr)


def bound(uploads: MemoryUploadedFileManager) -> None:
    """Turn Streamlit's own keeper of uploads into a bounded one."""
    uploads.closed_pages = ClosedPages(uploads)  # type: ignore[attr-defined]  # before its first use below
    uploads.__class__ = BoundedUploads
