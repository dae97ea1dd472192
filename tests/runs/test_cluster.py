"""Runs on a Ray cluster: two nodes of real processes here, killed for real; a training takes a second and counts."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from importlib.util import find_spec

import psutil
import pytest

from splitlab.errors import RunError, SettingsError
from splitlab.queue import cluster
from splitlab.queue.cluster import Shares, _connected
from splitlab.queue.leash import leashed
from splitlab.queue.queue import waiting_runs
from splitlab.runs.run_folder import State
from tests.runs.queue_tools import SPEC, make_queued, starts_of, state_of, wait_until, workspace_in
from tests.runs.ray_nodes import MARK, Nodes, with_no_fuss

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
STEPS = 5
# Goes on from its last step, as the real training does, and holds the run as it does.
TRAINING = f"""
import os, sys, time
from pathlib import Path
from splitlab.runs.run_folder import RunFolder, State
run = RunFolder(Path(sys.argv[1]))
with run.lock(), run.beating():
    with (run.path / "starts").open("a") as file:
        file.write(os.environ.get("{MARK}", "worker").split()[-1] + "\\n")
    (run.path / "gpu").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", "none"))
    for step in range(max((event["step"] for event in run.events()), default=0) + 1, {STEPS} + 1):
        run.write_status(State.RUNNING, step - 1, {STEPS})
        time.sleep(float(sys.argv[2]))
        while step > 2 and (run.path.parent / "hold").exists():
            time.sleep(0.02)
        run.append_event({{"kind": "evaluation", "step": step}})
    run.write_status(State.DONE, {STEPS}, {STEPS})
"""
DRIVER = """
import json, os, signal, sys
from pathlib import Path
import splitlab
from splitlab.errors import SplitLabError
from splitlab.queue import cluster
from splitlab.queue.queue import waiting_runs
from splitlab.runs.run_folder import RunFolder
from splitlab.workspace import Workspace
# Whoever starts the tests in a shell's background has it ignored, and all that they start with it.
signal.signal(signal.SIGINT, signal.default_int_handler)
root, address, training, seconds, stale, gpu = sys.argv[1:]
cluster._ASIDE_SECONDS = 1.0
workspace = Workspace(Path(root), Path(root))
runs = [RunFolder(workspace.runs / entry.run) for entry in waiting_runs(workspace)]
class Command:
    def __call__(self, run):
        return [sys.executable, "-c", training, str(run.path), seconds]
    def __setstate__(self, _):
        if stale and os.environ.get("SPLITLAB_TEST_NODE", "").endswith(stale):
            splitlab.__version__ = "0.0"
    def __getstate__(self):
        return 1
try:
    tell = lambda line: print(line, flush=True)
    print(json.dumps(cluster.train_on_cluster(runs, workspace, address, cluster.Shares(float(gpu)), tell, Command())))
except SplitLabError as error:
    sys.exit(str(error))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture(scope="module")
def nodes():
    running = Nodes()
    try:
        running.start()
        yield running
    finally:
        running.close()
    assert running.processes("head") + running.processes("second") == []


@pytest.fixture
def workspace(tmp_path):
    return workspace_in(tmp_path)


def start_driver(workspace, nodes, seconds=0.2, stale="", gpu=1.0, **env):
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(workspace.root), nodes.address, TRAINING, str(seconds), stale, str(gpu)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**nodes.env, **env},
    )


def end_of(driver, code=0):
    told, complaints = driver.communicate(timeout=90)
    assert driver.returncode == code, complaints + told
    return told + complaints


def steps_of(run):
    return Counter(event["step"] for event in run.events())


def trainings(nodes):
    return [
        process
        for node in ("head", "second")
        for process in nodes.processes(node)
        if any("run.append_event" in word for word in with_no_fuss(process.cmdline))
    ]


ONCE_EACH = Counter(range(1, STEPS + 1))


@needs_ray
@pytest.mark.slow
def test_a_wrong_token_is_refused_and_so_is_none(workspace, nodes):
    (run,) = make_queued(workspace, "one")
    wrong, none = {"RAY_AUTH_TOKEN": "f" * 32}, {"RAY_AUTH_MODE": "disabled"}
    for driver in [start_driver(workspace, nodes, **token) for token in (wrong, none)]:
        said = end_of(driver, code=1)
        assert "refused the connection" in said
        assert "docs/cluster.md" in said
    assert starts_of(run) == 0


@needs_ray
@pytest.mark.slow
def test_a_node_with_another_version_gets_no_run_and_the_others_do_them_all(workspace, nodes):
    nodes.wait_for("second")
    runs = make_queued(workspace, *"abc")
    told = end_of(start_driver(workspace, nodes, seconds=0.02, stale="second"))
    assert "install the same everywhere. It receives no more runs." in told
    assert [(run.path / "starts").read_text() for run in runs] == ["head\n"] * 3
    assert {state_of(run) for run in runs} == {State.DONE}


@needs_ray
@pytest.mark.slow
def test_two_runs_share_the_one_gpu_of_a_cluster(workspace, nodes):
    nodes.wait_for("second")
    runs = make_queued(workspace, *"ab", spec=SPEC.changed(device="cuda"))
    hold = workspace.runs / "hold"
    hold.touch()
    driver = start_driver(workspace, nodes, gpu=0.5)
    wait_until(lambda: all(state_of(run) == State.RUNNING for run in runs))
    hold.unlink()
    end_of(driver)
    assert [(starts(run), (run.path / "gpu").read_text()) for run in runs] == [(b"second\n", "0")] * 2


@needs_ray
@pytest.mark.slow
def test_ctrl_c_or_a_kill_of_the_driver_ends_the_trainings_and_the_next_goes_on(workspace, nodes):
    runs = make_queued(workspace, *"abcd")
    hold = workspace.runs / "hold"
    hold.touch()
    driver = start_driver(workspace, nodes)
    wait_until(lambda: sum(steps_of(run)[2] for run in runs) == 3)
    driver.send_signal(signal.SIGINT)
    assert "they and the others stay in the queue" in end_of(driver, code=130)
    assert trainings(nodes) == []
    assert [entry.run for entry in waiting_runs(workspace)] == list("abcd")
    assert {state_of(run) for run in runs} == {State.WAITING}
    again = start_driver(workspace, nodes)
    wait_until(lambda: sum(starts(run).count(b"\n") == 2 for run in runs) >= 2)
    again.kill()
    again.communicate()
    wait_until(lambda: trainings(nodes) == [])
    hold.unlink()
    assert end_of(start_driver(workspace, nodes)).splitlines()[-1] == "{}"
    assert [steps_of(run) for run in runs] == [ONCE_EACH] * 4
    assert {state_of(run) for run in runs} == {State.DONE}


@needs_ray
@pytest.mark.slow
def test_a_node_killed_during_a_sweep_loses_no_run_and_does_none_twice(workspace, nodes):
    """A worker of this machine works the same queue off meanwhile, and one run fails for good."""
    nodes.wait_for("second")
    names = [f"run-{number:02d}" for number in range(12)]
    runs = make_queued(workspace, *names)
    (runs[3].path / "starts").mkdir()  # its training cannot write there
    hold = workspace.runs / "hold"
    hold.touch()
    driver = start_driver(workspace, nodes)
    wait_until(lambda: any(b"second" in starts(run) and 0 < len(steps_of(run)) < STEPS for run in runs))
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(workspace.root), TRAINING])
    wait_until(lambda: any(b"worker" in starts(run) for run in runs))
    nodes.kill("second")
    hold.unlink()
    told = end_of(driver)
    assert worker.wait(60) == 0
    good = [run for run in runs if run is not runs[3]]
    assert [steps_of(run) for run in good] == [ONCE_EACH] * 11
    assert {state_of(run) for run in good} == {State.DONE}
    assert state_of(runs[3]) == State.FAILED
    assert "[12/12]" in told
    unfinished = json.loads(told.splitlines()[-1])
    assert list(unfinished) == ["run-03"]
    assert "IsADirectoryError" in unfinished["run-03"]
    nodes_of = b"".join(starts(run) for run in good).split()
    assert len(nodes_of) > 11  # some were started again
    assert {b"worker", b"head", b"second"} == set(nodes_of)
    assert waiting_runs(workspace) == []


WORKER = """
import sys
from pathlib import Path
from splitlab.runs.devices import Device
from splitlab.queue.worker import Worker
from splitlab.workspace import Workspace
command = lambda run: [sys.executable, "-c", sys.argv[2], str(run.path), "0.2"]
Worker(Workspace(Path(sys.argv[1]), Path(sys.argv[1])), Device("cpu"), command).work(until_empty=True)
"""


def starts(run):
    path = run.path / "starts"
    return path.read_bytes() if path.is_file() else b""


def test_a_leashed_program_ends_with_the_process_that_started_it():
    code = "import subprocess, sys, time; print(subprocess.Popen(eval(sys.argv[1])).pid, flush=True); time.sleep(60)"
    words = "__import__('splitlab.queue.leash').queue.leash.leashed(['sleep', '60'])"
    parent = subprocess.Popen([sys.executable, "-c", code, words], stdout=subprocess.PIPE, text=True)
    child = psutil.Process(int(parent.stdout.readline()))
    wait_until(lambda: child.name() == "sleep")
    parent.kill()
    parent.communicate()
    child.wait(10)


def test_a_program_whose_parent_is_gone_already_is_not_started():
    words = leashed(["echo", "started"])
    words[words.index(str(os.getpid()))] = "1"
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "is gone" in ended.stderr


def test_without_ray_a_sentence_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RunError, match=r"pip install -e '\.\[ray\]'"), _connected("127.0.0.1:1"):
        pass


@needs_ray
def test_an_address_where_nobody_answers_is_told_at_once(monkeypatch):
    monkeypatch.setattr(cluster, "_import_ray", lambda: None)
    before = time.monotonic()
    with pytest.raises(RunError, match=r"No Ray cluster answers at 127\.0\.0\.1:1 "), _connected("127.0.0.1:1"):
        pass
    assert time.monotonic() - before < cluster._CONNECT_SECONDS + 1


@pytest.mark.parametrize("address", ["", "local", "ray://head:10001", "head", "head:99999", "head:6379; rm"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(SettingsError, match="give the HOST:PORT of a Ray head"), _connected(address):
        pass


def test_shares_of_a_machine_are_checked():
    assert Shares(0.5, 2).of("cuda") == {"num_cpus": 2.0, "num_gpus": 0.5}
    assert Shares(0.5, 2).of("cpu") == {"num_cpus": 2.0, "num_gpus": 0.0}
    for gpu, cpus in ((-0.1, 1), (1.5, 1), (float("nan"), 1), (1, 0)):
        with pytest.raises(SettingsError, match=r"--gpu-share|--cpus"):
            Shares(gpu, cpus)
    with pytest.raises(SettingsError, match="--gpu-share is 0"):
        Shares(0).of("cuda")
    with pytest.raises(SettingsError, match="'mps'"):
        Shares().of("mps")
