"""A file that gives no more at a time than an honest archive asks for."""

from __future__ import annotations

import gzip
import io
from typing import IO

from splitlab.errors import DataError


class BoundedReader(io.RawIOBase):
    """Pass reads on while they are of a size that an honest archive asks for.

    zipfile and tarfile read lists and long names in one piece, as large as the archive says they are.

    Args:
        file: the archive, open.
        name: what to call it in messages.
        max_bytes: of one read.
    """

    def __init__(self, file: IO[bytes] | gzip.GzipFile, name: str, max_bytes: int) -> None:
        self._file = file
        self._name = name
        self._max_bytes = max_bytes

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, or all there are.

        Raises:
            DataError: `size`, or what there is, is over the limit.
        """
        found = self._file.read(size if 0 <= size <= self._max_bytes else self._max_bytes + 1)
        if size > self._max_bytes or len(found) > self._max_bytes:
            raise DataError(f"{self._name}: its list of files is too large to be honest. Pack the data set again.")
        return found

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move as in any file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._file.tell()

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be moved in."""
        return True
