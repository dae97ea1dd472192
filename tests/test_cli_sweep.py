import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial

import pytest
from typer.testing import CliRunner

from splitlab.checkpoints.checkpoint import Card
from splitlab.cli import main as cli
from splitlab.cli import sweep_work
from splitlab.queue.worker import Worker
from splitlab.runs.notes import Notes, write_notes
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import RunSpec
from splitlab.workspace import Workspace
from tests.runs.queue_tools import training

runner = CliRunner()
SCORES = ("ap50", "ap70", "ap75", "ap50_95")


def run(*words, code=0):
    result = runner.invoke(cli.app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def plan(tiny_folder, tmp_path):
    path = tmp_path / "plan.yaml"
    settings = "{image_size: 64, steps: 2, batch_size: 4, f_size: 2, evaluate_every: 1, device: cpu}"
    path.write_text(
        f"name: grid\ndata: {tiny_folder}\nfull: [4]\nweak: [4, 20]\nseeds: [0, 1]\nmodels: [yolov5n-seg]\n"
        f"settings: {settings}\n"
    )
    return path


@pytest.fixture
def scored():
    """Finished runs of two sweeps: three seeds of one split, two of another, one of a third."""
    runs = Workspace.here().runs
    scores = {("a", 30, 0): 50.0, ("a", 30, 1): 52.0, ("a", 30, 2): 57.0, ("a", 60, 0): 60.0, ("a", 60, 1): 62.0}
    for (sweep, full, seed), ap in {**scores, ("b", 90, 0): 70.0}.items():
        folder = RunFolder.create(runs / f"{sweep}-{full}-seed{seed}", RunSpec.of("pets", full, 0, seed=seed), {})
        folder.write_status(State.DONE, 720, 720)
        write_notes(folder.path, Notes("", (sweep,)))
        both = {kind: dict.fromkeys(SCORES, ap) for kind in ("mask", "box")}
        card = Card(folder.name, "yolo", 224, ["cat"], "pets", "", "", full, 0, seed, folder.name, 720, {}, both)
        (folder.weights / "card.json").write_text(json.dumps(vars(card)))


def test_a_dry_run_says_what_it_would_take_and_writes_nothing(plan):
    told = json.loads(run("sweep", plan, "--dry-run", "--json").stdout)
    assert (told["name"], told["runs"], told["done"], told["to_do"]) == ("grid", 2, 0, 2)
    assert list(told["impossible"]) == ["4/20"]
    assert [split["runs"] for split in told["splits"]] == [2]
    assert 0 < told["disk_bytes"] < told["free_bytes"]
    assert told["label_hours"] > 0
    words = run("sweep", plan, "--dry-run").stderr
    assert "2 runs, 0 done, 2 to do" in words
    assert "Left out of the grid" in words
    assert not Workspace.here().runs.exists()


def test_queue_only_leaves_the_runs_to_workers_and_twice_is_once(plan, tmp_path):
    for words in ((), ("--json", "--csv", tmp_path / "results.csv")):
        assert "2 runs wait" in run("sweep", plan, "--queue-only", *words).stderr
    assert (tmp_path / "results.csv").is_file()
    waiting = json.loads(run("queue", "--json").stdout)
    assert [row["name"] for row in waiting] == [f"grid-4-4-yolov5n-seg-seed{seed}" for seed in (0, 1)]


@pytest.mark.slow
def test_a_sweep_goes_on_past_a_run_that_fails_and_the_next_time_does_only_what_is_left(plan, monkeypatch):
    run("sweep", plan, "--queue-only")
    first, second = (RunFolder(Workspace.here().runs / f"grid-4-4-yolov5n-seg-seed{seed}") for seed in (0, 1))
    split = first.split_path.read_text()
    first.split_path.write_text("{")
    # Shells stand in for the first two trainings; the third is real.
    script = training('grep -q full "$1/split.json" || { echo "no split file"; exit 1; };')
    with monkeypatch.context() as patch:
        patch.setattr(
            sweep_work, "Worker", partial(Worker, command=lambda it: ["sh", "-c", script, "sh", str(it.path)])
        )
        ended = run("sweep", plan, code=1)
    assert f"{first.name}: failed" in ended.stderr
    assert "no split file" in ended.stderr
    assert (first.status().state, second.status().state) == (State.FAILED, State.DONE)
    before = (second.path / "status.json").stat().st_mtime_ns
    first.split_path.write_text(split)
    told = json.loads(run("sweep", plan, "--json").stdout)
    assert (told["done"], told["to_do"], told["failed"]) == (1, 1, [])
    assert first.status().state == State.DONE
    assert (second.path / "status.json").stat().st_mtime_ns == before
    (row,) = json.loads(run("sweep", plan, "--results", "--json").stdout)
    assert (row["full"], row["weak"], row["seeds"]) == (4, 4, 1)
    assert run("sweep", plan).exit_code == 0


@pytest.mark.slow
def test_ctrl_c_saves_the_run_at_hand_and_the_same_command_would_go_on(plan):
    plan.write_text(plan.read_text().replace("steps: 2", "steps: 5000"))
    sweep = subprocess.Popen([sys.executable, "-m", "splitlab", "sweep", str(plan)], stderr=subprocess.PIPE, text=True)
    first = RunFolder(Workspace.here().runs / "grid-4-4-yolov5n-seg-seed0")
    ends = time.monotonic() + 60
    while not first.state_path.exists() and time.monotonic() < ends:
        time.sleep(0.1)
    os.kill(sweep.pid, signal.SIGINT)
    _, told = sweep.communicate(timeout=60)
    assert sweep.returncode == 130
    assert "Run the same command to continue" in told
    assert first.status().state == State.WAITING
    assert first.status().step > 0
    assert len(json.loads(run("queue", "--json").stdout)) == 2


def test_a_preset_needs_its_data_and_a_plan_takes_no_changes(plan, capsys, monkeypatch):
    assert "needs the folder of VOC2012, such as --data" in fails_with(capsys, monkeypatch, "sweep", "voc-yolo")
    assert "write --seeds into that file" in fails_with(capsys, monkeypatch, "sweep", plan, "--seeds", "1")
    words = ("sweep", "voc-yolo", "--data", "embedded")
    assert "--seeds is 'a'; give whole numbers" in fails_with(capsys, monkeypatch, *words, "--seeds", "a")
    assert "stpes" in fails_with(capsys, monkeypatch, *words, "--set", "stpes=3")
    assert "nope.yaml cannot be read" in fails_with(capsys, monkeypatch, "sweep", "nope.yaml")
    assert "or a preset: voc-yolo" in fails_with(capsys, monkeypatch, "sweep", "voc-yol0", "--data", "embedded")


def test_what_a_cluster_cannot_do_is_refused_before_anything_starts(plan, capsys, monkeypatch):
    said = fails_with(capsys, monkeypatch, "sweep", plan, "--queue-only", "--cluster", "head:6379")
    assert "--queue-only trains nothing" in said
    assert "Give its address: --cluster" in fails_with(capsys, monkeypatch, "sweep", plan, "--gpu-share", "0.5")
    words = ("sweep", plan, "--cluster", "head:6379")
    assert "give 0 to 1" in fails_with(capsys, monkeypatch, *words, "--gpu-share", "2")
    assert "--cpus is 0; give 1 or more" in fails_with(capsys, monkeypatch, *words, "--cpus", "0")
    assert not Workspace.here().runs.exists()


def test_a_sweep_whose_cluster_is_none_waits_in_the_queue_and_so_do_its_runs(plan, capsys, monkeypatch):
    assert "give the HOST:PORT of a Ray head" in fails_with(
        capsys, monkeypatch, "sweep", plan, "--cluster", "ray://a:1"
    )
    assert "give the HOST:PORT of a Ray head" in fails_with(capsys, monkeypatch, "queue", "run", "--cluster", "nowhere")
    assert len(json.loads(run("queue", "--json").stdout)) == 2


def test_results_are_the_mean_with_its_spread_over_seeds(scored):
    rows = {row["full"]: row for row in json.loads(run("results", "--sweep", "a", "--json").stdout)}
    assert set(rows) == {30, 60}
    assert (rows[30]["seeds"], rows[30]["ap50"]) == (3, 53.0)
    assert rows[30]["ap50_high"] == pytest.approx(53 + 13**0.5)
    assert (rows[60]["ap50_low"], rows[60]["ap50_high"]) == (60.0, 62.0)
    table = run("results", "--sweep", "a").stdout
    assert "standard deviation over seeds" in table
    assert "No such run has scores" in run("results", "--sweep", "nobody's").stdout


def test_a_run_that_was_published_or_moved_still_counts_among_its_sweep_s_seeds(scored):
    workspace = Workspace.here()
    published = workspace.imported / "best"
    shutil.copytree(workspace.runs / "a-30-seed0" / "weights", published)
    card = json.loads((published / "card.json").read_text())
    (published / "card.json").write_text(json.dumps({**card, "name": "best"}))
    (workspace.runs / "a-30-seed1").rename(workspace.runs / "moved")
    rows = {row["full"]: row for row in json.loads(run("results", "--sweep", "a", "--json").stdout)}
    assert (rows[30]["seeds"], rows[30]["ap50"]) == (3, 53.0)


def test_results_become_a_csv_with_a_row_for_each_split(scored, tmp_path):
    run("results", "--csv", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open() as file:
        own = [row for row in csv.DictReader(file) if row["dataset"] == "pets" and row["method"] == "yolo"]
    assert [(row["full"], row["seeds"], float(row["ap50"])) for row in own] == [
        ("30", "3", 53.0),
        ("60", "2", 61.0),
        ("90", "1", 70.0),
    ]


def test_runs_are_listed_by_tag_and_no_more_rows_than_asked_for(scored):
    assert all(f"a-30-seed{seed}" in run("runs").stdout for seed in range(3))
    assert {row["name"][0] for row in json.loads(run("runs", "--tag", "b", "--json").stdout)} == {"b"}
    shown = run("runs", "--rows", "2")
    assert "4 older runs are not shown" in shown.stderr
    assert shown.stdout.count("done") == 2


@pytest.mark.parametrize("command", ["sweep", "results"])
def test_every_command_explains_itself_with_an_example(command):
    text = run(command, "--help").stdout
    assert f"splitlab {command}" in text
    assert "Example" in text


def fails_with(capsys, monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["splitlab", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    return shown
