"""Commands for the atlas and for the claims of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.table import Table

from splitlab.atlas.grid import verdict_metric
from splitlab.atlas.plans import AtlasRun, OpenedAtlas, atlas_names, not_measured, open_atlas, read_atlas
from splitlab.atlas.rows import MeasuredRow, read_rows
from splitlab.atlas.tables import atlas_claims
from splitlab.atlas.work import take_back
from splitlab.budget.claims import paper_claims
from splitlab.budget.claims.claim import Claim
from splitlab.budget.published import FLATTERED
from splitlab.cli.output import JsonOption, app, err, out, print_json, progress_bar
from splitlab.cli.train_settings import CANCELLED_EXIT
from splitlab.errors import SettingsError
from splitlab.workspace import Workspace

_atlas_app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
app.add_typer(
    _atlas_app,
    name="atlas",
    help="Repeat the paper's experiment on our own datasets: train its grid, see its progress.",
)

_NameArgument = Annotated[str, typer.Argument(metavar="ATLAS", help="The atlas: embedded, pets or street.")]
_DataOption = Annotated[str | None, typer.Option(help="The dataset's folder, if it is not in the workspace.")]
_DeviceOption = Annotated[str | None, typer.Option(help="cpu, cuda or mps; the default is in the plans.")]


@_atlas_app.command(
    epilog="Examples: `splitlab atlas run embedded` · `splitlab atlas run pets --data ../shared/data/pets` · "
    "`splitlab atlas run street --device cuda --minutes 9`"
)
def run(
    name: _NameArgument,
    data: _DataOption = None,
    device: _DeviceOption = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Save the current run and stop after this time.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Train the runs that have no row yet, one at a time, and measure each on the test part.

    The same command resumes after Ctrl-C, after a kill or on another machine. Several at once never train a run twice.
    """
    from splitlab.atlas.work import AtlasWork, Deadline
    from splitlab.models.precision import check_device

    opened = _open(name, data, device)
    for needed in {asked.spec.device for asked in opened.planned}:
        check_device(needed)
    deadline = Deadline() if minutes is None else Deadline(60 * minutes)
    with progress_bar() as progress:
        work = AtlasWork(opened, Workspace.here(), deadline, progress, err.print)
        try:
            done = work.work_through()
        except KeyboardInterrupt:
            err.print("Stopped. Run the same command to continue.")
            raise typer.Exit(CANCELLED_EXIT) from None
    _report(opened, as_json, measured=done.measured, failed=done.failed)
    if done.stopped and not deadline.is_over:
        raise typer.Exit(CANCELLED_EXIT)
    if done.failed:
        raise typer.Exit(1)


@_atlas_app.command(epilog="Example: `splitlab atlas status embedded --json`")
def status(name: _NameArgument, data: _DataOption = None, as_json: JsonOption = False) -> None:
    """Show which runs are measured, which are open, and an estimate of their training time from the existing rows."""
    _report(_open(name, data, None), as_json)


@_atlas_app.command(epilog="Example: `splitlab atlas take came-back`")
def take(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The output of `scripts/train_on_gpu.sh run`.")],
    as_json: JsonOption = False,
) -> None:
    """Import rows and runs that were measured on another machine; repeating it adds nothing."""
    taken = take_back(folder, Workspace.here())
    if as_json:
        print_json({"rows": taken.rows, "runs": list(taken.runs)})
        return
    for name, count in taken.rows.items():
        out.print(f"{name}: {count} new rows")
    out.print(f"{len(taken.runs)} run folders")


@_atlas_app.command("list", epilog="Example: `splitlab atlas list --json`")
def list_atlases(as_json: JsonOption = False) -> None:
    """List the atlases and their number of rows."""
    workspace = Workspace.here()
    rows = {name: len(read_rows(workspace.measured / f"{name}.csv")) for name in atlas_names(workspace.measured)}
    if as_json:
        print_json(rows)
        return
    for name, count in rows.items():
        out.print(f"{name}: {count} runs measured")


def _open(name: str, data: str | None, device: str | None) -> OpenedAtlas:
    workspace = Workspace.here()
    return open_atlas(read_atlas(name, workspace.measured, workspace.data, data), workspace, device)


def _report(opened: OpenedAtlas, as_json: bool, **more: Any) -> None:
    rows = read_rows(opened.atlas.table)
    asked = opened.asked(rows)
    left = not_measured(asked, rows)
    hours = _hours(left, rows)
    if as_json:
        runs = [{"run": one.path.name, "measured": one not in left, **one.hashes} for one in asked]
        print_json({"atlas": opened.atlas.name, "runs": runs, "open": len(left), "hours_left": hours, **more})
        return
    table = Table("F/W", "seed", "model", "measured")
    for one in asked:
        table.add_row(one.spec.data.split_name, str(one.spec.seed), one.spec.model, "no" if one in left else "yes")
    out.print(table)
    estimate = f"; the others need about {hours:.1f} hours of training (estimate)" if left and hours else ""
    done = len(asked) - len(left)
    out.print(f"{opened.atlas.name}: {done} of {len(asked)} runs measured{estimate}.")
    for name, reason in more.get("failed", {}).items():
        err.print(f"{name}: {reason}")


def _hours(left: list[AtlasRun], rows: tuple[MeasuredRow, ...]) -> float | None:
    """Estimate the training time left from the median row of each model; None if a model has no row."""
    seconds = [[row.train_seconds for row in rows if row.model == one.spec.model] for one in left]
    return round(sum(map(median, seconds)) / 3600, 2) if all(seconds) else None


@app.command(epilog="Examples: `splitlab claims --json` · `splitlab claims --measured --dataset embedded`")
def claims(
    measured: Annotated[bool, typer.Option("--measured", help="Check them on the runs of the atlas.")] = False,
    dataset: Annotated[str | None, typer.Option(help="Only this atlas: embedded, pets or street.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="ap50, ap70, ap75 or ap50_95; by default ap50 on street and ap70 elsewhere.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute the paper's claims from its own tables, or check them on the results measured here."""
    if not measured:
        if dataset is not None or metric is not None:
            raise SettingsError("--dataset and --metric apply to an atlas: add --measured, or leave them out.")
        _show(paper_claims(), as_json)
        if not as_json:
            out.print(FLATTERED)
        return
    names = atlas_names(Workspace.here().measured) if dataset is None else [dataset]
    checked = {name: _measured(name, metric or verdict_metric(name)) for name in names}
    if as_json:
        print_json([{"dataset": name, **row} for name, found in checked.items() for row in map(_json_row, found)])
        return
    for name, found in checked.items():
        out.print(f"Measured on {name}:")
        _show(found, as_json=False)


def _measured(name: str, metric: str) -> list[Claim]:
    checked = atlas_claims(name, metric, Workspace.here())
    if not checked:
        err.print(f"Nothing is measured on {name} yet. Start with: splitlab atlas run {name}")
    return checked


def _show(checked: Sequence[Claim], as_json: bool) -> None:
    if as_json:
        print_json(list(map(_json_row, checked)))
        return
    table = Table("Sec.", "what the paper says", "verdict", "recomputed", show_lines=True)
    for claim in checked:
        table.add_row(claim.section, claim.statement, claim.verdict, claim.finding)
    if checked:
        out.print(table)


def _json_row(claim: Claim) -> dict[str, Any]:
    return {**{name: value for name, value in vars(claim).items() if name != "rows"}, "rows": len(claim.rows)}
