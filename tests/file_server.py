"""A web server on this machine that gives files and can be told to fail."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer(ThreadingHTTPServer):
    """Gives `files` by their paths; each fault in `faults` spoils one answer, oldest first.

    Attributes:
        faults: functions (handler, content, start) that answer instead of `whole`.
        knows_range: whether a request for a part of a file is understood.
        asked: the Range of each request, None where it had none.
        sent: how many bytes each answer held.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.faults = []
        self.knows_range = True
        self.asked = []
        self.sent = []

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, *_args) -> None:
        """A client that goes away is no fault of the server's."""


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_args):
        pass

    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.server.knows_range else 0
        answer = self.server.faults.pop(0) if self.server.faults else whole
        answer(self, self.server.files[self.path], start)

    def begin(self, start, total):
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(total - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        self.end_headers()

    def send(self, body):
        self.server.sent.append(len(body))
        self.wfile.write(body)


def whole(handler: _Handler, content: bytes, start: int) -> None:
    if start >= len(content):
        handler.send_error(416)
        return
    handler.begin(start, len(content))
    handler.send(content[start:])


def broken_off(handler: _Handler, content: bytes, start: int) -> None:
    """Go away in the middle of the file."""
    handler.begin(start, len(content))
    handler.send(content[start : len(content) // 2])


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[FileServer]:
    server = FileServer(files)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
