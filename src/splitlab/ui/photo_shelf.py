"""The photos that a visitor uploads, opened: counted, for each visitor and for all, and given back when they leave."""

from __future__ import annotations

from collections.abc import Callable, Collection
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING

from splitlab.errors import ImageError
from splitlab.hosting import Hosting

if TYPE_CHECKING:
    from splitlab.ui.photos import Photo

MAX_SIDE = 1600
# What a photo may take once it has been scaled down, and before anybody knows its size.
MOST_PIXEL_BYTES = MAX_SIDE * MAX_SIDE * 3
MEGABYTE = 1_000_000
# Opening a photo of 51 megapixels takes 150 MB for a moment.
OPENED_AT_ONCE = 2


class PhotoRoom:
    """Counts what the photos of all visitors take in memory."""

    def __init__(self) -> None:
        self.opening = BoundedSemaphore(OPENED_AT_ONCE)
        self._lock = Lock()
        self._taken = 0

    @property
    def taken(self) -> int:
        """Bytes that are taken now."""
        return self._taken

    def take(self, size: int, most: int) -> bool:
        """Take `size` more bytes (fewer where it is negative) unless that is over `most`; say whether it was."""
        with self._lock:
            fits = size <= 0 or self._taken + size <= most
            self._taken += size if fits else 0
            return fits


class PhotoShelf:
    """One visitor's photos. A photo takes its file, which Streamlit keeps, and its pixels."""

    def __init__(self, room: PhotoRoom) -> None:
        self._room = room
        self._lock = Lock()
        self._photos: dict[str, Photo] = {}
        self._sizes: dict[str, int] = {}

    @property
    def taken(self) -> int:
        """Bytes that these photos take."""
        return sum(self._sizes.values())

    def photo(self, file_id: str, name: str, file_bytes: int, open_it: Callable[[], Photo]) -> Photo:
        """Return an upload, opened where it was not yet.

        Raises:
            ImageError: it is no image, or there is no room for it; nothing is taken then.
        """
        with self._lock:
            if file_id not in self._photos:
                self._take(file_id, name, file_bytes + MOST_PIXEL_BYTES)
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
        """Give back the photos that the visitor has removed."""
        with self._lock:
            for file_id in self._photos.keys() - set(file_ids):
                del self._photos[file_id]
                self._give_back(file_id)

    def close(self) -> None:
        """Give all photos back."""
        self.keep_only(())

    def _take(self, file_id: str, name: str, size: int) -> None:
        hosting = Hosting.here()
        if self.taken + size > hosting.session_photo_megabytes * MEGABYTE:
            raise ImageError(
                f"{name} was not kept: with your other photos it would take over {hosting.session_photo_megabytes} MB, "
                "which is the most for one visitor. Remove some of them."
            )
        if not self._room.take(size, hosting.photo_megabytes * MEGABYTE):
            raise ImageError(
                f"{name} was not kept: all visitors' photos together take {hosting.photo_megabytes} MB, the most that "
                "this server holds. Try again in a few minutes."
            )
        self._sizes[file_id] = size

    def _shrink(self, file_id: str, size: int) -> None:
        self._room.take(size - self._sizes[file_id], 0)
        self._sizes[file_id] = size

    def _give_back(self, file_id: str) -> None:
        self._room.take(-self._sizes.pop(file_id), 0)
