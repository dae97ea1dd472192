"""The `project` commands, from photos to the second batch."""

import json

import pytest
from typer.testing import CliRunner

from splitlab.cli import main as cli
from splitlab.errors import SettingsError
from tests.conftest import write_tiny

runner = CliRunner()


def run(*words):
    result = runner.invoke(cli.app, ["project", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A COCO folder of 30 photos, 12 of them with masks; `all.json` beside it has all masks."""
    monkeypatch.setenv("SPLITLAB_WORKSPACE", str(tmp_path / "workspace"))
    write_tiny(tmp_path / "shapes", {"train": 30})
    path = tmp_path / "shapes" / "instances_train.json"
    labels = json.loads(path.read_text())
    path.rename(tmp_path / "all.json")
    some = [one for one in labels["annotations"] if one["image_id"] <= 12]
    path.write_text(json.dumps({**labels, "annotations": some}))
    return tmp_path / "shapes"


def made(photos):
    run("new", "mine", "--photos", photos, "--hours", 2, "--box-seconds", 10, "--mask-seconds", 60)


def test_from_photos_to_the_second_batch(photos, tmp_path):
    made(photos)
    assert run("status").split() == ["mine"]
    (plan,) = json.loads(run("plan", "mine", "--json"))
    assert plan["source"] == "published"
    first = json.loads(run("next", "mine", "--masks", 3, "--boxes", 2, "--format", "coco", "--json"))
    assert [task["masks"] for task in first["tasks"]].count(True) == 3
    assert "5 photos that were handed out are not labelled yet" in run("status", "mine")
    handed = {task["image_id"] for task in first["tasks"]}
    labels = json.loads((tmp_path / "all.json").read_text())
    for key, ids in (("images", "id"), ("annotations", "image_id")):
        labels[key] = [one for one in labels[key] if one[ids] in handed]
    export = tmp_path / "export.json"
    export.write_text(json.dumps(labels))
    looked = json.loads(run("take", "mine", export, "--dry-run", "--json"))
    assert (looked["taken"], len(looked["photos"])) == (None, 5)
    assert "0.2 hours booked" in run("take", "mine", export, "--hours", 0.2)
    status = json.loads(run("status", "mine", "--json"))
    assert (status["hours_booked"], status["hours_left"], status["open_photos"]) == (0.2, 1.8, 0)
    second = json.loads(run("next", "mine", "--hours", 0.05, "--format", "coco", "--json"))
    assert second["number"] == 2
    assert handed.isdisjoint(task["image_id"] for task in second["tasks"])
    run("report", "mine", "--out", tmp_path / "mine.html")
    assert "round 2" in (tmp_path / "mine.html").read_text()


def test_the_budget_can_be_raised(photos):
    made(photos)
    run("plan", "mine", "--hours", 5)
    assert json.loads(run("status", "mine", "--json"))["settings"]["hours"] == 5


@pytest.mark.parametrize("words", [(), ("--hours", 1, "--masks", 2), ("--masks", 0), ("--masks", -1, "--boxes", 2)])
def test_a_batch_without_a_clear_size_is_refused(photos, words):
    made(photos)
    with pytest.raises(SettingsError):
        run("next", "mine", *words)


def test_runs_are_queued_by_name(photos):
    made(photos)
    assert len(json.loads(run("pilot", "mine", "--json"))) == 5
    (labels,) = json.loads(run("train", "mine", "--json"))
    assert labels.startswith("mine-labels-0-10-0-")
