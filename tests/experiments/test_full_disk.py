"""A disk that is full: the last good file stays, the reason is one sentence, and with space again it goes on."""

import resource

import numpy as np
import pytest
import torch

from splitlab.checkpoints.checkpoint import read_weights
from splitlab.checkpoints.files import publish
from splitlab.data.saved_splits import save_split
from splitlab.data.split import read_split
from splitlab.errors import RunError, SplitLabError
from splitlab.queue.queue import enqueue
from splitlab.runs import store as run_index
from splitlab.runs.notes import Notes, write_notes
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.store import list_runs
from splitlab.training.experiment import carry_out, evaluate_run, prepare_run
from tests.runs.queue_tools import workspace_in
from tests.small_disk import fill, free, small_disk

MEGABYTES = 160


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", MEGABYTES) as folder:
        yield folder


@pytest.fixture(scope="module")
def spec(tiny_spec):
    return tiny_spec.changed(steps=4, evaluate_every=2)


@pytest.fixture(scope="module")
def undisturbed(spec, tmp_path_factory):
    root = tmp_path_factory.mktemp("undisturbed")
    run = prepare_run(root / "run", spec, root)
    carry_out(run, root)
    return run


def steps_of(run):
    return [(event["kind"], event["step"]) for event in run.events()]


def same_weights(first, second):
    one, other = read_weights(first.weights), read_weights(second.weights)
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


# A state of 30 MB does not fit; what is small does, but for the last case.
@pytest.mark.parametrize("leave", [20_000_000, 400_000, 0], ids=["20 MB", "400 KB", "nothing"])
def test_a_training_on_a_full_disk_keeps_its_state_and_goes_on_when_there_is_space(disk, spec, undisturbed, leave):
    run = prepare_run(disk / "run", spec, disk)

    def fill_at_step_three(what, done, _all):
        if (what, done) == ("train", 3):
            fill(disk, leave)

    with pytest.raises(RunError, match=r"cannot be written .No space left on device.*Free some space"):
        carry_out(run, disk, fill_at_step_three)
    assert torch.load(run.state_path, weights_only=True)["step"] == 2
    if leave:
        assert run.status().state == State.FAILED
        assert "No space left on device" in run.status().message
    assert [path for path in run.path.rglob(".*") if path.is_file()] == []
    free(disk)
    assert carry_out(run, disk) == State.DONE
    assert steps_of(run) == steps_of(undisturbed)
    assert same_weights(run, undisturbed)


def test_a_file_that_may_not_grow_so_large_ends_a_training_with_a_sentence(spec, undisturbed, tmp_path):
    """The same without a mount: a limit on the size of files, of which the state is the largest."""
    run = prepare_run(tmp_path / "run", spec, tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000_000, hard))
    try:
        with pytest.raises(RunError, match=r"state\.pt: cannot be written .File too large"):
            carry_out(run, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert run.status().state == State.FAILED
    assert "File too large" in run.status().message
    assert carry_out(run, tmp_path) == State.DONE
    assert steps_of(run) == steps_of(undisturbed)


def test_every_single_write_is_refused_in_a_sentence_and_leaves_the_old_file(disk, spec, undisturbed, monkeypatch):
    monkeypatch.setattr(run_index, "SETTLED_NS", 0)
    monkeypatch.setattr(run_index, "_FEW", -1)
    workspace = workspace_in(disk)
    run = prepare_run(workspace.runs / "run", spec, disk)
    split = read_split(run.split_path)
    carry_out(run, disk)
    failed = RunFolder.create(workspace.runs / "failed", spec, {})
    failed.write_status(State.FAILED, 0, 4)
    write_notes(run.path, Notes("before"))
    workspace.queue.mkdir()
    writes = {
        "status": lambda: run.write_status(State.DONE, 4, 4),
        "events anew": lambda: run.forget_events_after(2),
        "notes": lambda: write_notes(run.path, Notes("after" * 900)),
        "entry": lambda: enqueue(workspace, "failed"),
        "a run": lambda: RunFolder.create(workspace.runs / "new", spec, {}),
        "a prepared run": lambda: prepare_run(workspace.runs / "new", spec, disk),
        "evaluation": lambda: evaluate_run(run, disk),
        "publish": lambda: publish(run.path, "mine", workspace.imported),
        "a split": lambda: save_split(workspace.splits, "mine", split),
    }
    (disk / "runs" / "failed" / "events.jsonl").write_text("")
    fill(disk)
    before = {path: path.read_bytes() for path in disk.rglob("*") if path.is_file() and path.name != "filler"}
    names = [summary.name for summary in list_runs(workspace.runs)]
    for write in writes.values():
        with pytest.raises(SplitLabError, match="No space left"):
            write()
    assert {path: path.read_bytes() for path in before} == before
    left = {path for path in disk.rglob("*") if path.is_file() and path.name != "filler"} - before.keys()
    assert {path.name for path in left} <= {".lock"}
    assert [summary.name for summary in list_runs(workspace.runs)] == names
    free(disk)
    for write in writes.values():
        if write is not writes["a prepared run"]:
            write()
    assert same_weights(run, undisturbed)
