"""Several apps on one workspace: nothing is lost, nothing is done twice, nobody sees a traceback."""

import json
import subprocess
import sys
from collections import Counter

from splitlab.checkpoints.checkpoint import list_checkpoints, read_card, read_weights
from splitlab.queue.queue import changing_queue
from splitlab.runs.notes import read_notes
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.store import list_runs
from tests.app_server import ROOT
from tests.checkpoints import write_checkpoint
from tests.runs.queue_tools import state_of, workspace_in

APPS, SECONDS = 3, 4


def worked(folder):
    """Let apps work on a folder at the same time; return what each of them did."""
    words = [sys.executable, "-m", "tests.runs.one_of_two_apps", str(folder)]
    apps = [
        subprocess.Popen(
            [*words, f"app{number}", str(SECONDS)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for number in range(APPS)
    ]
    told = [app.communicate(timeout=120) for app in apps]
    assert [app.returncode for app in apps] == [0] * APPS, "\n".join(complaints for _, complaints in told)
    did = [json.loads(said) for said, _ in told]
    return {what: [thing for one in did for thing in one[what]] for what in did[0]}


def test_apps_that_change_one_workspace_at_the_same_time_lose_nothing(tmp_path):
    workspace = workspace_in(tmp_path)
    write_checkpoint(tmp_path / "trained" / "weights")
    did = worked(tmp_path)
    assert len(did["made"]) > 10
    assert len(did["deleted"]) > 3
    there = {run.name: run for run in list_runs(workspace.runs)}
    # A name is free again once its run was deleted.
    made, deleted = Counter(did["made"]), Counter(did["deleted"])
    assert {name: count for name, count in (made - deleted).items() if count} == dict.fromkeys(there, 1)
    for name in there:
        run = RunFolder(workspace.runs / name)
        assert json.loads(run.split_path.read_text())["maker"].endswith(name)
        with changing_queue(workspace) as queue:
            waits = [entry for entry in queue if entry.run == name]
        assert (len(waits), state_of(run)) in ((1, State.WAITING), (0, State.CANCELLED))
        if name not in deleted:
            kept = read_notes(run.path).tags
            assert set(kept) == {tag for tagged, tag in did["tagged"] if tagged == name} or len(kept) == 40
    assert Counter(path.name for path in list_checkpoints(workspace.imported)) == Counter(did["published"])
    for folder in list_checkpoints(workspace.imported):
        assert read_card(folder).name == folder.name
        read_weights(folder)
    (workspace.runs / ".runs-index.json").unlink()
    assert {run.name: run for run in list_runs(workspace.runs)} == there
    assert [path.name for path in tmp_path.rglob(".*") if path.is_dir()] == []
