"""Measure few-shot, zero-shot and partly supervised training on the embedded dataset; write the package's table.

Run: python scripts/measure_few_shot.py --machine "2 cores of ..." [--seeds 0 1] [--variants "new pair" look-alikes].
Run folders are in the workspace (SPLITLAB_WORKSPACE). The same command resumes after a break and trains nothing twice;
the rows of each run are written when it is done. --dry-run lists the runs and trains none.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from splitlab.atlas.few_shot import VARIANTS, FewShotRun, Measurement, Sizes, class_rows, store_rows, train_planned
from splitlab.atlas.rows import table_path
from splitlab.atlas.work import code_version
from splitlab.cli.output import err, out, progress_bar
from splitlab.cli.train_settings import chosen_settings
from splitlab.data.open_dataset import EMBEDDED, open_dataset
from splitlab.errors import SplitLabError
from splitlab.workspace import Workspace

STOPPED = 130


def main() -> int:
    asked = arguments()
    workspace = Workspace.here()
    data = open_dataset(EMBEDDED, workspace.data)
    sizes = Sizes(asked.base_masks, asked.masks, asked.full, asked.weak)
    settings = chosen_settings(asked.recipe, {}, asked.set, asked.full, None)
    measurement = Measurement(EMBEDDED, data, workspace.runs, settings, sizes)
    variants = [variant for variant in VARIANTS if variant.name in asked.variants]
    planned = [run for seed in asked.seeds for variant in variants for run in measurement.planned(variant, seed)]
    measured_with = {"code_version": code_version(), "machine": asked.machine}
    for number, run in enumerate(planned, start=1):
        out.print(f"{number} of {len(planned)}: {in_words(run)}")
        if asked.dry_run:
            continue
        with progress_bar() as progress:
            done = train_planned(run, workspace.data, progress)
        if done is None:
            err.print("Stopped. Run the same command to continue.")
            return STOPPED
        store_rows(asked.out, class_rows(run, data, measured_with))
    return 0


def in_words(run: FewShotRun) -> str:
    return f"{run.variant.name}, {run.setting} from {run.start}, {run.spec.data.split_name}, seed {run.spec.seed}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [variant.name for variant in VARIANTS]
    parser.add_argument("--machine", required=True, help="the hardware, in words, for the table")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--variants", nargs="+", choices=names, default=names, help="which classes are novel")
    parser.add_argument("--recipe", default=EMBEDDED)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="any other setting of a run")
    parser.add_argument("--base-masks", type=int, default=Sizes.base_masks, help="mask images of the base model")
    parser.add_argument("--masks", type=int, default=Sizes.masks, help="masks of each novel class, few-shot")
    parser.add_argument("--full", type=int, default=Sizes.full, help="mask images, partly supervised and all masks")
    parser.add_argument("--weak", type=int, default=Sizes.weak, help="box images of those")
    parser.add_argument("--out", type=Path, default=table_path(), help="the table; by default the package's")
    parser.add_argument("--dry-run", action="store_true")
    asked = parser.parse_args()
    if not asked.machine.strip():
        parser.error("--machine is empty: describe the hardware, such as '2 cores of ...'")
    return asked


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SplitLabError as error:
        sys.exit(f"Error: {error}")
