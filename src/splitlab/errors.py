"""All errors that a user can cause or fix. Catch `SplitLabError` to show one sentence in place of a traceback.

Every message names the file or setting, the wrong value and the way out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class SplitLabError(Exception):
    """Base class of the errors that a user can fix. The message can be shown as it is."""


class BudgetError(SplitLabError):
    """A price, budget or table of results that cannot be right."""


class DataError(SplitLabError):
    """A dataset whose files are missing, broken or contradict each other."""


class DownloadError(SplitLabError):
    """A file that cannot be downloaded, or has another checksum than expected."""


class ImageError(SplitLabError):
    """A file that is not an image, or is too large to open."""


class SplitError(SplitLabError):
    """A split that the dataset cannot provide, or a broken split file."""


class SettingsError(SplitLabError):
    """A setting outside its range."""


class RunError(SplitLabError):
    """A run folder that cannot be written, read or resumed."""


class CheckpointError(SplitLabError):
    """A checkpoint that is incomplete, or does not match its own description."""


@contextmanager
def shown_as(place: Path, name: str) -> Iterator[None]:
    """Replace a temporary path in the messages of errors with the name that the user knows it by.

    Raises:
        SplitLabError: as the block raises it, with `name` for `place`.
    """
    try:
        yield
    except SplitLabError as error:
        raise type(error)(str(error).replace(str(place), name)) from error
