import json
import multiprocessing
import os
import shutil
from dataclasses import replace
from itertools import chain

import pytest

from splitlab.errors import RunError
from splitlab.queue.queue import (
    Where,
    cancel,
    changing_queue,
    delete,
    enqueue,
    move,
    place_of,
    run_named,
    take_out,
    update_entry,
    waiting_runs,
)
from splitlab.runs.run_folder import State
from tests.runs.queue_tools import make_queued, make_run, state_of, workspace_in


@pytest.fixture
def workspace(tmp_path):
    return workspace_in(tmp_path)


def order(workspace):
    return "".join(entry.run for entry in waiting_runs(workspace))


def test_runs_wait_in_the_order_they_came(workspace):
    make_queued(workspace, *"cab")
    assert order(workspace) == "cab"
    assert [place_of(workspace, name) for name in "cabx"] == [1, 2, 3, None]


def test_a_run_that_waits_already_keeps_its_place(workspace):
    make_queued(workspace, *"ab")
    enqueue(workspace, "a")
    assert order(workspace) == "ab"


def test_many_runs_put_in_at_once_keep_their_order_and_come_once_each(workspace, monkeypatch):
    monkeypatch.setattr("splitlab.queue.queue._AT_ONCE", 3)
    for name in "abcdefgh":
        make_run(workspace, name)
    enqueue(workspace, "e")
    enqueue(workspace, *"hgfedcbab")
    assert order(workspace) == "ehgfdcba"


def test_runs_before_one_that_cannot_be_put_in_wait_all_the_same(workspace):
    make_run(workspace, "a")
    make_run(workspace, "b").write_status(State.DONE, 20, 20)
    with pytest.raises(RunError, match="b is done"):
        enqueue(workspace, "a", "b")
    assert order(workspace) == "a"


@pytest.mark.parametrize(
    ("name", "where", "expected"),
    [
        ("c", "first", "cabd"),
        ("c", "last", "abdc"),
        ("c", "up", "acbd"),
        ("b", "down", "acbd"),
        ("a", "up", "abcd"),
        ("a", "first", "abcd"),
        ("d", "down", "abcd"),
        ("d", "last", "abcd"),
    ],
)
def test_a_run_is_moved_and_stays_where_there_is_no_further(workspace, name, where, expected):
    make_queued(workspace, *"abcd")
    move(workspace, name, Where(where))
    assert order(workspace) == expected


def test_many_moves_lose_no_run(workspace):
    make_queued(workspace, *"abcd")
    for turn in range(40):
        move(workspace, "abcd"[turn % 4], list(Where)[turn % 3])
    assert sorted(order(workspace)) == list("abcd")


def put_in_and_move(root, names):
    for name in names:
        enqueue(workspace_in(root), name)
        enqueue(workspace_in(root), "shared")
        move(workspace_in(root), name, Where.FIRST)


def test_processes_that_change_the_queue_at_once_lose_nothing_and_put_nothing_in_twice(workspace):
    groups = [[f"{group}-{number}" for number in range(10)] for group in "abcd"]
    for name in ["shared", *chain(*groups)]:
        make_run(workspace, name)
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=put_in_and_move, args=(workspace.root, names)) for names in groups]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert sorted(entry.run for entry in waiting_runs(workspace)) == sorted(["shared", *chain(*groups)])


@pytest.mark.parametrize("state", [State.CANCELLED, State.FAILED])
def test_a_run_that_ended_early_goes_on_from_its_step_when_it_is_tried_again(workspace, state):
    run = make_run(workspace, "a")
    run.write_status(state, 7, 20, "why")
    run.ask_to_cancel()
    enqueue(workspace, "a")
    assert order(workspace) == "a"
    assert (run.status().state, run.status().step, run.status().message) == (State.WAITING, 7, "")
    assert not run.cancel_is_asked()


@pytest.mark.parametrize(("state", "because"), [(State.DONE, "is done"), (State.RUNNING, "is already being trained")])
def test_a_run_that_is_done_or_trains_is_not_put_in(workspace, state, because):
    make_run(workspace, "a").write_status(state, 20, 20)
    with pytest.raises(RunError, match=because):
        enqueue(workspace, "a")
    assert order(workspace) == ""


def test_a_cancelled_run_is_out_of_the_queue_and_can_come_back(workspace):
    run, _ = make_queued(workspace, *"ab")
    assert cancel(workspace, "a") == State.CANCELLED
    assert (order(workspace), state_of(run)) == ("b", State.CANCELLED)
    enqueue(workspace, "a")
    assert order(workspace) == "ba"


def test_a_run_that_a_worker_has_is_asked_to_stop(workspace):
    (run,) = make_queued(workspace, "a")
    with run.claim():
        assert cancel(workspace, "a") == State.RUNNING
    assert order(workspace) == ""
    assert run.cancel_is_asked()


def test_a_run_trained_without_the_queue_is_asked_to_stop(workspace):
    run = make_run(workspace, "a")
    run.write_status(State.RUNNING, 3, 20)
    assert cancel(workspace, "a") == State.RUNNING
    assert run.cancel_is_asked()


def test_a_run_that_neither_waits_nor_trains_is_not_cancelled(workspace):
    run = make_run(workspace, "a")
    run.write_status(State.DONE, 20, 20)
    with pytest.raises(RunError, match="neither queued nor being trained: it is done"):
        cancel(workspace, "a")
    assert not run.cancel_is_asked()


def test_a_run_is_deleted_with_its_place(workspace):
    run, _ = make_queued(workspace, *"ab")
    delete(workspace, "a")
    assert not run.path.exists()
    with changing_queue(workspace) as queue:
        assert [entry.run for entry in queue] == ["b"]


def test_a_run_that_trains_or_that_a_worker_has_is_not_deleted(workspace):
    claimed, locked, far = make_queued(workspace, *"abc")
    far.write_status(State.RUNNING, 3, 20)
    with claimed.claim(), locked.lock():
        for name in "abc":
            with pytest.raises(RunError, match=f"Stop it first with: splitlab cancel {name}"):
                delete(workspace, name)
    assert order(workspace) == "abc"


def test_a_link_is_not_deleted_and_what_it_leads_to_stays(workspace, tmp_path):
    outside = make_run(workspace_in(tmp_path / "outside"), "a")
    workspace.runs.mkdir()
    (workspace.runs / "link").symlink_to(outside.path)
    with pytest.raises(RunError, match="is a link"):
        delete(workspace, "link")
    assert outside.spec_path.exists()


@pytest.mark.parametrize("act", [enqueue, cancel, delete])
@pytest.mark.parametrize(
    "name", ["..", ".", "", "../outside", "a/../../outside", "a/b", "/", ".hidden", "a\0", "\0/a", "a\\b"]
)
def test_a_name_never_leads_out_of_the_workspace(workspace, act, name):
    outside = make_run(workspace_in(workspace.root), "a").path.rename(workspace.root / "outside")
    with pytest.raises(RunError, match="is not a run of the workspace"):
        act(workspace, name)
    assert (outside / "spec.json").exists()


def test_a_run_may_be_given_as_a_path_to_its_folder(workspace, monkeypatch):
    run = make_run(workspace, "a")
    monkeypatch.chdir(workspace.root)
    assert run_named(workspace, "runs/a").path == run_named(workspace, str(run.path)).path == run.path
    with pytest.raises(RunError, match="holds no run"):
        run_named(workspace, "b")


def entry_with(run="a", starts=0):
    return json.dumps([{"run": run, "device": "cpu", "ticket": "1", "starts": starts}])


@pytest.mark.parametrize(
    "content",
    ["{", "3", '["a"]', '[{"run": "a"}]', *map(entry_with, ("..", "a/b", 3)), entry_with(starts="many")],
)
def test_a_broken_queue_file_is_named_with_what_to_do_and_is_not_overwritten(workspace, content):
    make_queued(workspace, "a")
    path = workspace.queue / "queue.json"
    path.write_text(content)
    for look in (waiting_runs, lambda workspace: enqueue(workspace, "a")):
        with pytest.raises(RunError, match=r"queue\.json is broken .* Delete it, and queue the runs again"):
            look(workspace)
    assert path.read_text() == content


def test_a_run_deleted_by_hand_leaves_the_list(workspace):
    gone, _ = make_queued(workspace, *"ab")
    shutil.rmtree(gone.path)
    assert order(workspace) == "b"
    assert place_of(workspace, "b") == 1


@pytest.mark.parametrize("name", ["status.json", "events.jsonl"])
def test_a_run_with_a_broken_file_still_waits_and_is_listed(workspace, name):
    run = make_run(workspace, "a")
    (run.path / name).write_text("[[[")
    enqueue(workspace, "a")
    assert order(workspace) == "a"


def test_a_run_with_broken_settings_is_refused(workspace):
    make_run(workspace, "a").spec_path.write_text("{")
    with pytest.raises(RunError, match=r"spec\.json is broken"):
        enqueue(workspace, "a")


def test_only_the_entry_with_the_ticket_is_changed_or_taken_out(workspace):
    make_queued(workspace, *"ab")
    older, other = waiting_runs(workspace)
    cancel(workspace, "a")
    enqueue(workspace, "a")
    update_entry(workspace, replace(older, starts=3))
    assert not take_out(workspace, "a", older.ticket)
    _, newer = waiting_runs(workspace)
    assert (newer.run, newer.starts) == ("a", 0)
    assert take_out(workspace, "a", newer.ticket)
    assert waiting_runs(workspace) == [other]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_workspace_that_cannot_be_written_is_named(workspace):
    make_run(workspace, "a")
    workspace.root.chmod(0o500)
    try:
        with pytest.raises(RunError, match="cannot be made"):
            enqueue(workspace, "a")
    finally:
        workspace.root.chmod(0o700)
