"""Print what all boxes bring with each recipe of the recipe experiment, and what its rules say.

Run: python scripts/compare_recipes.py [--metric ap75]. Rows come from the package, or from SPLITLAB_MEASURED.
"""

from __future__ import annotations

import argparse

from splitlab.atlas.plans import read_atlas
from splitlab.atlas.recipe import box_gains, default_arm, paired_differences, recipe_runs, what_the_fall_was
from splitlab.atlas.rows import read_rows
from splitlab.budget.results import METRICS
from splitlab.cli.output import out, run_script
from splitlab.workspace import Workspace


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metric", default="ap75", choices=METRICS, help="the compared score")
    metric = parser.parse_args().metric
    workspace = Workspace.here()
    atlas = read_atlas("recipe", workspace.measured, workspace.data)
    tests, choices = (recipe_runs(read_rows(table), atlas) for table in (atlas.table, atlas.choice_table))
    for name, runs in (("test", tests), ("validation", choices)):
        out.print(f"{metric} on {name} scenes: {len(runs)} runs")
        out.print(paired_differences(runs, metric).round(2).to_string())
        out.print(box_gains(runs, metric).round(2).to_string())
    fall = what_the_fall_was(tests)
    out.print(f"The fall of AP75 from 400/0 to 400/400 was: {fall}.")
    out.print(f"Default without and with boxes: {default_arm(choices, fall) or 'not measured yet'}.")
    return 0


if __name__ == "__main__":
    run_script(main)
