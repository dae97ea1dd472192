"""HTTP answers that have to come within a time: urllib alone bounds each wait, so a byte now and then holds it."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPMessage, HTTPResponse, HTTPSConnection
from typing import IO, Any
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, OpenerDirector, Request, build_opener


class TooSlowError(Exception):
    """The answer did not come in its time."""


class Pace:
    """The time in which an answer must come, its status line and headers included.

    Args:
        seconds: from now on.
        renewed_by: bytes that start the time again; never, where left out.
    """

    def __init__(self, seconds: float, renewed_by: float = math.inf) -> None:
        self._seconds = seconds
        self._renewed_by = renewed_by
        self._renew()

    def left(self) -> float:
        """Return how many seconds are left.

        Raises:
            TooSlowError: none are.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise TooSlowError
        return left

    def came(self, size: int) -> None:
        """Count bytes that have come."""
        self._came += size
        if self._came >= self._renewed_by:
            self._renew()

    def _renew(self) -> None:
        self._came, self._end = 0, time.monotonic() + self._seconds


def timed_opener(pace: Pace, check_address: Callable[[str], None]) -> OpenerDirector:
    """Return an opener of http and https addresses whose answers keep a pace.

    Args:
        pace: of all that is opened, redirects included.
        check_address: raises for an address that must not be asked; it sees redirects before they are followed.
    """

    class Answer(HTTPResponse):
        def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
            super().__init__(sock, *args, **options)
            self.fp = io.BufferedReader(_TimedSocket(self.fp.detach(), sock, pace))

    class Http(HTTPHandler):
        def http_open(self, req: Request) -> HTTPResponse:
            return self.do_open(_answering(HTTPConnection, Answer), req)

    class Https(HTTPSHandler):
        def https_open(self, req: Request) -> HTTPResponse:
            return self.do_open(_answering(HTTPSConnection, Answer), req)

    class Redirects(HTTPRedirectHandler):
        def http_error_302(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage) -> Any:
            fp.close()  # its text is of no use, and may have no end
            return super().http_error_302(req, io.BytesIO(), code, msg, headers)

        http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

        def redirect_request(
            self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
        ) -> Request | None:
            check_address(newurl)
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    return build_opener(Http, Https, Redirects)


def _answering(connection: Any, answer: type[HTTPResponse]) -> Any:
    return type(connection.__name__, (connection,), {"response_class": answer})


class _TimedSocket(io.RawIOBase):
    """What comes from a socket, each wait no longer than the pace and the socket's own timeout allow."""

    def __init__(self, raw: io.RawIOBase, sock: Any, pace: Pace) -> None:
        self._raw = raw
        self._socket = sock
        self._most = sock.gettimeout() or math.inf
        self._pace = pace

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(min(self._most, self._pace.left()))
        try:
            size = self._raw.readinto(buffer)
        except TimeoutError:
            self._pace.left()
            raise
        self._pace.came(size or 0)
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()
