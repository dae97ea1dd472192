"""The command that shows what was measured here, with the spread over seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.table import Table

from splitlab.budget.results import METRICS, SHORT_METRICS
from splitlab.budget.seed_spread import ENOUGH_SEEDS, SPREAD_COLUMNS, over_seeds
from splitlab.cli.output import JsonOption, app, err, out, print_json
from splitlab.experiments.measured_results import all_measured, run_results
from splitlab.runs.atomic_files import write_bytes
from splitlab.runs.store import list_runs
from splitlab.shown_numbers import shown
from splitlab.workspace import Workspace

CsvOption = Annotated[Path | None, typer.Option(help="Write the results, one row a split, to this CSV file.")]


@app.command(epilog="Examples: `splitlab results --sweep voc-grid` · `splitlab results --csv results.csv`")
def results(
    sweep_name: Annotated[str | None, typer.Option("--sweep", help="Only the runs of this sweep.")] = None,
    csv: CsvOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what was measured here and in the atlas: mask AP of each split, mean and spread over its seeds."""
    table = results_of(Workspace.here(), sweep_name)
    write_results(table, csv)
    show_results(table, as_json)


def results_of(workspace: Workspace, sweep_name: str | None) -> pd.DataFrame:
    """Return the results table over seeds; of one sweep's runs where it is named."""
    if sweep_name is None:
        rows = all_measured(workspace)
    else:
        tagged = {summary.name for summary in list_runs(workspace.runs) if sweep_name in summary.notes.tags}
        rows = run_results(workspace.runs, tagged)
    return over_seeds(rows).sort_values(["dataset", "method", "settings", "full", "weak"], kind="stable")


def write_results(table: pd.DataFrame, csv: Path | None) -> None:
    """Write such a table where a file is named.

    Raises:
        RunError: it cannot be written.
    """
    if csv is not None:
        write_bytes(csv, table.to_csv(index=False).encode())
        err.print(f"Results: {csv}", highlight=False)


def show_results(table: pd.DataFrame, as_json: bool) -> None:
    """Print such a table for people or programs."""
    if as_json:
        print_json([_json_row(row) for row in table.astype(object).to_dict("records")])
        return
    listed = Table("data", "model", "settings", "F/W", "hours", "seeds", *SHORT_METRICS.values())
    for row in table.to_dict("records"):
        aps = (_mean_and_spread(row, metric) for metric in METRICS)
        split, hours = f"{row['full']}/{row['weak']}", f"{row['cost_hours']:,.1f}"
        listed.add_row(row["dataset"], row["method"], row["settings"], split, hours, str(row["seeds"]), *aps)
    out.print(listed if len(table) else "No such run is scored yet.")
    for dataset, on in table.loc[table["scored_on"] != "", ["dataset", "scored_on"]].drop_duplicates().to_numpy():
        out.print(f"{dataset}: scored on {on}.", highlight=False)
    if len(table) and table["seeds"].max() > 1:
        out.print("±: standard deviation over the seeds. In brackets: both scores, where there are two.")


def _mean_and_spread(row: dict[Any, Any], metric: str) -> str:
    mean, low, high = (row[name] for name in (metric, *SPREAD_COLUMNS[metric]))
    if pd.isna(mean):
        return "–"
    if pd.isna(low):
        return shown(mean)
    return (
        f"{shown(mean)} ± {shown(high - mean)}"
        if row["seeds"] >= ENOUGH_SEEDS
        else f"{shown(mean)} ({shown(low)}, {shown(high)})"
    )


def _json_row(row: dict[Any, Any]) -> dict[str, Any]:
    return {str(name): None if pd.isna(value) else value for name, value in row.items()}
