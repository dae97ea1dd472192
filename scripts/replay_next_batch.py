"""Replay the choice of photos to label next, and print what it says by the rules of docs/decisions/0308.

Run: python scripts/replay_next_batch.py choice|report|verdict [--sets embedded pets] [--minutes 60].
Datasets and run folders are in the workspace (SPLITLAB_WORKSPACE): pets/ and people-animals/ in its data/. The same
command resumes after a break and trains nothing twice; several may run side by side. `report` needs all of `choice`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from splitlab.atlas.replay import CHOICE, REPLAY_SETS, Replay, read_replay, report_stage
from splitlab.atlas.replay_verdict import default_strategy, finalists, leads, ratios
from splitlab.atlas.work import Deadline
from splitlab.cli.output import err, out, progress_bar, run_script
from splitlab.workspace import Workspace

STOPPED = 130


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("choice", "report", "verdict"))
    parser.add_argument("--sets", nargs="+", choices=list(REPLAY_SETS), default=list(REPLAY_SETS))
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after this time; the run is saved")
    asked = parser.parse_args()
    workspace = Workspace.here()
    table = workspace.measured / "experiments" / "next-batch.csv"
    if asked.what == "verdict":
        say(table)
        return 0
    stage = CHOICE if asked.what == "choice" else report_stage(finalists(read_replay(table), tuple(REPLAY_SETS)))
    sets = tuple(REPLAY_SETS[name] for name in asked.sets)
    with progress_bar() as progress:
        deadline = Deadline(asked.minutes * 60)
        replay = Replay(stage, sets, workspace, table, deadline, progress, err.print)
        try:
            done = replay.work_through()
        except KeyboardInterrupt:
            done = False
    left = len(list(replay.left()))
    out.print(f"{stage.name}: {left} runs are open." if left else f"{stage.name}: all runs are measured.")
    return 0 if done else STOPPED


def say(table: Path) -> None:
    rows, sets = read_replay(table), tuple(REPLAY_SETS)
    for name, lead in leads(rows, sets).items():
        out.print(f"lead of {name} on val: {lead:+.3f} of random's gain")
    found = ratios(rows, sets, finalists(rows, sets))
    for dataset, of_set in found.items():
        for name, ratio in of_set.items():
            met = "met" if ratio.meets_bar else "not met"
            out.print(
                f"{dataset}, {name}: {ratio.value:.2f} of random's hours ({ratio.low:.2f} to {ratio.high:.2f}): {met}"
            )
    for dataset in [name for name in sets if name not in found]:
        out.print(f"{dataset}: not whole yet, so undecided")
    if len(found) == len(sets):
        out.print(f"Default: {default_strategy(found)}.")


if __name__ == "__main__":
    run_script(main)
