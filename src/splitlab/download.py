"""Fetch a large file over HTTP: going on after a break, bounded, and whole or not there."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Literal, cast
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request

from splitlab.errors import DownloadError
from splitlab.timed_http import Pace, TooSlowError, timed_opener

SCHEMES = ("http", "https")
MAX_BYTES = 20_000_000_000
CHUNK_BYTES = 1 << 18
TIMEOUT_SECONDS = 30.0
# A small file must come in this time. A large one may take hours, but so many bytes of it must come each minute.
SMALL_SECONDS = 30.0
PACE_SECONDS, PACE_BYTES = 60.0, 60_000
MOST_LETTERS = 200
# The pauses before the tries that bring nothing new; after the last the download gives up.
WAIT_SECONDS = (1.0, 2.0, 4.0)
# Answers that may be better a moment later.
PASSING_STATUS = (408, 429, 500, 502, 503, 504)

# Bytes there, bytes in all (0 while the server has not said).
ByteProgress = Callable[[int, int], None]


class _BreakError(Exception):
    """The server was not reached or went away; another try may go on."""


@dataclass(frozen=True)
class Checksum:
    """What a file's content must add up to; `value` is hexadecimal."""

    kind: Literal["md5", "sha256"]
    value: str

    def of(self, path: Path) -> str:
        """Return a file's checksum of this kind.

        Raises:
            OSError: it cannot be read.
        """
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.new(self.kind, usedforsecurity=False)).hexdigest()

    def fits(self, path: Path) -> bool:
        """Say whether a file is there and has this checksum.

        Raises:
            OSError: it cannot be read.
        """
        return path.is_file() and self.of(path) == self.value.lower()


def download(url: str, target: Path, checksum: Checksum, progress: ByteProgress, max_bytes: int = MAX_BYTES) -> Path:
    """Fetch a file unless it is there and intact; return its path.

    What has come lies in `<target>.part`. It stays after a break or Ctrl-C, and the next call asks only for the
    rest (HTTP Range, RFC 9110 section 14); a server that cannot do that sends the file from its start.

    Args:
        url: http or https.
        target: where the file goes; its folder is made.
        checksum: of the whole file.
        progress: told (bytes there, bytes in all) after each chunk.
        max_bytes: refuse a file larger than this.

    Raises:
        DownloadError: the server cannot be reached, refuses, or sends too much or another file; or the disk is full.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        if not checksum.fits(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            _fetch_patiently(url, part, max_bytes, progress)
            _check(url, part, checksum)
            part.replace(target)
    except TooSlowError as error:
        raise DownloadError(
            f"{url} cannot be fetched now: its server sends under {PACE_BYTES:,} bytes in {PACE_SECONDS:.0f} seconds. "
            "Try again later; what has come is kept."
        ) from error
    except OSError as error:
        raise DownloadError(
            f"{target}: cannot be written ({error.strerror or error}). Free some space or choose another work space."
        ) from error
    return target


def read_small(url: str, max_bytes: int) -> bytes:
    """Fetch a small file into memory, asking once.

    Raises:
        DownloadError: the server cannot be reached, refuses or breaks off, or the file is larger than `max_bytes`.
    """
    try:
        response = _ask(url, 0, Pace(SMALL_SECONDS))
        if response is None:
            return b""
        with response:
            total = response.length or 0
            _refuse_too_large(url, total, max_bytes)
            content = bytearray()
            for chunk in _chunks(response):
                content += chunk
                _refuse_too_large(url, len(content), max_bytes)
        _refuse_cut(len(content), total)
        return bytes(content)
    except TooSlowError as error:
        raise DownloadError(
            f"{url} cannot be fetched now: its server takes over {SMALL_SECONDS:.0f} seconds. Try again later."
        ) from error
    except _BreakError as error:
        raise DownloadError(f"{url} cannot be fetched now: {error}. Check the network connection.") from error


def _check(url: str, part: Path, checksum: Checksum) -> None:
    found = checksum.of(part)
    if found != checksum.value.lower():
        part.unlink()
        raise DownloadError(
            f"{url} is not the file it should be ({checksum.kind.upper()} {found}, not {checksum.value}), "
            "and was removed. Try again; where that does not help, the file has changed on the server."
        )


def _fetch_patiently(url: str, part: Path, max_bytes: int, progress: ByteProgress) -> None:
    furthest, tries = _size_of(part), 0
    while True:
        try:
            _fetch_rest(url, part, max_bytes, progress)
            return
        except _BreakError as error:
            # A server that sends from the start each time must not be asked for ever.
            if _size_of(part) > furthest:
                furthest, tries = _size_of(part), 0
            if tries == len(WAIT_SECONDS):
                raise DownloadError(
                    f"{url} cannot be fetched now: {error}. "
                    "Check the network connection and try again; what has come is kept."
                ) from error
            time.sleep(WAIT_SECONDS[tries])
            tries += 1


def _size_of(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _fetch_rest(url: str, part: Path, max_bytes: int, progress: ByteProgress) -> None:
    response = _ask(url, _size_of(part), Pace(PACE_SECONDS, PACE_BYTES))
    if response is None:
        return
    with response:
        done = _start_of(response, part)
        total = 0 if response.length is None else done + response.length
        _refuse_too_large(url, total, max_bytes)
        _refuse_full_disk(url, part, total - done)
        with part.open("ab" if done else "wb") as file:
            for chunk in _chunks(response):
                done += len(chunk)
                _refuse_too_large(url, done, max_bytes)
                file.write(chunk)
                progress(done, total)
    _refuse_cut(done, total)


def _refuse_cut(done: int, total: int) -> None:
    if done < total:
        raise _BreakError(f"the connection ended after {done} of {total} bytes")


def _ask(url: str, done: int, pace: Pace) -> HTTPResponse | None:
    """Ask for the file from byte `done` on; None where the server says that there is no more."""
    _require_http(url)
    headers = {"User-Agent": "splitlab", "Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
    request = Request(url, headers=headers)  # noqa: S310 (the scheme is checked above, and again on a redirect)
    try:
        return cast(HTTPResponse, timed_opener(pace, _require_http).open(request, timeout=TIMEOUT_SECONDS))
    except HTTPError as error:
        error.close()
        if done and error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return None
        raise _refusal(url, error) from error
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise _BreakError(f"{urlsplit(url).hostname} cannot be reached ({_said(reason)})") from error


def _refusal(url: str, error: HTTPError) -> Exception:
    answer = f"the server answers {error.code} {_plain(str(error.reason))}"
    if error.code in PASSING_STATUS:
        return _BreakError(answer)
    return DownloadError(f"{url}: {answer}. The file may have moved: look for it on its web page.")


def _said(reason: object) -> str:
    return _plain(str(reason)) or type(reason).__name__


def _plain(text: str) -> str:
    """Shorten what a server says, and take out what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:MOST_LETTERS])


def _require_http(url: str) -> None:
    try:
        scheme = urlsplit(url).scheme
    except ValueError as error:
        raise DownloadError(
            f"{_plain(url)} is no address to download from ({_said(error)}). Check how it is written."
        ) from error
    if scheme not in SCHEMES:
        raise DownloadError(f"{_plain(url)} is no address to download from. It must start with http:// or https://.")


def _start_of(response: HTTPResponse, part: Path) -> int:
    """Return at which byte the answer begins: where the part ends, or 0 from a server that starts again."""
    if response.status != HTTPStatus.PARTIAL_CONTENT:
        return 0
    start = re.match(r"bytes (\d{1,15})-", response.headers.get("Content-Range", ""))
    if start is None or int(start[1]) != _size_of(part):
        part.unlink(missing_ok=True)
        raise _BreakError("the server sends another piece than was asked for")
    return int(start[1])


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    """Yield what comes, up to the length that the server announced."""
    left = response.length
    try:
        while left != 0 and (chunk := response.read1(CHUNK_BYTES)):
            left = None if left is None else left - len(chunk)
            yield chunk
    except (OSError, HTTPException) as error:
        raise _BreakError(f"the connection broke ({_said(error)})") from error


def _refuse_too_large(url: str, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise DownloadError(
            f"{url} has {size} bytes or more, over the {max_bytes} expected. It is another file: stopped."
        )


def _refuse_full_disk(url: str, part: Path, size: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if size > free:
        raise DownloadError(
            f"{url} needs {size / 1e9:.1f} GB more in {part.parent}, {free / 1e9:.1f} GB are free. "
            "Free some space or choose another work space."
        )
