"""Every file that is read back, broken at random: whoever reads it says one sentence, or reads what stood there."""

import json
import random
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from splitlab.app.runs.rows import _rows_as_csv, _run_rows
from splitlab.app.widgets.live_run import _seconds_left
from splitlab.atlas.tables import measured_results
from splitlab.checkpoints.checkpoint import read_card, read_weights
from splitlab.checkpoints.files import card_in_words, publish
from splitlab.checkpoints.scores import read_scores
from splitlab.cli.main import app as commands
from splitlab.data.saved_splits import save_split, saved_splits
from splitlab.data.split import read_split
from splitlab.errors import RunError, SplitLabError
from splitlab.evaluation.detections import read_detections
from splitlab.figures.training import training_curves
from splitlab.models.registry import build_model
from splitlab.queue.queue import Entry, cancel, changing_queue, enqueue, update_entry, waiting_runs
from splitlab.runs import store as run_index
from splitlab.runs.devices import kind_of, measured_speeds
from splitlab.runs.notes import Notes, read_notes, write_notes
from splitlab.runs.run_folder import RunFolder
from splitlab.runs.store import list_runs, trained_models
from splitlab.training.experiment import carry_out, prepare_run
from splitlab.training.state import TrainingState
from splitlab.workspace import Workspace
from tests.runs.broken import break_file
from tests.runs.queue_tools import workspace_in

CASES = 16
# Half of an emoji cannot be shown: a bit that flips in its escape must be noticed.
NOTES = Notes("Grün 😀", ("grid", "first"))


@pytest.fixture(scope="module")
def sample(tiny_spec, tmp_path_factory) -> Workspace:
    """A workspace with one real run that is done and waits nonetheless, and one of every other file."""
    workspace = workspace_in(tmp_path_factory.mktemp("sample"))
    run = prepare_run(workspace.runs / "a", tiny_spec.changed(steps=2, evaluate_every=1), workspace.data)
    carry_out(run, workspace.data)
    write_notes(run.path, NOTES)
    save_split(workspace.splits, "mine", read_split(run.split_path))
    publish(run.path, "mine", workspace.imported)
    with changing_queue(workspace) as queue:
        queue.append(Entry("a", "cpu", "0123456789abcdef", starts=1, step=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_index, "SETTLED_NS", 0)
        patch.setattr(run_index, "_FEW", -1)
        list_runs(workspace.runs)
        trained_models([], workspace.runs)
    return workspace


@pytest.fixture
def workspace(sample, tmp_path):
    shutil.copytree(sample.root, tmp_path / "broken")
    return workspace_in(tmp_path / "broken")


def shown(text: str) -> None:
    """What is written on a terminal or sent to a browser is UTF-8."""
    text.encode()


def list_all(workspace, _tiny):
    runs = list_runs(workspace.runs)
    shown(json.dumps([run.to_json() for run in runs], allow_nan=False, ensure_ascii=False))
    _rows_as_csv(_run_rows(runs))
    measured_speeds(runs, [kind_of(run.spec) for run in runs])


def watch(workspace, _tiny):
    run = RunFolder(workspace.runs / "a")
    status, events = run.status(), run.events()
    shown(status.message + run.spec().data.source)
    assert 0 <= status.step / max(status.steps, 1) < 1e12
    _seconds_left(status, events)
    training_curves(events, status.steps).to_json()
    run.forget_events_after(1)


def change_queue(workspace, _tiny):
    for entry in waiting_runs(workspace):
        update_entry(workspace, replace(entry, starts=entry.starts + 1))
    cancel(workspace, "a")
    enqueue(workspace, "a")


def look_at_cards(workspace, _tiny):
    for folder in (workspace.runs / "a" / "weights", workspace.imported / "mine"):
        card = read_card(folder)
        shown(json.dumps(vars(card), allow_nan=False, ensure_ascii=False))
        card_in_words(card, {})
    measured_results([workspace.imported], workspace.runs).to_json()


READERS = {
    "runs/a/status.json": (list_all, watch, change_queue),
    "runs/a/spec.json": (list_all, watch, change_queue),
    "runs/a/events.jsonl": (list_all, watch),
    "runs/a/scores.json": (list_all, lambda workspace, _: read_scores(workspace.runs / "a" / "scores.json")),
    "runs/a/notes.json": (list_all, lambda workspace, _: shown(str(read_notes(workspace.runs / "a").to_json()))),
    "runs/a/detections.json": (lambda w, tiny: read_detections(w.runs / "a" / "detections.json", tiny.val),),
    "runs/a/weights/card.json": (look_at_cards,),
    "checkpoints/mine/card.json": (look_at_cards,),
    "queue/queue.json": (change_queue,),
}


@pytest.mark.parametrize("name", READERS)
def test_a_broken_file_is_one_sentence_wherever_it_is_read(workspace, tiny, name):
    chance = random.Random(name)
    (path,) = workspace.root.glob(name)
    before = {found: found.read_bytes() for found in workspace.root.rglob("*.json*")}
    for _ in range(CASES):
        for reader in READERS[name]:
            break_file(path, chance)
            try:
                reader(workspace, tiny)
            except SplitLabError as error:
                shown(str(error))
            for changed, content in before.items():
                changed.write_bytes(content)


def weights_in(workspace):
    return read_weights(workspace.imported / "mine")


def split_in(workspace):
    return _what_counts(read_split(workspace.runs / "a" / "split.json"))


def saved_split_in(workspace):
    source = read_split(workspace.runs / "a" / "split.json").source
    return [_what_counts(split) for split in saved_splits(workspace.splits, source).values()] or None


def _what_counts(split):
    """All but the word that says how it was drawn, and the name, which is that of its sizes."""
    return split.hash, split.full, split.weak, split.seed, split.source


def listed(workspace):
    return [replace(run, path=run.path.relative_to(workspace.root)).to_json() for run in list_runs(workspace.runs)]


def state_in(workspace):
    spec = RunFolder(workspace.runs / "a").spec()
    state = TrainingState.start(build_model(spec.model, 2, spec.image_size), spec)
    state.load(workspace.runs / "a" / "weights" / "state.pt")
    return {**state.model.state_dict(), **state.average.state_dict(), "step": state.step}


def same(first, second) -> bool:
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    return bool(np.array_equal(first, second)) if isinstance(first, np.ndarray | torch.Tensor) else first == second


SUMMED = {
    "checkpoints/mine/model.safetensors": weights_in,
    "runs/a/split.json": split_in,
    "splits/mine.json": saved_split_in,
    "runs/.runs-index.json": listed,
    "runs/a/weights/state.pt": state_in,
}


@pytest.mark.parametrize("name", SUMMED)
def test_a_file_with_a_sum_is_never_read_as_something_else(workspace, name):
    chance, path, read = random.Random(name), workspace.root / name, SUMMED[name]
    right, content, told = read(workspace), path.read_bytes(), 0
    cases = CASES // 4 if read is state_in else CASES
    for _ in range(cases):
        break_file(path, chance)
        try:
            found = read(workspace)
        except SplitLabError:
            found = None
        told += found is None
        assert found is None or same({"it": right}, {"it": found})
        path.write_bytes(content)
    # The index is a cache: where it is broken, the folders are read.
    assert told > cases // 2 or read is listed


def test_weights_that_state_no_sum_are_read(workspace):
    """Checkpoints of older versions and of others."""
    from safetensors.numpy import save_file

    weights = weights_in(workspace)
    save_file(weights, workspace.imported / "mine" / "model.safetensors")
    assert same(weights_in(workspace), weights)


def test_a_flipped_bit_in_a_saved_state_is_named_before_a_training_goes_on_with_it(workspace):
    path = workspace.runs / "a" / "weights" / "state.pt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"state\.pt is broken .* has changed since it was saved"):
        state_in(workspace)


@pytest.mark.parametrize(
    "words",
    [
        ("runs",),
        ("runs", "--json"),
        ("queue",),
        ("queue", "--json"),
        ("checkpoint", "show", "{root}/checkpoints/mine"),
        ("checkpoint", "show", "{root}/runs/a", "--json"),
    ],
    ids=" ".join,
)
def test_the_command_line_answers_whatever_is_broken(workspace, monkeypatch, words):
    monkeypatch.setenv("SPLITLAB_WORKSPACE", str(workspace.root))
    chance = random.Random(words[-1])
    paths = sorted(
        path
        for pattern in ("*.json", "runs/a/*.json*", "*/a/weights/card.json", "*/mine/*.json", "queue/*.json")
        for path in workspace.root.glob(pattern)
    )
    for path in paths:
        content = path.read_bytes()
        for _ in range(3):
            break_file(path, chance)
            result = CliRunner().invoke(commands, [word.format(root=workspace.root) for word in words])
            assert result.exception is None or isinstance(result.exception, SplitLabError), (path, path.read_bytes())
        path.write_bytes(content)
