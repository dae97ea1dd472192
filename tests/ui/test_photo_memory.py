import threading

import numpy as np
import pytest

from splitlab.app.widgets.photos import _MOST_PIXEL_BYTES, Photo, _PhotoMemory, _VisitorPhotos
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
    memory, opened = _PhotoMemory(), []
    photos = _VisitorPhotos(memory)
    for _ in range(2):
        photos.photo("a", "a.jpg", 2 * MEGABYTE, lambda: opened.append(1) or opens()())
    assert opened == [1]
    assert photos.taken == memory.taken == 5 * MEGABYTE


def test_a_visitor_holds_no_more_than_a_session_may_and_can_make_room():
    memory = _PhotoMemory()
    photos = _VisitorPhotos(memory)
    for name in "abcd":
        photos.photo(name, name, 2 * MEGABYTE, opens())
    with pytest.raises(ImageError, match=r"e\.jpg was not kept.*over 30 MB.*Remove some"):
        photos.photo("e", "e.jpg", 5 * MEGABYTE, opens())
    assert memory.taken == 20 * MEGABYTE
    photos.keep_only(["a"])
    photos.photo("e", "e.jpg", 5 * MEGABYTE, opens())
    assert memory.taken == 13 * MEGABYTE


def test_all_visitors_together_hold_no_more_than_the_server_may():
    memory = _PhotoMemory()
    visitors = [_VisitorPhotos(memory) for _ in range(3)]
    for photos in visitors[:2]:
        photos.photo("a", "a", 17 * MEGABYTE, opens())
    with pytest.raises(ImageError, match=r"50 MB, the limit of this server"):
        visitors[2].photo("a", "a", 5 * MEGABYTE, opens())
    visitors[0].close()
    visitors[2].photo("a", "a", 5 * MEGABYTE, opens())
    for photos in visitors:
        photos.close()
    assert memory.taken == 0


def test_a_photo_that_cannot_be_opened_takes_nothing():
    memory = _PhotoMemory()
    photos = _VisitorPhotos(memory)
    with pytest.raises(ImageError, match="no image"):
        photos.photo("a", "a", MEGABYTE, breaks)
    assert memory.taken == photos.taken == 0


def test_many_visitors_at_once_never_take_more_than_there_is_and_two_photos_are_opened_at_a_time():
    memory, inside, most = _PhotoMemory(), [], []

    def open_slowly():
        inside.append(1)
        most.append((len(inside), memory.taken))
        waiting.wait(0.01)
        inside.pop()
        return opens(100)()

    def visit(photos):
        for number in range(5):
            try:
                photos.photo(str(number), "a", MEGABYTE, open_slowly)
            except ImageError:
                continue

    waiting = threading.Event()
    visitors = [_VisitorPhotos(memory) for _ in range(12)]
    threads = [threading.Thread(target=visit, args=(photos,)) for photos in visitors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(count for count, _ in most) <= 2
    assert max(taken for _, taken in most) <= 50 * MEGABYTE
    assert memory.taken == sum(photos.taken for photos in visitors) <= 50 * MEGABYTE
    assert _MOST_PIXEL_BYTES == 1600 * 1600 * 3
