import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from splitlab.runs import store as run_index
from splitlab.runs.notes import Notes, write_notes
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import RunSpec
from splitlab.runs.store import list_runs

RUNS = run_index._FEW + 10
INDEX = ".runs-index.json"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """More runs than are read without an index."""
    folder = tmp_path_factory.mktemp("made")
    for number in range(RUNS):
        RunFolder.create(folder / f"run{number:03}", RunSpec.of("embedded", 4, 6, seed=number), {})
    return folder


@pytest.fixture
def runs(made, tmp_path):
    shutil.copytree(made, tmp_path / "runs")
    return tmp_path / "runs"


@pytest.fixture
def indexed(runs, monkeypatch):
    """The same runs with an index, as if they had been written long ago."""
    monkeypatch.setattr(run_index, "SETTLED_NS", -(10**18))
    list_runs(runs)
    assert (runs / INDEX).is_file()
    return runs


def seeds(folder):
    return sorted(summary.spec.seed for summary in list_runs(folder))


def reads(monkeypatch, folder):
    """Which folders a listing reads, and what it lists."""
    read, plain = [], run_index._read_files
    monkeypatch.setattr(
        run_index, "_read_files", lambda path, names: read.append(Path(path).name) or plain(path, names)
    )
    found = list_runs(folder)
    monkeypatch.setattr(run_index, "_read_files", plain)
    return read, found


def test_a_second_listing_reads_no_folder_and_lists_the_same(indexed, monkeypatch):
    first = list_runs(indexed)
    read, second = reads(monkeypatch, indexed)
    assert read == []
    assert second == first
    assert len(first) == RUNS


def test_what_was_just_written_is_read_again(runs, monkeypatch):
    list_runs(runs)
    assert not (runs / INDEX).exists()
    assert len(reads(monkeypatch, runs)[0]) == RUNS


@pytest.mark.parametrize("change", ["spec", "status", "scores", "notes"])
def test_a_change_of_any_file_is_seen_and_read_alone(indexed, monkeypatch, change):
    run = RunFolder(indexed / "run007")
    if change == "spec":
        run.spec_path.write_text(json.dumps(RunSpec.of("embedded", 5, 6, seed=7).to_json()))
    elif change == "status":
        run.write_status(State.DONE, 720, 720)
    elif change == "scores":
        run.scores_path.write_text('{"mask": {"ap50": 41.0}}')
    else:
        write_notes(run.path, Notes("look here", ("grid",)))
    read, found = reads(monkeypatch, indexed)
    assert read == ["run007"]
    summary = next(summary for summary in found if summary.name == "run007")
    seen = {
        "spec": summary.spec.data.full == 5,
        "status": summary.status.state == State.DONE,
        "scores": summary.scores == {"mask": {"ap50": 41.0}},
        "notes": summary.notes == Notes("look here", ("grid",)),
    }
    assert [name for name, is_seen in seen.items() if is_seen] == [change]


def test_a_change_that_keeps_size_and_time_of_the_content_is_seen(indexed):
    path = indexed / "run007" / "spec.json"
    before = path.stat()
    path.write_text(path.read_text().replace('"full": 4', '"full": 5'))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert next(summary for summary in list_runs(indexed) if summary.name == "run007").spec.data.full == 5


def test_a_run_that_is_gone_is_not_listed_and_a_new_one_is(indexed):
    shutil.rmtree(indexed / "run003")
    (indexed / "run004" / "spec.json").unlink()
    RunFolder.create(indexed / "new", RunSpec.of("embedded", 4, 6, seed=1000), {})
    assert seeds(indexed) == [seed for seed in range(RUNS) if seed not in (3, 4)] + [1000]


def test_a_run_whose_process_is_gone_reads_as_interrupted_though_its_files_did_not_change(indexed, monkeypatch):
    code = (
        "import sys; from pathlib import Path; from splitlab.runs.run_folder import *; "
        "RunFolder(Path(sys.argv[1])).write_status(State.RUNNING, 3, 20); print(flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(indexed / "run005")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    child.stdout.readline()
    monkeypatch.setattr(run_index, "_FEW", 0)
    monkeypatch.setattr(run_index, "_FEW_SHARE", 0)

    def state():
        return next(summary for summary in list_runs(indexed) if summary.name == "run005").status.state

    assert state() == State.RUNNING
    child.kill()
    child.communicate()
    read, found = reads(monkeypatch, indexed)
    assert read == []
    assert next(summary for summary in found if summary.name == "run005").status.state == State.INTERRUPTED


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b'"version": 1', b'"version": 0'),
        lambda content: content.replace(b'"full":4', b'"full":5', 1),
        lambda content: b"\xff\x00" + content,
        lambda content: b'{"version": 1, "files": [], "crc32": 0}\n' + b"[" * 100_000,
    ],
    ids=["empty", "cut", "version", "flipped", "binary", "deep"],
)
def test_a_broken_index_is_made_anew(indexed, monkeypatch, damage):
    index = indexed / INDEX
    whole = index.read_bytes()
    index.write_bytes(damage(whole))
    read, found = reads(monkeypatch, indexed)
    assert len(read) == len(found) == RUNS
    assert {summary.spec.data.full for summary in found} == {4}
    assert index.read_bytes() == whole


def test_an_index_of_another_kind_of_content_is_passed_over(indexed):
    body = json.dumps({"run001": 3}).encode()
    files = json.loads((indexed / INDEX).read_bytes().partition(b"\n")[0])["files"]
    (indexed / INDEX).write_bytes(json.dumps(run_index._head(files, body)).encode() + b"\n" + body)
    assert len(list_runs(indexed)) == RUNS


def test_an_index_that_cannot_be_written_changes_nothing(indexed):
    (indexed / INDEX).unlink()
    (indexed / INDEX).mkdir()
    assert seeds(indexed) == list(range(RUNS))
    assert sorted(path.name for path in indexed.glob(".*")) == [INDEX]


def test_broken_runs_are_passed_over_and_broken_notes_are_empty(indexed):
    (indexed / "run000" / "spec.json").write_text("[]")
    (indexed / "run001" / "status.json").write_text("{")
    (indexed / "run002" / "scores.json").write_text("3")
    (indexed / "run002" / "notes.json").write_text('{"tags": 3}')
    found = {summary.spec.seed: summary for summary in list_runs(indexed)}
    assert sorted(found) == list(range(2, RUNS))
    assert (found[2].scores, found[2].notes) == ({}, Notes())


def _list_until(folder, ends):
    # Settled at once, and written at each change.
    run_index.SETTLED_NS, run_index._FEW, run_index._FEW_SHARE = 10_000_000, 0, 0.0
    while time.time() < ends:
        assert len(list_runs(folder)) == RUNS
    assert {summary.status.step for summary in list_runs(folder)} <= set(range(1000))


def test_processes_that_list_while_another_writes_end_with_the_truth(runs):
    context = multiprocessing.get_context("spawn")
    ends = time.time() + 3
    readers = [context.Process(target=_list_until, args=(runs, ends)) for _ in range(2)]
    for reader in readers:
        reader.start()
    step = 0
    while time.time() < ends:
        step = min(step + 1, 999)
        RunFolder(runs / f"run{step % RUNS:03}").write_status(State.DONE, step, 1000)
    for reader in readers:
        reader.join()
    assert [reader.exitcode for reader in readers] == [0, 0]
    for summary in list_runs(runs):
        assert summary.status.step == RunFolder(summary.path).status().step
    assert not list(runs.glob(f".{INDEX}.*"))
