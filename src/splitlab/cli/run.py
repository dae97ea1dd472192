"""Commands for models: train, evaluate and runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from splitlab.checkpoints.checkpoint import CARD_NAME, read_card
from splitlab.checkpoints.scores import of_cut_masks, read_scores, scored_on
from splitlab.cli.options import ClassMapOption, MasksOption, are_cut, class_maps_of, opened, refuse_others, say
from splitlab.cli.output import JsonOption, SeedOption, app, err, out, print_json, progress_bar, shown
from splitlab.cli.train_settings import (
    OthersOption,
    OutOption,
    QueuedOption,
    RecipeOption,
    chosen_settings,
    lasting_name,
    lasting_start,
    leave_to_worker,
    run_with,
    train_here,
    value_of,
    without_own,
)
from splitlab.data.open_dataset import dataset_names
from splitlab.data.split import read_split
from splitlab.errors import RunError
from splitlab.evaluation.class_map import map_in_words, scored_in_words
from splitlab.queue.queue import run_name
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import RunSpec
from splitlab.runs.store import list_runs, weights_folder
from splitlab.workspace import Workspace

# Settings that have their own option.
_OWN = {"data": "DATA", "full": "--full", "weak": "--weak", "seed": "--seed", "drawn": "--split"}

# torch takes seconds to import, so commands import what needs it themselves.


@app.command(
    epilog="Examples: `splitlab train embedded --full 30 --weak 150 --steps 300 --out runs/first` · "
    "to resume: `splitlab train runs/first`"
)
def train(
    context: typer.Context,
    path: Annotated[str, typer.Argument(metavar="DATA|RUN", help="A dataset to train on, or a run to resume.")],
    full: Annotated[int | None, typer.Option(help="|F|: images with masks.")] = None,
    weak: Annotated[int, typer.Option(help="|W|: images with boxes only.")] = 0,
    seed: SeedOption = 0,
    recipe: RecipeOption = "quick",
    model: Annotated[str | None, typer.Option(help="A model's name, such as yolov5n-seg.")] = None,
    steps: Annotated[int | None, typer.Option(help="Iterations of one batch each, in all stages.")] = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the training images in pixels.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images in a batch.")] = None,
    f_size: Annotated[str | None, typer.Option(help="Mask images in a mixed batch, or `auto`.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate of the optimizer.")] = None,
    anchors: Annotated[str | None, typer.Option(help="`paper`, or `auto` to fit them to the boxes.")] = None,
    start_from: Annotated[
        str | None, typer.Option(help="A checkpoint or run whose weights to start from, or `pretrained`.")
    ] = None,
    evaluate_every: Annotated[int | None, typer.Option(help="Steps between evaluations.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or mps.")] = None,
    tracker: Annotated[str | None, typer.Option(help="Also log to tensorboard, wandb or mlflow.")] = None,
    others: OthersOption = None,
    split: Annotated[Path | None, typer.Option(help="A split file from `splitlab split`, instead of sizes.")] = None,
    folder: OutOption = None,
    queued: QueuedOption = False,
) -> None:
    """Train a model on batches that mix mask images and box images.

    Ctrl-C stops after the current step; `splitlab train` with the run folder resumes from there.
    """
    workspace = Workspace.here()
    if queued and folder:
        run_name(workspace, str(folder))
    if (Path(path) / "spec.json").is_file():
        refuse_others(
            context,
            ("path", "queued"),
            f"{path} is a run, which keeps its settings. Leave this out to resume it, or start a new run from it with: "
            f"splitlab train DATA --start-from {path}",
        )
        run = RunFolder.open(Path(path))
    else:
        _require_data(path, workspace)
        drawn = read_split(split) if split else None
        if drawn is not None:
            used = set(context.params) - {"full", "weak"}
            refuse_others(context, used, f"{split} already sets the images of F and W. Leave out this or the file.")
        if full is None and drawn is None:
            raise RunError(f"{path}: give the number of images with masks, such as --full 30, or a --split file.")
        size_of_f, size_of_w = (len(drawn.full), len(drawn.weak)) if drawn else (full or 0, weak)
        options = {
            "model": model,
            "steps": steps,
            "image_size": image_size,
            "batch_size": batch_size,
            "f_size": None if f_size is None else value_of(f_size),
            "learning_rate": learning_rate,
            "anchors": anchors,
            "start_from": start_from and lasting_start(start_from),
            "evaluate_every": evaluate_every,
            "device": device,
            "tracker": tracker,
        }
        spec = RunSpec.from_json(
            {
                "data": lasting_name(path, workspace),
                "full": size_of_f,
                "weak": size_of_w,
                "seed": seed,
                "drawn": drawn.drawn if drawn else "random",
                **chosen_settings(recipe, options, without_own(others or [], _OWN), size_of_f, size_of_w),
            }
        )
        run = run_with(spec, drawn, folder, workspace)
    if queued:
        leave_to_worker(workspace, str(run.path))
    elif train_here(run, workspace):
        out.print(f"Done: {run.path}")
        _print_scores(read_scores(run.scores_path), Path(run.spec().data.source).name)


def _require_data(path: str, workspace: Workspace) -> None:
    names = dataset_names(workspace.data)
    if path not in names and not Path(path).exists():
        raise RunError(
            f"{path} is not a file, a folder or the name of a dataset. Give a run folder to resume, a dataset's folder "
            f"or one of {', '.join(names)}."
        )


@app.command(
    epilog="Examples: `splitlab evaluate runs/first --json` · "
    "`splitlab evaluate checkpoints/pets-30-330 --data path/to/pets`"
)
def evaluate(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder; with --data also a checkpoint.")],
    data: Annotated[str | None, typer.Option(help="Score on the val images of this dataset instead.")] = None,
    masks: MasksOption = None,
    class_map: ClassMapOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score a trained model on the val images: AP50, AP70, AP75, AP50:95 of masks and boxes, 0 to 100.

    A run keeps the scores and the choice of `--masks`, which its checkpoint uses from then on. On a dataset with other
    class names, classes are matched by name or by --class-map; scores are then means over the classes that the model
    knows.
    """
    from splitlab.training.experiment import evaluate_checkpoint, evaluate_run

    workspace = Workspace.here()
    if data is None and (path / CARD_NAME).is_file():
        raise RunError(f"{path} is a checkpoint, which has no images of its own. Add --data, such as --data embedded.")
    if data is None:
        if class_map:
            raise RunError("--class-map needs --data: a run's own dataset has the model's classes.")
        with progress_bar() as progress:
            scores = evaluate_run(RunFolder.open(path), workspace.data, progress, are_cut(masks))
    else:
        folder, dataset = weights_folder(path), opened(data, workspace, ("val",)).val
        (classes,) = class_maps_of([folder], dataset, class_map)
        with progress_bar() as progress:
            scores = evaluate_checkpoint(folder, dataset, progress, classes, are_cut(masks))
        if not classes.is_own:
            say(map_in_words(classes, read_card(folder).name, dataset.name))
            say(scored_in_words(classes.known, dataset.class_names, dataset.name))
            scores = scores | {"classes": classes.to_json()}
    if as_json:
        print_json(scores)
    else:
        _print_scores(scores, data or "")


@app.command(epilog="Examples: `splitlab runs --json` · `splitlab runs --tag voc-grid`")
def runs(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="A folder of run folders."),
    ] = None,
    tag: Annotated[str | None, typer.Option(help="Only runs with this tag, such as a sweep's name.")] = None,
    rows: Annotated[int, typer.Option(min=1, help="The most rows in the table; JSON has all.")] = 200,
    as_json: JsonOption = False,
) -> None:
    """List the training runs, newest first: split, model, progress and mask AP."""
    if folder is not None and not folder.is_dir():
        raise RunError(f"{folder} is not a folder. Give the folder of the run folders, or none for the workspace's.")
    found = list_runs(folder or Workspace.here().runs)
    summaries = [summary for summary in found if tag is None or tag in summary.notes.tags]
    if as_json:
        print_json([summary.to_json() for summary in summaries])
        return
    on = "AP of masks, on each run's own val images"
    table = Table(Column("run", no_wrap=True), "data", "F/W", "model", "state", "step", "AP50", "AP70", caption=on)
    for summary in summaries[:rows]:
        mask = summary.scores.get("mask", {})
        table.add_row(
            summary.name,
            Path(summary.spec.data.source).name,
            summary.spec.data.split_name,
            summary.spec.model,
            summary.status.state,
            f"{summary.status.step}/{summary.status.steps}",
            shown(mask.get("ap50")),
            shown(mask.get("ap70")),
        )
    out.print(table if summaries else "No runs yet. Start one with: splitlab train embedded --full 30 --weak 150")
    for summary in summaries[:rows]:
        if summary.status.state == State.FAILED:
            err.print(f"{summary.name}: {summary.status.message}")
    if len(summaries) > rows:
        err.print(f"{len(summaries) - rows:,} older runs are not shown; see --rows, --tag and --json.")


def _print_scores(scores: dict[str, Any], dataset: str) -> None:
    table = Table("", "AP50", "AP70", "AP75", "AP50:95", caption=f"on {scored_on(scores, dataset)}")
    for kind in ("mask", "box"):
        table.add_row(kind, *(shown(scores.get(kind, {}).get(name)) for name in ("ap50", "ap70", "ap75", "ap50_95")))
    out.print(table)
    if not of_cut_masks(scores):
        out.print("Masks are not cut to their boxes.")
