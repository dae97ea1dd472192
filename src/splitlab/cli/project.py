"""The `project` commands: from a folder of photos to the next batch of labels, and back."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from splitlab.budget.plan_answer import PlanAnswer
from splitlab.budget.plan_in_words import labels_to_make
from splitlab.budget.results import SHORT_METRICS
from splitlab.cli.cost import BoxOption, MaskOption, ObjectsOption, PriceOptions, PricesOption
from splitlab.cli.options import opened, say
from splitlab.cli.output import JsonOption, app, err, out, print_json, progress_bar
from splitlab.data.classes import asked_names
from splitlab.data.dataset import LabelState
from splitlab.data.exports.formats import ExportFormat
from splitlab.data.reading import printable
from splitlab.errors import SettingsError
from splitlab.io import write_bytes
from splitlab.project.choice import RANDOM, choose_batch
from splitlab.project.hand_over import hand_over, round_named, start_round
from splitlab.project.incoming import Incoming, look_at
from splitlab.project.project import Project, ProjectSettings, change_settings, new_project, open_project, project_names
from splitlab.project.standing import (
    Basis,
    BatchSize,
    Standing,
    bases_of,
    batch_size,
    expected_after,
    interval_of,
    plan_rest,
    standing_of,
    summary_in_words,
)
from splitlab.project.take_back import take
from splitlab.project.training import PilotSettings, queue_labels, queue_pilot, scores_of
from splitlab.shown_numbers import shown
from splitlab.workspace import Workspace

_MOST_SHOWN, _FEW = 20, 3

_NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The project.")]
_FormatOption = Annotated[
    ExportFormat, typer.Option("--format", help="The files to write: coco, yolo, yolo-1.1, cvat or label-studio.")
]
_DrawOption = Annotated[
    Path | None, typer.Option(help="A checkpoint or run that draws labels to correct on photos without any.")
]
_HoursOption = Annotated[float | None, typer.Option(help="Change the budget for labels to these hours.")]

_project_app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
app.add_typer(
    _project_app, name="project", help="Label a folder of photos in rounds: plan, choose, hand over, take back."
)


@_project_app.command(
    epilog="Examples: `splitlab project new fish --photos my-photos --classes cod,crab --hours 20` · "
    "`splitlab project new pets30 --photos pets --hours 12 --prices verify`"
)
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for the project and its dataset.")],
    photos: Annotated[str, typer.Option(metavar="DATA", help="A folder of photos, or a dataset with some labels.")],
    hours: Annotated[float, typer.Option(help="The budget for labels, in hours.")],
    classes: Annotated[str | None, typer.Option(help="The classes to label, for photos without labels.")] = None,
    prices: PricesOption = None,
    box_seconds: BoxOption = None,
    mask_seconds: MaskOption = None,
    instances: ObjectsOption = None,
    metric: Annotated[str, typer.Option(help="The score to plan for: ap50, ap70, ap75 or ap50_95.")] = "ap70",
    as_json: JsonOption = False,
) -> None:
    """Create a project from photos with any mixture of masks, boxes and no labels.

    The project gets a dataset of its own under its name; the photos are links where the disk allows it. Without prices,
    those of VOC2012 in the paper are used.
    """
    workspace = Workspace.here()
    given = PriceOptions("voc2012", prices, box_seconds, mask_seconds, instances=instances)
    settings = ProjectSettings(name, hours, given.prices(), metric)
    with progress_bar() as progress:
        project = new_project(settings, opened(photos, workspace), workspace, asked_names(classes), progress)
    _show_status(project, as_json)


@_project_app.command(epilog="Example: `splitlab project status fish --json`")
def status(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The project; by default all are listed.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the labels, hours and rounds of a project, or list the projects."""
    workspace = Workspace.here()
    if name is not None:
        _show_status(open_project(name, workspace), as_json)
        return
    names = project_names(workspace)
    if as_json:
        print_json(names)
    else:
        out.print("\n".join(names) if names else "There is no project yet. Create one: splitlab project new NAME.")


@_project_app.command(epilog="Examples: `splitlab project plan fish` · `splitlab project plan fish --hours 30 --json`")
def plan(name: _NameArgument, hours: _HoursOption = None, as_json: JsonOption = False) -> None:
    """Plan the hours that are left: by the paper's results, and by the pilot once it is trained."""
    project = open_project(name, Workspace.here())
    if hours is not None:
        project = change_settings(project, replace(project.settings, hours=hours))
    standing = standing_of(project)
    answers = [(basis, plan_rest(project, standing, basis)) for basis in bases_of(project, scores_of(project))]
    if as_json:
        print_json([_plan_in_json(basis, answer) for basis, answer in answers])
        return
    for basis, answer in answers:
        for line in _plan_in_words(project, basis, answer, standing):
            out.print(line, soft_wrap=True)
    if len(answers) == 1:
        out.print(f"Your own photos may differ: train a pilot with splitlab project pilot {name}.", soft_wrap=True)


@_project_app.command(epilog="Example: `splitlab project pilot fish --minutes 5`, then `splitlab worker`")
def pilot(
    name: _NameArgument,
    minutes: Annotated[float, typer.Option(help="About as long as each run may take on this machine.")] = 10.0,
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.")] = "cpu",
    as_json: JsonOption = False,
) -> None:
    """Queue four to six short runs on the labels so far, which narrow the plan's interval."""
    project = open_project(name, Workspace.here())
    _say_queued([run.name for run in queue_pilot(project, PilotSettings(minutes, device))], device, as_json)


@_project_app.command(epilog="Example: `splitlab project train fish`, then `splitlab worker`")
def train(
    name: _NameArgument,
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.")] = "cpu",
    as_json: JsonOption = False,
) -> None:
    """Queue a run on all labels so far; its score is compared with the forecast of the last round."""
    project = open_project(name, Workspace.here())
    _say_queued([run.name for run in queue_labels(project, device)], device, as_json)


@_project_app.command(
    "next",
    epilog="Examples: `splitlab project next fish --hours 4` · "
    "`splitlab project next fish --masks 20 --boxes 60 --format label-studio --draw-with runs/fish-round-1-40-0`",
)
def next_batch(
    name: _NameArgument,
    hours: Annotated[float | None, typer.Option(help="Hours of labelling in this batch.")] = None,
    masks: Annotated[int | None, typer.Option(help="Or the number of photos that get masks.")] = None,
    boxes: Annotated[int | None, typer.Option(help="And of those that get boxes.")] = None,
    file_format: _FormatOption = ExportFormat.CVAT,
    draw_with: _DrawOption = None,
    strategy: Annotated[
        str,
        typer.Option(
            help="How to choose: random, diversity; or with --draw-with disagreement, mask-quality, rarity, "
            "gain-per-hour."
        ),
    ] = RANDOM,
    as_json: JsonOption = False,
) -> None:
    """Choose the photos to label next, and write them for an annotation tool."""
    project = open_project(name, Workspace.here())
    standing, basis = standing_of(project), bases_of(project, scores_of(project))[-1]
    size = _size(project, standing, basis, hours, masks, boxes)
    with progress_bar() as progress:
        models = () if draw_with is None else (draw_with,)
        tasks = choose_batch(project, standing, size, strategy, models, progress)
        batch = start_round(project, tasks, expected_after(project, standing, basis, size), strategy)
        files = hand_over(project, batch, file_format, draw_with, progress)
    if as_json:
        print_json({**asdict(batch), "folder": str(files.folder)})
        return
    out.print(
        f"Round {batch.number}: draw masks on {batch.mask_count:,} photos and boxes on {batch.box_count:,}, about "
        f"{batch.hours:.1f} hours. The files are in {files.folder}; batch.csv lists each photo.",
        soft_wrap=True,
    )
    for step in files.steps:
        out.print(step, soft_wrap=True)
    out.print(f"When it is labelled: splitlab project take {name} EXPORT --hours HOURS", soft_wrap=True)


@_project_app.command(epilog="Example: `splitlab project files fish --round 2 --format coco`")
def files(
    name: _NameArgument,
    number: Annotated[int | None, typer.Option("--round", help="The round; by default the last.")] = None,
    file_format: _FormatOption = ExportFormat.CVAT,
    draw_with: _DrawOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the files of a round again, such as for another annotation tool."""
    project = open_project(name, Workspace.here())
    batch = round_named(project, number)
    with progress_bar() as progress:
        written = hand_over(project, batch, file_format, draw_with, progress)
    if as_json:
        print_json({"round": batch.number, "folder": str(written.folder)})
        return
    out.print(f"The files of round {batch.number} are in {written.folder}.", soft_wrap=True)
    for step in written.steps:
        out.print(step, soft_wrap=True)


@_project_app.command(
    "take",
    epilog="Examples: `splitlab project take fish cvat-export.zip --hours 3.5` · "
    "`splitlab project take fish project-7.json --dry-run --json`",
)
def take_back(
    name: _NameArgument,
    export: Annotated[Path, typer.Argument(metavar="EXPORT", help="A file, archive or folder of an annotation tool.")],
    hours: Annotated[
        float | None, typer.Option(help="The hours that the labels took; by default those that the prices say.")
    ] = None,
    replace_others: Annotated[
        bool, typer.Option("--replace", help="Also replace labels that contradict those in the export.")
    ] = False,
    empty: Annotated[
        bool, typer.Option("--empty-is-background", help="Photos without labels in the export show no object.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Merge labels that came back, photo by photo, and book the hours."""
    project = open_project(name, Workspace.here())
    with progress_bar() as progress:
        incoming = look_at(project, export, LabelState.WHOLE if empty else LabelState.NONE, progress)
    say(list(map(printable, incoming.problems)))
    chosen = (*incoming.new, *(incoming.conflicts if replace_others else ()))
    taken = None if dry_run else take(project, chosen, incoming.source, hours)
    if as_json:
        print_json({**_incoming_in_json(incoming), "taken": asdict(taken) if taken else None})
        return
    for line in _incoming_in_words(incoming, replaced=replace_others):
        out.print(line, soft_wrap=True)
    if taken is not None:
        stated = "" if taken.hours_are_real else ", by the prices; --hours books those that it took"
        out.print(
            f"Taken: {len(taken.masks):,} photos with masks, {len(taken.boxes):,} with boxes or no object; "
            f"{taken.hours:.1f} hours booked{stated}.",
            soft_wrap=True,
        )


@_project_app.command(epilog="Example: `splitlab project report fish --out fish.html`")
def report(
    name: _NameArgument,
    path: Annotated[Path, typer.Option("--out", help="The HTML file to write.")],
) -> None:
    """Write the project as one HTML file: labels, hours, rounds, forecast against fact."""
    # Imports plotly.
    from splitlab.project.report import report_html

    project = open_project(name, Workspace.here())
    write_bytes(path, report_html(project).encode())
    err.print(f"Report: {path}")


def _size(
    project: Project, standing: Standing, basis: Basis, hours: float | None, masks: int | None, boxes: int | None
) -> BatchSize:
    if hours is not None and masks is None and boxes is None:
        return batch_size(project, standing, plan_rest(project, standing, basis), hours)
    if hours is None and (masks is not None or boxes is not None):
        return BatchSize(masks or 0, boxes or 0)
    raise SettingsError("Give the hours of the batch, such as --hours 4, or its photos: --masks 20 --boxes 60.")


def _show_status(project: Project, as_json: bool) -> None:
    standing = standing_of(project)
    if as_json:
        print_json(_status_in_json(project, standing))
        return
    for sentence in summary_in_words(project, standing):
        out.print(sentence, soft_wrap=True)
    if standing.rounds:
        table = Table("round", "made", "masks", "boxes", "hours", "chosen by")
        for one in standing.rounds:
            counts = str(one.mask_count), str(one.box_count)
            table.add_row(str(one.number), one.made[:10], *counts, f"{one.hours:.1f}", one.strategy)
        out.print(table)
        out.print(f"{len(standing.open_tasks):,} photos that were handed out are not labelled yet.")
    else:
        out.print(f"Next: splitlab project plan {project.name}, then splitlab project next {project.name} --hours 4.")


def _status_in_json(project: Project, standing: Standing) -> dict[str, Any]:
    return {
        "name": project.name,
        "settings": project.settings.to_json(),
        **asdict(standing.pool),
        "val_images": standing.val_images,
        "hours_booked": round(standing.hours_booked, 2),
        "hours_left": round(standing.hours_left, 2),
        "rounds": len(standing.rounds),
        "takes": len(standing.takes),
        "open_photos": len(standing.open_tasks),
    }


def _plan_in_words(project: Project, basis: Basis, answer: PlanAnswer, standing: Standing) -> list[str]:
    best, metric = answer.plan.best, SHORT_METRICS[project.settings.metric]
    low, high = interval_of(basis, best)
    return [
        f"By {basis.in_words}:",
        f"{labels_to_make(best, standing.ahead)} ({best.hours:,.1f} hours): expect {metric} {shown(best.ap)} on your "
        f"photos (90% interval {shown(low)} to {shown(high)}).",
        *filter(None, (answer.ways_told, answer.limit_told)),
        *(f"Mind: {caveat}" for caveat in answer.caveats),
    ]


def _plan_in_json(basis: Basis, answer: PlanAnswer) -> dict[str, Any]:
    best = answer.plan.best
    low, high = interval_of(basis, best)
    numbers = {"hours": best.hours, "ap": best.ap, "low": low, "high": high}
    return {
        "full": best.full,
        "weak": best.weak,
        **{name: round(number, 2) for name, number in numbers.items()},
        "rests_on": basis.in_words,
        "source": basis.source,
        "caveats": list(answer.caveats),
    }


def _say_queued(runs: list[str], device: str, as_json: bool) -> None:
    if as_json:
        print_json(runs)
        return
    if not runs:
        out.print("These runs are done already.")
        return
    out.print(f"Queued: {', '.join(runs)}. Train them with: splitlab worker --device {device}", soft_wrap=True)


def _incoming_in_words(incoming: Incoming, replaced: bool) -> list[str]:
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(incoming.counts.items()))
    lines = [f"{incoming.source} ({incoming.format}): {counts}."]
    lines += [printable(f"{photo.file}: {photo.what}") for photo in incoming.photos if photo.what][:_MOST_SHOWN]
    if incoming.conflicts and not replaced:
        lines.append("Labels of the project stay where they contradict the export; --replace takes the export's.")
    if incoming.unknown:
        shown_names = printable(", ".join(incoming.unknown[:_FEW]))
        lines.append(f"{len(incoming.unknown):,} photos are not of this project, such as {shown_names}.")
    return lines


def _incoming_in_json(incoming: Incoming) -> dict[str, Any]:
    return {
        "source": incoming.source,
        "format": incoming.format,
        "photos": [
            {"file": photo.file, "outcome": str(photo.outcome), "what": photo.what} for photo in incoming.photos
        ],
        "unknown": list(incoming.unknown),
        "problems": list(incoming.problems),
    }
