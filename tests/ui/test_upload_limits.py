import asyncio
import contextlib
import time

import pytest
from starlette.exceptions import HTTPException
from streamlit.runtime import Runtime, RuntimeConfig, SessionClient
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from splitlab.app.widgets import uploads as uploads_in_memory
from splitlab.app.widgets.uploads import MEGABYTE, _bound


@pytest.fixture
def uploads(monkeypatch):
    monkeypatch.setenv("SPLITLAB_READ_ONLY", "1")
    monkeypatch.setenv("SPLITLAB_SESSION_PHOTO_MB", "3")
    monkeypatch.setenv("SPLITLAB_PHOTO_MB", "5")
    return bounded()


def bounded():
    # As the app makes Streamlit's own one bounded while it runs.
    manager = MemoryUploadedFileManager("/upload")
    _bound(manager)
    return manager


def file(file_id, megabytes):
    return UploadedFileRec(file_id, "photo.jpg", "image/jpeg", b"x" * (megabytes * MEGABYTE))


def held(uploads, session):
    return {found.file_id for found in uploads.get_files(session, list("abcdefg"))}


def test_a_visitor_who_sends_files_past_the_page_is_stopped_at_the_share_of_a_session(uploads):
    for name in "abc":
        uploads.add_file("one", file(name, 1))
    with pytest.raises(HTTPException) as caught:
        uploads.add_file("one", file("d", 1))
    assert caught.value.status_code == 413
    assert held(uploads, "one") == set("abc")
    uploads.add_file("one", file("a", 1))  # the same file again takes its own place
    uploads.remove_file("one", "b")
    uploads.add_file("one", file("d", 1))
    assert held(uploads, "one") == set("acd")


def test_all_visitors_together_are_stopped_at_what_the_server_holds(uploads):
    uploads.add_file("one", file("a", 3))
    uploads.add_file("two", file("a", 2))
    with pytest.raises(HTTPException, match="All visitors"):
        uploads.add_file("three", file("a", 1))
    uploads.remove_session_files("one")
    uploads.add_file("three", file("a", 1))


def test_where_things_may_be_changed_one_large_file_fits_besides_the_photos(uploads, monkeypatch):
    monkeypatch.setenv("SPLITLAB_READ_ONLY", "0")
    monkeypatch.setenv("SPLITLAB_UPLOAD_MB", "4")
    uploads.add_file("one", file("a", 4))
    uploads.add_file("one", file("b", 3))
    with pytest.raises(HTTPException):
        uploads.add_file("one", file("c", 1))


class Browser(SessionClient):
    def write_forward_msg(self, msg):
        pass


@contextlib.asynccontextmanager
async def server(uploads, script):
    script.write_text("")
    running = Runtime(RuntimeConfig(str(script), MemoryMediaFileStorage("/media"), uploads))
    await running.start()
    try:
        yield running
    finally:
        running.stop()
        await running.stopped
        Runtime._instance = None


async def until(is_so):
    end = time.monotonic() + 20
    while not is_so() and time.monotonic() < end:
        await asyncio.sleep(0.01)


def test_uploads_go_by_themselves_after_their_page_was_closed_and_those_of_open_pages_stay(
    uploads, monkeypatch, tmp_path
):
    monkeypatch.setattr(uploads_in_memory, "_CHECK_SECONDS", 0.01)
    monkeypatch.setattr(uploads_in_memory, "_KEEP_SECONDS", 0.05)

    ended = []

    async def close_one_page():
        async with server(uploads, tmp_path / "app.py") as running:
            closed, still_open = (running.connect_session(Browser(), {}) for _ in range(2))
            uploads.add_file(closed, file("a", 2))
            uploads.add_file(still_open, file("a", 1))
            with pytest.raises(HTTPException):
                uploads.add_file(still_open, file("b", 3))
            uploads_in_memory._at_end[closed].append(lambda: ended.append(closed))
            uploads_in_memory._at_end[still_open].append(lambda: ended.append(still_open))
            running.disconnect_session(closed)
            await until(lambda: closed not in uploads.file_storage)
            assert held(uploads, still_open) == {"a"}
            assert not uploads.file_storage.get(closed)
            assert running._session_mgr.get_session_info(closed) is None
            assert ended == [closed]
            uploads.add_file(still_open, file("b", 2))

    asyncio.run(close_one_page())


def test_a_browser_that_comes_back_soon_finds_its_uploads(uploads, monkeypatch, tmp_path):
    monkeypatch.setattr(uploads_in_memory, "_CHECK_SECONDS", 0.01)
    monkeypatch.setattr(uploads_in_memory, "_KEEP_SECONDS", 1000.0)

    async def come_back():
        async with server(uploads, tmp_path / "app.py") as running:
            session = running.connect_session(Browser(), {})
            uploads.add_file(session, file("a", 1))
            running.disconnect_session(session)
            await asyncio.sleep(0.1)
            assert running.connect_session(Browser(), {}, session) == session
            assert held(uploads, session) == {"a"}

    asyncio.run(come_back())


def test_the_time_that_uploads_are_kept_ends_before_streamlit_loses_sight_of_a_session():
    from inspect import signature

    from streamlit.runtime.memory_session_storage import MemorySessionStorage

    streamlit_keeps = signature(MemorySessionStorage).parameters["ttl_seconds"].default
    assert streamlit_keeps > uploads_in_memory._KEEP_SECONDS + uploads_in_memory._CHECK_SECONDS
