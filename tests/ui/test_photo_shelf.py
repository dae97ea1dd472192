import threading

import numpy as np
import pytest

from splitlab.app.widgets.photos import _MOST_PIXEL_BYTES, Photo, _PhotoRoom, _PhotoShelf
from splitlab.app.widgets.uploads import MEGABYTE
from splitlab.errors import ImageError


@pytest.fixture(autouse=True)
def limits(monkeypatch):
    monkeypatch.setenv("SPLITLAB_SESSION_PHOTO_MB", "30")
    monkeypatch.setenv("SPLITLAB_PHOTO_MB", "50")


def opens(side=1000):
    return lambda: Photo("photo", "key", np.zeros((side, side, 3), np.uint8), None)


def breaks():
    raise ImageError("no image")


def test_a_photo_takes_its_file_and_its_pixels_and_is_opened_once():
    room, opened = _PhotoRoom(), []
    shelf = _PhotoShelf(room)
    for _ in range(2):
        shelf.photo("a", "a.jpg", 2 * MEGABYTE, lambda: opened.append(1) or opens()())
    assert opened == [1]
    assert shelf.taken == room.taken == 5 * MEGABYTE


def test_a_visitor_holds_no_more_than_a_session_may_and_can_make_room():
    room = _PhotoRoom()
    shelf = _PhotoShelf(room)
    for name in "abcd":
        shelf.photo(name, name, 2 * MEGABYTE, opens())
    with pytest.raises(ImageError, match=r"e\.jpg was not kept.*over 30 MB.*Remove some"):
        shelf.photo("e", "e.jpg", 5 * MEGABYTE, opens())
    assert room.taken == 20 * MEGABYTE
    shelf.keep_only(["a"])
    shelf.photo("e", "e.jpg", 5 * MEGABYTE, opens())
    assert room.taken == 13 * MEGABYTE


def test_all_visitors_together_hold_no_more_than_the_server_may():
    room = _PhotoRoom()
    shelves = [_PhotoShelf(room) for _ in range(3)]
    for shelf in shelves[:2]:
        shelf.photo("a", "a", 17 * MEGABYTE, opens())
    with pytest.raises(ImageError, match=r"50 MB, the most that this server holds"):
        shelves[2].photo("a", "a", 5 * MEGABYTE, opens())
    shelves[0].close()
    shelves[2].photo("a", "a", 5 * MEGABYTE, opens())
    for shelf in shelves:
        shelf.close()
    assert room.taken == 0


def test_a_photo_that_cannot_be_opened_takes_nothing():
    room = _PhotoRoom()
    shelf = _PhotoShelf(room)
    with pytest.raises(ImageError, match="no image"):
        shelf.photo("a", "a", MEGABYTE, breaks)
    assert room.taken == shelf.taken == 0


def test_many_visitors_at_once_never_take_more_than_there_is_and_two_photos_are_opened_at_a_time():
    room, inside, most = _PhotoRoom(), [], []

    def open_slowly():
        inside.append(1)
        most.append((len(inside), room.taken))
        waiting.wait(0.01)
        inside.pop()
        return opens(100)()

    def visit(shelf):
        for number in range(5):
            try:
                shelf.photo(str(number), "a", MEGABYTE, open_slowly)
            except ImageError:
                continue

    waiting = threading.Event()
    shelves = [_PhotoShelf(room) for _ in range(12)]
    threads = [threading.Thread(target=visit, args=(shelf,)) for shelf in shelves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(count for count, _ in most) <= 2
    assert max(taken for _, taken in most) <= 50 * MEGABYTE
    assert room.taken == sum(shelf.taken for shelf in shelves) <= 50 * MEGABYTE
    assert _MOST_PIXEL_BYTES == 1600 * 1600 * 3
