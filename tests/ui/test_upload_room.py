import pytest
from starlette.exceptions import HTTPException
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from splitlab.ui.photo_shelf import MEGABYTE
from splitlab.ui.upload_room import BoundedUploads


@pytest.fixture
def uploads(monkeypatch):
    monkeypatch.setenv("SPLITLAB_READ_ONLY", "1")
    monkeypatch.setenv("SPLITLAB_SESSION_PHOTO_MB", "3")
    monkeypatch.setenv("SPLITLAB_PHOTO_MB", "5")
    # As the app makes Streamlit's own one bounded while it runs.
    manager = MemoryUploadedFileManager("/upload")
    manager.__class__ = BoundedUploads
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
