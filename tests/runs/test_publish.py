import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from splitlab.checkpoints.checkpoint import read_card
from splitlab.checkpoints.files import publish
from splitlab.errors import CheckpointError, RunError
from splitlab.models.registry import load_model
from splitlab.runs.run_folder import RunFolder
from splitlab.runs.spec import RunSpec
from splitlab.runs.store import trained_models
from tests.checkpoints import write_checkpoint


@pytest.fixture
def run(tmp_path):
    run = RunFolder.create(tmp_path / "runs" / "grid-1", RunSpec.of("tiny", 3, 4), {})
    shutil.copytree(write_checkpoint(tmp_path / "made", name="grid-1"), run.weights, dirs_exist_ok=True)
    return run.path


@pytest.fixture
def into(tmp_path):
    return tmp_path / "checkpoints"


def test_a_published_run_is_a_checkpoint_of_that_name_with_the_same_weights(run, into):
    folder = publish(run, "best", into)
    assert folder == into / "best"
    assert read_card(folder).name == "best"
    assert load_model(folder)[1].split_name == "3/4"
    before, after = load_file(run / "weights" / "model.safetensors"), load_file(folder / "model.safetensors")
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert [path.name for path in into.iterdir()] == ["best"]


def test_weights_in_full_precision_are_halved(run, into):
    path = run / "weights" / "model.safetensors"
    save_file({name: value.astype(np.float32) for name, value in load_file(path).items()}, path)
    folder = publish(run, "best", into)
    assert (folder / "model.safetensors").stat().st_size < 0.6 * path.stat().st_size


def train_otherwise(run):
    card = json.loads((run / "weights" / "card.json").read_text())
    (run / "weights" / "card.json").write_text(json.dumps({**card, "steps": 6}))


def test_a_published_run_is_one_model_whatever_its_new_name(run, into):
    publish(run, "best", into)
    assert list(trained_models([into], run.parent)) == ["best"]
    train_otherwise(run)
    assert list(trained_models([into], run.parent)) == ["best", "grid-1"]


def test_a_run_of_a_published_ones_name_that_was_trained_otherwise_is_a_model_of_its_own(run, into):
    publish(run, "grid-1", into)
    assert list(trained_models([into], run.parent)) == ["grid-1"]
    train_otherwise(run)
    assert list(trained_models([into], run.parent)) == ["grid-1", "grid-1 (2)"]


def test_a_heartbeat_that_is_no_time_hides_no_model(run, into):
    status = json.loads((run / "status.json").read_text())
    (run / "status.json").write_text(json.dumps({**status, "heartbeat": 10**400}))
    assert list(trained_models([into], run.parent)) == ["grid-1"]


@pytest.mark.parametrize("name", ["../out", "/out", "a/b", "..", ".hidden", "", "a\0b", "x" * 61])
def test_a_name_that_is_no_folder_s_is_refused(run, into, name):
    with pytest.raises(CheckpointError, match="cannot be the name of a checkpoint"):
        publish(run, name, into)
    assert not into.exists()


def test_a_name_that_is_taken_is_refused_and_what_is_there_stays(run, into):
    publish(run, "best", into)
    before = (into / "best" / "model.safetensors").stat()
    with pytest.raises(CheckpointError, match="already exists"):
        publish(run, "best", into)
    assert (into / "best" / "model.safetensors").stat() == before


def test_a_run_that_has_learnt_nothing_yet_is_refused(tmp_path, into):
    run = RunFolder.create(tmp_path / "runs" / "new", RunSpec.of("tiny", 3, 4), {})
    with pytest.raises(CheckpointError, match="no weights to publish yet"):
        publish(run.path, "best", into)
    assert not into.exists()


def test_broken_weights_leave_nothing_behind(run, into):
    (run / "weights" / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(CheckpointError, match="cannot be read"):
        publish(run, "best", into)
    assert not into.exists()


def test_a_folder_that_cannot_be_made_is_a_sentence(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        publish(run, "best", tmp_path / "file" / "checkpoints")


def test_publishing_needs_no_torch(run, into):
    code = (
        "import sys; from pathlib import Path; from splitlab.checkpoints.files import publish; "
        "publish(Path(sys.argv[1]), 'best', Path(sys.argv[2])); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(run), str(into)], check=False).returncode == 0
