from dataclasses import replace

import pytest
from typer.testing import CliRunner

from splitlab.checkpoints.checkpoint import read_card
from splitlab.cli import main as cli
from splitlab.cli.checkpoint import _shrink_checkpoint
from splitlab.errors import CheckpointError, RunError
from splitlab.io import no_progress
from splitlab.training.experiment import evaluate_checkpoint
from splitlab.workspace import Workspace
from tests.checkpoints import write_checkpoint


@pytest.fixture
def checkpoint(tmp_path):
    scores = {kind: {"ap50": 99.0} for kind in ("mask", "box")}
    return write_checkpoint(tmp_path / "made", class_names=["square", "disc"], scores=scores, trained_by={"steps": 5})


def test_the_copy_is_smaller_and_has_its_own_scores(checkpoint, tmp_path, tiny):
    copy = _shrink_checkpoint(checkpoint, "small", tmp_path / "into", tiny.val, no_progress)
    card = read_card(copy)
    assert (card.name, card.trained_by) == ("small", {"steps": 5, "stored": "8 bits a weight"})
    assert card.scores == evaluate_checkpoint(copy, tiny.val)
    assert card.scores["mask"]["ap50"] != 99
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (copy, checkpoint)]
    assert sizes[0] < 0.55 * sizes[1]
    assert [path.name for path in (tmp_path / "into").iterdir()] == ["small"]


def test_what_cannot_be_scored_leaves_nothing_behind(checkpoint, tmp_path, tiny):
    other = replace(tiny.val, class_names=("cat", "dog"))
    with pytest.raises(CheckpointError, match="has the classes"):
        _shrink_checkpoint(checkpoint, "small", tmp_path / "into", other, no_progress)
    assert not list((tmp_path / "into").iterdir())


def test_a_taken_name_and_a_folder_that_is_a_file_are_sentences(checkpoint, tmp_path, tiny):
    with pytest.raises(CheckpointError, match="already exists"):
        _shrink_checkpoint(checkpoint, "made", tmp_path, tiny.val, no_progress)
    with pytest.raises(RunError, match="cannot be written"):
        _shrink_checkpoint(checkpoint, "small", checkpoint / "card.json", tiny.val, no_progress)


def test_the_command_shows_sizes_and_scores_of_both(checkpoint, tiny_folder):
    words = ["checkpoint", "shrink", str(checkpoint), "--name", "small", "--data", str(tiny_folder)]
    result = CliRunner().invoke(cli.app, words, catch_exceptions=False)
    assert result.exit_code == 0
    before, after, made = result.stdout.splitlines()
    assert before == "3.8 MB: AP50 99.0, on val of tiny"
    assert after.startswith("2.0 MB: AP50 ")
    assert made == f"small: {Workspace.here().imported / 'small'}"
