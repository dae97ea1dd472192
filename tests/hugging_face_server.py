"""A server here that speaks as much of Hugging Face's protocol as checkpoints need, and can be told to lie."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

MODEL = re.compile(r"/api/models/(?P<name>[^/]+/[^/]+)(?:/revision/(?P<revision>[^/]+))?")
FILE = re.compile(r"/(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")
COMMIT = re.compile(r"/api/models/(?P<name>[^/]+/[^/]+)/commit/main")
PREUPLOAD = re.compile(r"/api/models/[^/]+/[^/]+/preupload/main")


class HuggingFaceServer(ThreadingHTTPServer):
    """Holds repositories: the files of each commit, the last commit last.

    Attributes:
        commits: files by their names, by commit, by repository.
        private: repositories that only a request with the token `secret` sees.
        sent: the names of the files that were sent.
        change_info: changes what is said of a repository before it is sent.
        send: sends a file's content.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.commits: dict[str, dict[str, dict[str, bytes]]] = {}
        self.private = set()
        self.made = []
        self.sent = []
        self.change_info = lambda info: None
        self.send = lambda handler, content: handler.wfile.write(content)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def commit(self, name: str, files: dict[str, bytes]) -> str:
        """Add a commit with these files alone; return its hash."""
        commits = self.commits.setdefault(name, {})
        commit = hashlib.sha1(f"{name} {len(commits)}".encode(), usedforsecurity=False).hexdigest()
        commits[commit] = files
        return commit

    def handle_error(self, *_args) -> None:
        """A client that goes away is no fault of the server's."""


class _Handler(BaseHTTPRequestHandler):
    server: HuggingFaceServer

    def log_message(self, *_args):
        pass

    def do_HEAD(self):
        self._give_file(self.path.partition("?")[0])

    def do_GET(self):
        path = self.path.partition("?")[0]
        model = MODEL.fullmatch(path)
        if model is None:
            self._give_file(path)
        elif found := self._found(model["name"], model["revision"]):
            commit, files = found
            siblings = [{"rfilename": name, "size": len(content)} for name, content in files.items()]
            info = {"id": model["name"], "sha": commit, "siblings": siblings}
            self.server.change_info(info)
            self._answer(info)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Authorization"] != "Bearer secret":
            self._refuse(401, "GatedRepo" if "commit" in self.path else "")
        elif self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            self.server.made.append((name, asked.get("visibility")))
            self.server.commits.setdefault(name, {})
            self._answer({"url": f"{self.server.address}/{name}"})
        elif PREUPLOAD.fullmatch(self.path):
            names = [file["path"] for file in json.loads(body)["files"]]
            self._answer({"files": [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]})
        elif push := COMMIT.fullmatch(self.path):
            lines = [json.loads(line) for line in body.splitlines()]
            files = {
                line["value"]["path"]: base64.b64decode(line["value"]["content"])
                for line in lines
                if line["key"] == "file"
            }
            commit = self.server.commit(push["name"], files)
            self._answer({"commitUrl": f"{self.server.address}/{push['name']}/commit/{commit}", "commitOid": commit})
        else:
            self._refuse(404)

    def _give_file(self, path):
        asked = FILE.fullmatch(path)
        found = self._found(asked["name"], asked["revision"]) if asked else self._refuse(404)
        if found is None:
            return
        commit, files = found
        if asked["file"] not in files:
            self._refuse(404, "EntryNotFound")
            return
        content = files[asked["file"]]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", commit)
        self.end_headers()
        if self.command == "GET":
            self.server.sent.append(asked["file"])
            self.server.send(self, content)

    def _found(self, name, revision):
        hidden = name in self.server.private and self.headers["Authorization"] != "Bearer secret"
        if hidden or not self.server.commits.get(name):
            return self._refuse(401, "RepoNotFound")
        commits = self.server.commits[name]
        commit = [*commits][-1] if revision in (None, "main") else revision
        return (commit, commits[commit]) if commit in commits else self._refuse(404, "RevisionNotFound")

    def _answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status, code=""):
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def hugging_face(monkeypatch) -> Iterator[HuggingFaceServer]:
    """Serve repositories at the address that huggingface_hub asks; no token is known."""
    import huggingface_hub

    server = HuggingFaceServer()
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", "/nowhere/token")
    template = huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE
    template = template.replace(huggingface_hub.constants.ENDPOINT, server.address)
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.address)
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def files_of(folder: Path) -> dict[str, bytes]:
    """Return what a folder's files hold, by their names."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}
