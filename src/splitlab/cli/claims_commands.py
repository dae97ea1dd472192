"""The command that checks claims: the paper's on its own tables, and on what was measured here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.table import Table

from splitlab.budget.atlas.grid import verdict_metric
from splitlab.budget.claims import Claim, paper_claims
from splitlab.budget.published import FLATTERED
from splitlab.cli.output import JsonOption, app, err, out, print_json
from splitlab.errors import SettingsError
from splitlab.experiments.atlas.measured_tables import atlas_claims
from splitlab.experiments.atlas.plans import atlas_names
from splitlab.workspace import Workspace


@app.command(epilog="Examples: `splitlab claims --json` · `splitlab claims --measured --dataset embedded`")
def claims(
    measured: Annotated[
        bool, typer.Option("--measured", help="Check them on the runs of the atlas, which are our own.")
    ] = False,
    dataset: Annotated[
        str | None, typer.Option(help="Of the atlas: embedded, pets or street; all of them where left out.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="ap50, ap70, ap75 or ap50_95; where left out, ap50 on street and ap70 elsewhere.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute what the paper says of its own tables, or see whether it holds for what was measured here."""
    if not measured:
        if dataset is not None or metric is not None:
            raise SettingsError("--dataset and --metric are of an atlas: add --measured, or leave them out.")
        _show(paper_claims(), as_json)
        if not as_json:
            out.print(FLATTERED, highlight=False)
        return
    names = atlas_names(Workspace.here().measured) if dataset is None else [dataset]
    checked = {name: _measured(name, metric or verdict_metric(name)) for name in names}
    if as_json:
        print_json([{"dataset": name, **row} for name, found in checked.items() for row in map(_json_row, found)])
        return
    for name, found in checked.items():
        out.print(f"Measured on {name}:", highlight=False)
        _show(found, as_json=False)


def _measured(name: str, metric: str) -> list[Claim]:
    checked = atlas_claims(name, metric, Workspace.here())
    if not checked:
        err.print(f"Of {name} nothing is measured yet. Start with: splitlab atlas run {name}", highlight=False)
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
