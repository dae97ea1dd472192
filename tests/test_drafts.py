"""Drafts that killed processes left are removed, and never one of a process that lives."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from splitlab import io as drafts
from splitlab.io import swept, write_bytes, write_with_last

WRITE_A_DRAFT = """
import os, sys, tempfile
from pathlib import Path
from splitlab.io import swept
folder = Path(sys.argv[1])
place = Path(tempfile.mkdtemp(prefix=swept(".import-", folder), dir=folder))
(place / "half.bin").write_bytes(b"half")
tempfile.mkstemp(prefix=swept(".state.pt.", folder), dir=folder)
print("written", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def writer(tmp_path):
    command = [sys.executable, "-c", WRITE_A_DRAFT, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"written\n"
        yield process
        process.kill()


def hidden(folder):
    return sorted(path.name for path in folder.glob(".*"))


def test_drafts_of_a_killed_process_go_and_those_of_a_living_one_stay(tmp_path, writer):
    before = hidden(tmp_path)
    assert len(before) == 2
    swept(".import-", tmp_path)
    swept(".state.pt.", tmp_path)
    assert hidden(tmp_path) == before
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    swept(".state.pt.", tmp_path)
    assert [name for name in hidden(tmp_path) if name.startswith(".state")] == []
    swept(".import-", tmp_path)
    assert hidden(tmp_path) == []


def test_a_later_process_with_the_same_number_does_not_keep_a_draft(tmp_path):
    host, pid, start = swept("", tmp_path / "none").removesuffix("-").split("-")
    (tmp_path / f".import-{host}-{pid}-{int(start) - 500}-abcd1234").mkdir()
    mine = tmp_path / f".import-{host}-{pid}-{start}-abcd1234"
    mine.mkdir()
    swept(".import-", tmp_path)
    assert hidden(tmp_path) == [mine.name]


def test_a_draft_of_another_machine_goes_after_a_day_without_a_write(tmp_path):
    draft = tmp_path / ".import-00000000-1-1-abcd1234"
    (draft / "whole").mkdir(parents=True)
    (draft / "whole" / "photo.jpg").write_bytes(b"1")
    long_ago = time.time() - drafts._OTHER_HOST_SECONDS - 60
    for path in (draft, draft / "whole"):
        os.utime(path, (long_ago, long_ago))
    swept(".import-", tmp_path)
    assert draft.exists(), "something in it was written just now"
    os.utime(draft / "whole" / "photo.jpg", (long_ago, long_ago))
    swept(".import-", tmp_path)
    assert not draft.exists()


@pytest.mark.parametrize(
    "name", [".import-notes", ".import-", ".import-my-own-folder", ".import-pictures", "import-abcd1234"]
)
def test_what_only_looks_like_a_draft_stays(tmp_path, name):
    (tmp_path / name).mkdir()
    os.utime(tmp_path / name, (0, 0))
    swept(".import-", tmp_path)
    assert (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("beginning", "name"),
    [(".vim-", ".vim-sessions"), (".plan.csv.", ".plan.csv.original"), (".my-photos-", ".my-photos-2026_old")],
)
def test_a_person_s_hidden_files_beside_a_new_file_or_folder_stay(tmp_path, beginning, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "precious.txt").write_text("mine")
    for path in (tmp_path / name / "precious.txt", tmp_path / name):
        os.utime(path, (0, 0))
    swept(beginning, tmp_path)
    assert (tmp_path / name / "precious.txt").exists()


def test_a_link_in_place_of_a_draft_takes_nothing_along(tmp_path, writer):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "photo.jpg").write_bytes(b"1")
    old = next(tmp_path.glob(".import-*"))
    (tmp_path / old.name.replace(old.name[-8:], "aaaaaaaa")).symlink_to(mine)
    writer.kill()
    writer.wait()
    swept(".import-", tmp_path)
    assert hidden(tmp_path / "mine") == []
    assert (mine / "photo.jpg").exists()
    assert list(tmp_path.glob(".import-*")) == []


def test_every_draft_in_the_sources_says_whose_it_is():
    sources = Path(drafts.__file__).parent.rglob("*.py")
    makes = re.compile(r"tempfile\.(?:mkdtemp|mkstemp|TemporaryDirectory)\((.{0,80})", re.DOTALL)
    unnamed = [path.name for path in sources for call in makes.findall(path.read_text()) if "swept" not in call]
    # `.taking-` may hold a run of the user's for a moment; ultralytics' settings folder is empty.
    assert sorted(unnamed) == ["upstream.py", "work.py"]


def test_a_file_is_written_beside_the_one_before_it_which_stays_whole(tmp_path, monkeypatch):
    path, last = tmp_path / "state.pt", tmp_path / "state-before.pt"
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda handle: synced.append(str(Path(f"/proc/self/fd/{handle}").readlink())) or fsync(handle)
    )
    write_with_last(path, last, b"one")
    assert (path.read_bytes(), last.exists()) == (b"one", False)
    write_with_last(path, last, b"two")
    assert (path.read_bytes(), last.read_bytes()) == (b"two", b"one")
    assert len(synced) == 4
    assert str(tmp_path) in synced
    assert hidden(tmp_path) == []


def test_small_files_leave_no_drafts_behind_a_killed_writer(tmp_path):
    host, pid, start = swept("", tmp_path / "none").removesuffix("-").split("-")
    (tmp_path / f".status.json.{host}-{pid}-{int(start) - 500}-abcd1234").write_bytes(b"{")
    write_bytes(tmp_path / "status.json", b"{}")
    assert hidden(tmp_path) == []
