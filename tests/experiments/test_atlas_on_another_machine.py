"""The atlas carried to another machine and back: what is packed, what comes back, and that twice is once."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from splitlab.atlas.rows import _rows_as_csv, read_rows
from splitlab.atlas.work import take_back
from splitlab.cli import main as cli
from splitlab.errors import RunError, SettingsError
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import RunSpec
from splitlab.workspace import Workspace
from tests.conftest import write_tiny
from tests.experiments.atlas_tools import PLAN, row, rows, write_plan

ROOT = Path(__file__).parents[2]


def script(*words: str, at: Path, code=0, **env: str) -> str:
    told = subprocess.run(
        [str(at / "scripts" / "train_on_gpu.sh"), *words],
        env={**os.environ, "PYTHON": sys.executable, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == code, told.stdout + told.stderr
    return told.stdout + told.stderr


def checkout(folder: Path) -> Path:
    """A copy of what the script packs, with a small atlas in it."""
    folder.mkdir()
    for name in ("src", "scripts"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.csv"))
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    plans = folder / "src/splitlab/measured/tiny"
    plans.mkdir()
    lists = {"full": [4], "weak": [0], "seeds": [0]}
    (plans / "1-grid.yaml").write_text(PLAN.format(data="tiny", steps=2, every=1, **lists))
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A checkout with its own work space, in which the data set is a link."""
    monkeypatch.delenv("SPLITLAB_MEASURED")
    monkeypatch.delenv("SPLITLAB_WORKSPACE")
    folder = checkout(tmp_path / "here")
    write_tiny(tmp_path / "photos", {"train": 12, "val": 4})
    (folder / "workspace/data").mkdir(parents=True)
    (folder / "workspace/data/tiny").symlink_to(tmp_path / "photos")
    return folder


def unpack(parcel: Path, into: Path) -> Path:
    into.mkdir()
    with tarfile.open(parcel) as file:
        file.extractall(into, filter="data")
    return into


@pytest.mark.slow
def test_a_parcel_is_trained_elsewhere_and_its_rows_and_checkpoints_come_back(here, tmp_path):
    parcel = tmp_path / "parcel.tar"
    assert f"{parcel}: " in script("pack", str(parcel), "tiny", at=here)
    assert parcel.stat().st_size < 64 * 2**20
    there = unpack(parcel, tmp_path / "there")
    assert not (there / ".git").exists()
    out = tmp_path / "out"
    script("run", "--minutes", "10", "--out", str(out), "tiny", at=there, DEVICE="cpu", WORKERS="2")
    (one,) = read_rows(out / "measured/tiny.csv")
    assert one.code_version == (there / "code-version.txt").read_text().strip() or one.code_version == "0.1.0"
    workspace = Workspace(here / "workspace", here / "checkpoints", here / "src/splitlab/measured")
    assert take_back(out, workspace).rows["tiny"] == 1
    (folder,) = workspace.runs.glob("atlas-tiny-*")
    assert RunFolder(folder).status().state == State.DONE
    assert (folder / "weights/model.safetensors").is_file()
    assert read_rows(workspace.measured / "tiny.csv") == (one,)
    again = take_back(out, workspace)
    assert (again.rows["tiny"], again.runs) == (0, ())


@pytest.mark.slow
def test_where_the_time_does_not_suffice_the_next_parcel_goes_on(here, tmp_path):
    there = unpack_after_pack(here, tmp_path, "first")
    script("run", "--minutes", "0", "--out", str(tmp_path / "out"), "tiny", at=there, DEVICE="cpu")
    assert not (tmp_path / "out/measured/tiny.csv").exists()
    assert list((tmp_path / "out/runs").iterdir()) == []


def unpack_after_pack(here: Path, tmp_path: Path, name: str) -> Path:
    parcel = tmp_path / f"{name}.tar"
    script("pack", str(parcel), "tiny", at=here)
    return unpack(parcel, tmp_path / name)


def test_a_parcel_that_is_too_large_is_not_made(here, tmp_path):
    with (tmp_path / "photos/huge.bin").open("wb") as file:
        file.truncate(65 * 2**20)
    assert "more than 67108864" in script("pack", str(tmp_path / "parcel.tar"), "tiny", at=here, code=2)
    assert not (tmp_path / "parcel.tar").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["pack", "parcel.tar"], "name the atlases"),
        (["pack", "parcel.tar", "moon"], "workspace/data/moon is not a folder"),
        (["run", "tiny"], "--out DIR"),
        (["take", "nowhere"], "the folder with the results"),
        (["fly"], "give pack, run or take"),
    ],
)
def test_wrong_words_are_answered_by_a_sentence(here, words, told):
    assert told in script(*words, at=here, code=2)


def test_rows_of_an_experiment_come_back_with_those_that_its_choices_rest_on(tmp_path, tiny_folder):
    measured = Workspace.here().measured
    write_plan(tiny_folder)
    shutil.move(measured / "tiny", measured / "experiments" / "trial")
    came = tmp_path / "came" / "measured" / "experiments"
    came.mkdir(parents=True)
    (came / "trial.csv").write_text(_rows_as_csv([row()]))
    (came / "trial-choice.csv").write_text(_rows_as_csv([row(test_hash="choice")]))
    assert take_back(tmp_path / "came", Workspace.here()).rows == {"trial": 1}
    assert read_rows(measured / "experiments/trial.csv") == (row(),)
    assert read_rows(measured / "experiments/trial-choice.csv") == (row(test_hash="choice"),)


def came_back(folder: Path, step: int, state: State = State.CANCELLED) -> Path:
    run = RunFolder.create(folder / "runs" / "atlas-tiny-4-0", RunSpec.of("elsewhere/tiny", 4, 0, steps=9), {})
    run.write_status(state, step, 9)
    (folder / "measured").mkdir(exist_ok=True)
    (folder / "measured/tiny.csv").write_text(_rows_as_csv([row()]))
    return folder


def test_a_run_that_is_further_takes_the_place_of_ours_and_an_older_one_does_not(tiny_folder, tmp_path):
    write_plan(tiny_folder)
    workspace = Workspace.here()
    assert take_back(came_back(tmp_path / "first", 5), workspace).runs == ("atlas-tiny-4-0",)
    assert take_back(came_back(tmp_path / "older", 3), workspace).runs == ()
    assert take_back(came_back(tmp_path / "done", 9, State.DONE), workspace).runs == ("atlas-tiny-4-0",)
    assert RunFolder(workspace.runs / "atlas-tiny-4-0").status().state == State.DONE
    assert [path.name for path in workspace.runs.iterdir()] == ["atlas-tiny-4-0"]
    assert rows() == (row(),)


def test_a_killed_run_is_as_far_as_it_was_saved_and_not_as_it_had_come(tiny_folder, tmp_path):
    write_plan(tiny_folder)
    workspace = Workspace.here()
    take_back(came_back(tmp_path / "first", 5), workspace)
    killed = came_back(tmp_path / "killed", 7, State.RUNNING)
    assert take_back(killed, workspace).runs == ()
    RunFolder(killed / "runs/atlas-tiny-4-0").append_event({"kind": "evaluation", "step": 6})
    assert take_back(killed, workspace).runs == ("atlas-tiny-4-0",)


@pytest.mark.parametrize("hold", [RunFolder.claim, RunFolder.lock])
def test_a_run_that_is_trained_here_is_left_alone(tiny_folder, tmp_path, hold):
    write_plan(tiny_folder)
    workspace = Workspace.here()
    take_back(came_back(tmp_path / "first", 5), workspace)
    with hold(RunFolder(workspace.runs / "atlas-tiny-4-0")):
        assert take_back(came_back(tmp_path / "later", 7), workspace).runs == ()


def test_links_in_what_came_back_are_refused(tiny_folder, tmp_path):
    write_plan(tiny_folder)
    came = came_back(tmp_path / "first", 5)
    (came / "runs/atlas-tiny-4-0/weights/state.pt").symlink_to("/etc/passwd")
    with pytest.raises(RunError, match="is a link"):
        take_back(came, Workspace.here())
    with pytest.raises(SettingsError, match="has no measured/"):
        take_back(came / "runs", Workspace.here())


def test_the_command_says_what_it_took(tiny_folder, tmp_path):
    write_plan(tiny_folder)
    words = ["atlas", "take", str(came_back(tmp_path / "first", 5)), "--json"]
    told = json.loads(CliRunner().invoke(cli.app, words, catch_exceptions=False).stdout)
    assert told == {"rows": {"tiny": 1}, "runs": ["atlas-tiny-4-0"]}
