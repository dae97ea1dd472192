"""Checkpoints in Hugging Face repositories: find one at a pinned revision, download it, upload one."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from splitlab.checkpoints.checkpoint import CARD_NAME, Card, read_card
from splitlab.checkpoints.files import MOST_BYTES, facts_of
from splitlab.errors import CheckpointError, DownloadError, RunError, shown_as
from splitlab.io import Progress, no_progress, swept_in_temp

if TYPE_CHECKING:
    from huggingface_hub.utils import tqdm

_COMMIT = re.compile("[0-9a-f]{40}")
_TIMEOUT_SECONDS = 30.0
# None: use the user's access token, if any. False: use none.
_Token = bool | None


@dataclass(frozen=True)
class FoundCheckpoint:
    """A checkpoint at one commit of a repository."""

    repository: str  # as owner/name
    commit: str  # 40 hexadecimal digits; what is downloaded later is what `card` described
    card: Card  # its card, as its author wrote it
    bytes: int  # the size of its files, as the server states it

    @property
    def pinned(self) -> str:
        """The repository with its commit, as `find_checkpoint` reads it."""
        return f"{self.repository}@{self.commit}"


def find_checkpoint(address: str, token: _Token = None) -> FoundCheckpoint:
    """Find a checkpoint on the server at `HF_ENDPOINT`, and read its card.

    Args:
        address: owner/name, or owner/name@revision with a branch, tag or commit.
        token: False for public repositories only, None for the access token of `hf auth login` or `HF_TOKEN`.

    Raises:
        CheckpointError: the repository or revision does not exist or holds no checkpoint.
        DownloadError: the server cannot be reached or refuses access.
    """
    repository, _, revision = address.strip().partition("@")
    with _answered(address):
        from huggingface_hub import HfApi

        info = HfApi(token=token).model_info(
            repository, revision=revision or None, files_metadata=True, timeout=_TIMEOUT_SECONDS
        )
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or () if file.rfilename in MOST_BYTES}
        commit = info.sha or ""
        if not (
            _COMMIT.fullmatch(commit) and all(1 <= sizes.get(name, 0) <= most for name, most in MOST_BYTES.items())
        ):
            raise CheckpointError(
                f"{address} holds no checkpoint of SplitLab, which is {' and '.join(MOST_BYTES)} at the top level, of "
                f"at most {' and '.join(f'{most:,}' for most in MOST_BYTES.values())} bytes."
            )
    with _downloaded(repository, commit, [CARD_NAME], no_progress, token) as place:
        return FoundCheckpoint(repository, commit, read_card(place), sum(sizes.values()))


def get_checkpoint(found: FoundCheckpoint, into: Path, progress: Progress = no_progress, token: _Token = None) -> Path:
    """Download a checkpoint's two files and import them with `import_own`.

    Args:
        found: from `find_checkpoint`.
        into: the folder to create; its name becomes the checkpoint's.
        progress: called with (file, finished bytes, all bytes).
        token: as for `find_checkpoint`.

    Raises:
        CheckpointError: the folder exists, or the weights do not fit the model on the card.
        DownloadError: the server cannot be reached, refuses access, or sends too much.
        RunError: the folder cannot be written.
    """
    from splitlab.models.imports import import_own

    if into.exists():
        raise CheckpointError(f"{into} already exists. Choose another name, or delete it.")
    with _downloaded(found.repository, found.commit, MOST_BYTES, progress, token) as place:
        return import_own(place, into)


def push_checkpoint(folder: Path, repository: str, *, private: bool) -> str:
    """Upload a checkpoint's two files as one commit; return `owner/name@commit`.

    Args:
        folder: the checkpoint.
        repository: as owner/name; created if it does not exist.
        private: whether a new repository is private; an existing one is not changed.

    Raises:
        CheckpointError: the checkpoint is incomplete, or there is no access to the repository.
        DownloadError: the server cannot be reached or refuses access.
    """
    card, _ = read_card(folder), facts_of(folder)
    with _answered(repository):
        from huggingface_hub import HfApi

        api = HfApi()
        api.create_repo(repository, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            allow_patterns=[*MOST_BYTES],
            commit_message=f"Checkpoint {card.name} of SplitLab",
        )
    return f"{repository}@{commit.oid}"


@contextmanager
def _downloaded(
    repository: str, commit: str, names: Iterable[str], progress: Progress, token: _Token
) -> Iterator[Path]:
    """Yield a temporary folder with some of a checkpoint's files."""
    with ExitStack() as stack:
        with _answered(repository):
            from huggingface_hub import HfApi

            place = stack.enter_context(
                tempfile.TemporaryDirectory(prefix=swept_in_temp("splitlab-get-"), ignore_cleanup_errors=True)
            )
            for name in names:
                bar = _bounded(name, progress)
                HfApi(token=token).hf_hub_download(repository, name, revision=commit, local_dir=place, tqdm_class=bar)
        with shown_as(Path(place), f"{repository}@{commit}"):
            yield Path(place)


def _bounded(name: str, progress: Progress) -> type[tqdm]:
    """Return a progress bar that aborts the download of a file that is too large for a checkpoint."""
    from huggingface_hub.utils import disable_progress_bars, tqdm

    class Bar(tqdm):
        _done = 0

        def update(self, n: float | None = 1) -> None:
            self._done += int(n or 0)
            if self._done > MOST_BYTES[name]:
                raise DownloadError(f"{name} is over {MOST_BYTES[name]:,} bytes, so it is not a checkpoint's. Stopped.")
            progress(name, self._done, int(self.total or 0))

    disable_progress_bars()
    return Bar


@contextmanager
def _answered(repository: str) -> Iterator[None]:
    """Convert errors of the connection and the server to one sentence each."""
    from huggingface_hub import constants, errors

    server = constants.ENDPOINT
    try:
        yield
    except errors.HFValidationError as error:
        raise CheckpointError(
            f"'{repository}' is not a repository name. Use owner/name or owner/name@revision."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise CheckpointError(f"{repository}: the repository has no such revision at {server}. Check it.") from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        if status not in (401, 403, 404):
            raise DownloadError(f"{repository}: {server} answers {status}. Try again later.") from error
        raise CheckpointError(
            f"{repository} does not exist at {server}, or you have no access to it. Check the name, and log in with "
            "`hf auth login` (or set HF_TOKEN)."
        ) from error
    except (errors.HTTPError, errors.EntryNotFoundError, ConnectionError) as error:
        raise DownloadError(
            f"{repository}: {server} cannot be reached ({type(error).__name__}). Check the network connection, or "
            "import a folder or zip instead: splitlab checkpoint import FILE"
        ) from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise RunError(f"{repository}: cannot be written ({error.strerror}). Free some space.") from error
        raise DownloadError(f"{repository}: {server} is not a Hugging Face server.") from error
