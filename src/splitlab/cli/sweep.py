"""The commands `sweep` and `results`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.table import Table

from splitlab.atlas.tables import all_measured, run_results
from splitlab.budget.results import ENOUGH_SEEDS, METRICS, SHORT_METRICS, SPREAD_COLUMNS, over_seeds
from splitlab.cli.output import JsonOption, app, err, out, print_json
from splitlab.cli.sweep_work import (
    ADDRESS_HELP,
    CpusOption,
    Ended,
    GpuShareOption,
    work_on_cluster,
    work_through,
)
from splitlab.cli.train_settings import CANCELLED_EXIT, named_values
from splitlab.errors import SettingsError
from splitlab.io import write_bytes
from splitlab.queue.cluster import Shares
from splitlab.queue.queue import enqueue_missing
from splitlab.runs.run_folder import RunFolder
from splitlab.runs.store import list_runs
from splitlab.shown_numbers import shown
from splitlab.sweeps.file import plan_from, read_plan
from splitlab.sweeps.forecast import SweepForecast, check_disk, forecast_sweep
from splitlab.sweeps.plan import PRESETS, SweepPlan
from splitlab.sweeps.sweep import Sweep, check_devices, make_folders, open_sweep
from splitlab.workspace import Workspace

_CsvOption = Annotated[Path | None, typer.Option(help="Write the results, one row per split, to this CSV file.")]


@app.command(epilog="Examples: `splitlab results --sweep voc-grid` · `splitlab results --csv results.csv`")
def results(
    sweep_name: Annotated[str | None, typer.Option("--sweep", help="Only the runs of this sweep.")] = None,
    csv: _CsvOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show results measured here and in the atlas: mask AP of each split, mean and spread over seeds."""
    table = _results_of(Workspace.here(), sweep_name)
    _write_results(table, csv)
    _show_results(table, as_json)


def _results_of(workspace: Workspace, sweep_name: str | None) -> pd.DataFrame:
    """Return the results over seeds, of one sweep if it is named."""
    if sweep_name is None:
        rows = all_measured(workspace)
    else:
        tagged = {summary.name for summary in list_runs(workspace.runs) if sweep_name in summary.notes.tags}
        rows = run_results(workspace.runs, tagged)
    return over_seeds(rows).sort_values(["dataset", "method", "settings", "full", "weak"], kind="stable")


def _write_results(table: pd.DataFrame, csv: Path | None) -> None:
    if csv is not None:
        write_bytes(csv, table.to_csv(index=False).encode())
        err.print(f"Results: {csv}")


def _show_results(table: pd.DataFrame, as_json: bool) -> None:
    if as_json:
        print_json([_json_row(row) for row in table.astype(object).to_dict("records")])
        return
    listed = Table("data", "model", "settings", "F/W", "hours", "seeds", *SHORT_METRICS.values())
    for row in table.to_dict("records"):
        aps = (_mean_and_spread(row, metric) for metric in METRICS)
        split, hours = f"{row['full']}/{row['weak']}", f"{row['cost_hours']:,.1f}"
        listed.add_row(row["dataset"], row["method"], row["settings"], split, hours, str(row["seeds"]), *aps)
    out.print(listed if len(table) else "No such run has scores yet.")
    for dataset, on in table.loc[table["scored_on"] != "", ["dataset", "scored_on"]].drop_duplicates().to_numpy():
        out.print(f"{dataset}: scored on {on}.")
    if len(table) and table["seeds"].max() > 1:
        out.print("±: standard deviation over seeds. In brackets: both scores if there are two.")


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


@app.command(
    epilog="Examples: `splitlab sweep plan.yaml --dry-run` · `splitlab sweep plan.yaml` · "
    "`splitlab sweep voc-yolo --data path/to/VOC2012 --seeds 0,1,2 --set device=cuda` · "
    "`splitlab sweep plan.yaml --cluster 10.0.0.5:6379 --gpu-share 0.5`"
)
def sweep(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help=f"A YAML file, or a preset: {', '.join(PRESETS)}.")],
    data: Annotated[str | None, typer.Option(help="For a preset: the dataset.")] = None,
    seeds: Annotated[str | None, typer.Option(help="For a preset: seeds, comma-separated; 0 by default.")] = None,
    name: Annotated[str | None, typer.Option(help="For a preset: the sweep's name.")] = None,
    others: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="For a preset: any setting of spec.json, such as steps=300."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the forecast, and stop.")] = False,
    queue_only: Annotated[bool, typer.Option("--queue-only", help="Queue the runs for `splitlab worker`.")] = False,
    results_only: Annotated[
        bool, typer.Option("--results", help="Show the results so far, and train nothing.")
    ] = False,
    cluster: Annotated[str | None, typer.Option(metavar="ADDRESS", help=ADDRESS_HELP)] = None,
    gpu_share: GpuShareOption = 1.0,
    cpus: CpusOption = 1,
    csv: _CsvOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train every split, model and seed of a plan; the same command resumes it and trains nothing twice.

    A plan names `data`, `full` and `weak` (a list each, for a grid) or `splits` ([400/1000, 1464/all]), `seeds`,
    `models`, `recipe` and `settings`. A run that fails does not stop the others.
    """
    workspace = Workspace.here()
    shares = Shares(gpu_share, cpus)
    if cluster is None and shares != Shares():
        raise SettingsError("--gpu-share and --cpus are for a cluster. Give its address: --cluster HOST:PORT.")
    if cluster is not None and queue_only:
        raise SettingsError("--queue-only trains nothing, so it excludes --cluster. Leave out one of the two.")
    asked = _plan(plan, {"data": data, "seeds": seeds, "name": name}, others or [], workspace)
    if results_only:
        reached = _results_of(workspace, asked.name)
        _write_results(reached, csv)
        _show_results(reached, as_json)
        return
    opened = open_sweep(asked, workspace)
    forecast = forecast_sweep(opened, workspace.runs)
    if not as_json:
        _show_forecast(opened, forecast)
    if dry_run:
        if as_json:
            print_json(_as_json(opened, forecast))
        return
    check_disk(forecast, workspace.runs)
    if cluster is None:
        check_devices(opened)
    folders = make_folders(opened)
    try:
        ended = _work_off(folders, workspace, cluster, shares, queue_only)
    except KeyboardInterrupt:
        err.print("Stopped. Run the same command to continue.")
        raise typer.Exit(CANCELLED_EXIT) from None
    reached = _results_of(workspace, asked.name)
    _write_results(reached, csv)
    if as_json:
        print_json({**_as_json(opened, forecast), "failed": [vars(one) for one in ended]})
    elif not queue_only:
        _show_results(reached, as_json=False)
    _end(ended)


def _work_off(
    folders: list[RunFolder], workspace: Workspace, cluster: str | None, shares: Shares, queue_only: bool
) -> list[Ended]:
    if cluster is not None:
        return work_on_cluster(folders, workspace, cluster, shares)
    if not queue_only:
        return work_through(folders, workspace)
    enqueue_missing(folders, workspace)
    err.print(f"{len(folders):,} runs wait. Train them with: splitlab worker")
    return []


def _plan(plan: str, changes: dict[str, str | None], others: list[str], workspace: Workspace) -> SweepPlan:
    given = {key: value for key, value in changes.items() if value is not None}
    if plan not in PRESETS or Path(plan).is_file():
        if (given or others) and Path(plan).is_file():
            raise SettingsError(f"{plan} is a complete plan: write --{next(iter(given), 'set')} into that file.")
        return read_plan(Path(plan), workspace.data)
    content: dict[str, Any] = {"preset": plan, **given, "settings": named_values(others)}
    if "seeds" in given:
        content["seeds"] = _seeds(given["seeds"])
    if "data" not in given:
        raise SettingsError(f"{plan} needs the folder of {PRESETS[plan].dataset}, such as --data path/to/it.")
    return plan_from(content, "The command line", Path.cwd(), workspace.data)


def _seeds(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch("[0-9]{1,18}", part) for part in parts):
        raise SettingsError(f"--seeds is '{text}'; give whole numbers, separated by commas, such as 0,1,2.")
    return [int(part) for part in parts]


def _as_json(opened: Sweep, forecast: SweepForecast) -> dict[str, Any]:
    return {
        "name": opened.plan.name,
        "data": opened.plan.data,
        **forecast.to_json(),
        "impossible": opened.impossible,
        "run_folders": [str(run.path) for run in opened.runs],
    }


def _show_forecast(opened: Sweep, forecast: SweepForecast) -> None:
    table = Table("F/W", "label hours", "runs", "done")
    for split in forecast.splits:
        table.add_row(f"{split.full}/{split.weak}", f"{split.hours:,.1f}", str(split.runs), str(split.done))
    err.print(table)
    to_do = forecast.runs - forecast.done
    lines = [
        f"{opened.plan.name} on {opened.data.train.name}: {forecast.runs:,} runs, {forecast.done:,} done, "
        f"{to_do:,} to do.",
        f"Labels of all splits: {forecast.mask_images:,} images with masks, {forecast.box_images:,} with boxes only, "
        f"{forecast.label_hours:,.1f} hours by {forecast.prices} prices.",
        _training_time(forecast, to_do),
        f"Disk: about {forecast.disk_bytes / 1e9:,.2f} GB of {forecast.free_bytes / 1e9:,.1f} GB free.",
    ]
    lines += [f"Left out of the grid: {reason}" for reason in opened.impossible.values()]
    for line in lines:
        err.print(line)


def _training_time(forecast: SweepForecast, to_do: int) -> str:
    if not to_do:
        return "Training: nothing is left to do."
    if forecast.unjudged == to_do:
        return "Training: no earlier run of these models, sizes and devices to estimate the time from."
    unknown = f"; {forecast.unjudged:,} runs are of a kind not trained yet" if forecast.unjudged else ""
    return f"Training: about {forecast.training_hours:,.1f} hours on one device, from earlier runs{unknown}."


def _end(ended: list[Ended]) -> None:
    if not ended:
        return
    err.print(f"{len(ended)} runs stopped early:")
    for one in ended:
        err.print(f"  {one.name}: {one.state} {one.message}".rstrip())
    err.print("Fix the cause and run the same command again: finished runs are kept.")
    raise typer.Exit(1)
