"""One error tree: catch `SplitLabError` to answer a user in one sentence.

Every message names the file or the setting, the value that is wrong, and the way out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class SplitLabError(Exception):
    """Base class of the errors that a user can fix. The message can be shown as it is."""


class BudgetError(SplitLabError):
    """A price, a budget or a table of results that cannot be right."""


class DataError(SplitLabError):
    """A dataset whose files are missing, broken or contradict each other."""


class DownloadError(SplitLabError):
    """A file that cannot be fetched, or that is another than it should be."""


class ImageError(SplitLabError):
    """A file that is no image, or one too large to open."""


class SplitError(SplitLabError):
    """A split that the dataset cannot give, or a split file that is not whole."""


class SettingsError(SplitLabError):
    """A setting outside what it may be."""


class RunError(SplitLabError):
    """A run folder that cannot be written, read or taken up again."""


class CheckpointError(SplitLabError):
    """A checkpoint that is not whole, or not of the model it says it is."""


@contextmanager
def shown_as(place: Path, name: str) -> Iterator[None]:
    """Have what is refused name a file or folder as the user knows it, in place of the temporary one it lies in.

    Raises:
        SplitLabError: as the block raises it, with `name` for `place`.
    """
    try:
        yield
    except SplitLabError as error:
        raise type(error)(str(error).replace(str(place), name)) from error
