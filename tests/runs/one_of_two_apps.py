"""What an app does to a workspace for some seconds, at random, beside others; tells on standard output what it did."""

import json
import random
import sys
import time
from dataclasses import replace
from pathlib import Path

from splitlab.checkpoints.files import publish
from splitlab.data.saved_splits import save_split, saved_splits
from splitlab.data.split import Split
from splitlab.errors import SplitLabError
from splitlab.queue.queue import Where, cancel, delete, enqueue, move, waiting_runs
from splitlab.runs import store as run_index
from splitlab.runs.notes import change_notes
from splitlab.runs.run_folder import RunFolder
from splitlab.runs.spec import RunSpec
from splitlab.runs.store import free_run_path, list_runs, trained_models
from splitlab.workspace import Workspace

root, who, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
workspace, chance = Workspace(root, root / "none"), random.Random(who)
did = {"made": [], "deleted": [], "tagged": [], "published": [], "refused": []}
# Both write the index at every listing.
run_index.SETTLED_NS, run_index._FEW = 0, -1


def make():
    path = free_run_path(workspace.runs, RunSpec.of("data", 4, 6))
    run = RunFolder.create(path, RunSpec.of("data", 4, 6, seed=chance.randrange(1000)), {"maker": f"{who} {path.name}"})
    did["made"].append(run.name)
    enqueue(workspace, run.name)


def remove(name):
    delete(workspace, name)
    did["deleted"].append(name)


def tag(name):
    mark = f"{who}-{len(did['tagged'])}"
    change_notes(workspace.runs / name, lambda notes: replace(notes, tags=(*notes.tags, mark)[-40:]))
    did["tagged"].append((name, mark))


def share(_name):
    name = f"model-{chance.randrange(30)}"
    publish(root / "trained", name, workspace.imported)
    did["published"].append(name)


def keep_split(_name):
    save_split(root / "splits", "mine", Split((1, 2), (3,), chance.randrange(9), "source"))
    assert list(saved_splits(root / "splits", "source")) == ["mine"]


CHANGES = (
    *[lambda name: enqueue(workspace, name), lambda name: cancel(workspace, name)] * 2,
    lambda name: move(workspace, name, chance.choice(list(Where))),
    *(remove, tag, tag, share, keep_split),
)
end = time.monotonic() + seconds
while time.monotonic() < end:
    names = [run.name for run in list_runs(workspace.runs)]
    waiting_runs(workspace)
    trained_models([workspace.imported], workspace.runs)
    try:
        if len(names) < 6:
            make()
        else:
            chance.choice(CHANGES)(chance.choice(names))
    except SplitLabError as error:
        did["refused"].append(str(error))
print(json.dumps(did))
