"""The `few-shot` command: learn classes from a few masks, or from none."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from splitlab.budget.cost import Prices, cost_hours, prices_for
from splitlab.checkpoints.scores import read_scores
from splitlab.cli.options import say
from splitlab.cli.output import DataArgument, JsonOption, SeedOption, app, err, out, print_json, shown
from splitlab.cli.train_settings import (
    OthersOption,
    OutOption,
    QueuedOption,
    RecipeOption,
    chosen_settings,
    lasting_name,
    leave_to_worker,
    run_with,
    train_here,
    without_own,
)
from splitlab.data.classes import asked_names
from splitlab.data.fit_for_training import notes_on
from splitlab.data.open_dataset import open_dataset
from splitlab.errors import SettingsError
from splitlab.queue.queue import run_name
from splitlab.runs.run_folder import RunFolder
from splitlab.runs.spec import RunSpec
from splitlab.training.few_shot import (
    BACKBONE,
    F_SIZE,
    PAPER,
    background_images,
    class_scores,
    plan_few_shot,
    start_weights,
)
from splitlab.workspace import Workspace

# Settings that have their own option or come from the drawn split.
_OWN = {
    "data": "DATA",
    "classes": "--classes",
    "start_from": "--start-from",
    "seed": "--seed",
    "full": "--masks",
    "weak": "--masks",
    "drawn": "--masks",
}


@app.command(
    "few-shot",
    epilog="Examples: `splitlab few-shot embedded --masks 3 --classes 'moon jelly' --recipe embedded` · "
    "`splitlab few-shot VOC2012 --masks paper --start-from runs/cityscapes --recipe paper-few-shot`",
)
def few_shot(
    data: DataArgument,
    masks: Annotated[
        str, typer.Option(help="Masks of each class: 0 for zero-shot, `paper` for the paper's 17 images of VOC2012.")
    ] = "3",
    classes: Annotated[
        str | None, typer.Option(help='The classes to learn, such as `cat,"dog, big"`; all by default.')
    ] = None,
    start_from: Annotated[
        str, typer.Option(help="A checkpoint or run whose fitting weights to start from, or `backbone` for ImageNet's.")
    ] = BACKBONE,
    seed: SeedOption = 0,
    recipe: RecipeOption = "quick",
    others: OthersOption = None,
    folder: OutOption = None,
    queued: QueuedOption = False,
    as_json: JsonOption = False,
) -> None:
    """Learn classes from a few masks each and the boxes of all other images (Sec. 4.6 of the paper).

    An image that shows none of the classes is background, unless `--set background=false` leaves it out. Objects of
    other classes are left out of the labels; validation uses all images. Prints AP70 of each class, as in Table 4. A
    batch holds one mask image, as in the paper, unless `--set f_size=...` changes it. `splitlab train RUN` resumes the
    run.
    """
    workspace = Workspace.here()
    if queued and folder:
        run_name(workspace, str(folder))
    asked_names(classes)
    options = {"classes": classes, "f_size": F_SIZE}
    number = _masks(masks)
    settings = chosen_settings(recipe, options, without_own(others or [], _OWN), full=int(number != 0), weak=None)
    settings["start_from"] = start_weights(start_from, settings.get("model", RunSpec.model))
    name = lasting_name(data, workspace)
    dataset = open_dataset(name, workspace.data)
    spec, split = plan_few_shot(name, dataset, number, seed, settings)
    labels = _labels(spec, background_images(dataset, spec, split), prices_for(dataset.train.name))
    err.print(_in_words(labels))
    run = run_with(spec, split, folder, workspace)
    if queued:
        say(notes_on(dataset))
        leave_to_worker(workspace, str(run.path))
    elif train_here(run, workspace):
        _show_scores(run, labels, as_json)


def _masks(text: str) -> int | str:
    if text != PAPER and not text.isdecimal():
        raise SettingsError(f"--masks is '{text}'; give a number of masks per class, 0 for none, or the word {PAPER}.")
    return text if text == PAPER else int(text)


def _labels(spec: RunSpec, background: int, prices: Prices) -> dict[str, Any]:
    hours = cost_hours(spec.data.full, spec.data.weak, prices)
    return {
        "split": spec.data.split_name,
        "background": background,
        "cost_hours": round(hours, 1),
        "prices": prices.name,
    }


def _in_words(labels: dict[str, Any]) -> str:
    cost = f"Split {labels['split']}: labels cost {labels['cost_hours']:,.1f} hours by {labels['prices']} prices"
    if not labels["background"]:
        return f"{cost}."
    return (
        f"{cost} at most. {labels['background']:,} images of W show none of the classes: as background they need "
        "no box, but the prices have one cost for all images of W."
    )


def _show_scores(run: RunFolder, labels: dict[str, Any], as_json: bool) -> None:
    spec, scores = run.spec(), read_scores(run.scores_path)
    by_kind = {kind: class_scores(scores, "ap70", kind) for kind in ("mask", "box")}
    if as_json:
        print_json({"run": str(run.path), **labels, "drawn": spec.data.drawn, "ap70": by_kind})
        return
    out.print(f"Done: {run.path}")
    table = Table("AP70", *by_kind["mask"], title=f"{spec.data.drawn}, {spec.data.split_name}")
    for kind, of_kind in by_kind.items():
        table.add_row(kind, *map(shown, of_kind.values()))
    out.print(table)
    if not spec.learns_masks:
        err.print("This run has seen no mask: the masks it predicts come from its start weights, or from chance.")
