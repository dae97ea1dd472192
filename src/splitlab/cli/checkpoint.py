"""Commands for checkpoints: import, export, show, get, push, publish and shrink."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from splitlab.checkpoints.checkpoint import (
    checked_name,
    proposed_name,
    read_card,
    read_weights,
    save_checkpoint,
    write_card,
)
from splitlab.checkpoints.files import card_in_words, facts_of, megabytes, new_checkpoint, publish, zipped
from splitlab.checkpoints.weights import eight_bits
from splitlab.cli.options import opened, say
from splitlab.cli.output import JsonOption, app, out, print_json, progress_bar
from splitlab.cli.queue import RunArgument
from splitlab.data.classes import TABLES
from splitlab.data.dataset import Dataset
from splitlab.errors import CheckpointError, SettingsError
from splitlab.evaluation.asked_class_map import read_asked
from splitlab.evaluation.class_map import few
from splitlab.io import Progress, check_place, write_bytes
from splitlab.queue.queue import run_named
from splitlab.runs.store import weights_folder
from splitlab.workspace import Workspace

_CheckpointArgument = Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="The folder of a checkpoint or run.")]

_checkpoint_app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
app.add_typer(_checkpoint_app, name="checkpoint", help="Import, export, show and share checkpoints.")


@_checkpoint_app.command(
    "import",
    epilog="Examples: `splitlab checkpoint import yolov5s-seg.pt --name coco-yolov5s` · "
    "`splitlab checkpoint import from-a-friend.zip`, then `splitlab predict`",
)
def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A .pt or .pth file of YOLOv5, YOLOv8, YOLO11, YOLO26, DETR or the authors; or SplitLab's zip or "
            "folder.",
        ),
    ],
    name: Annotated[str | None, typer.Option(help="A name for it; by default the file's.")] = None,
    class_names: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Class names in place of a foreign file's: "
            f"{', '.join(TABLES)}, or a YAML file with `names`, as in YOLO's data files.",
        ),
    ] = None,
) -> None:
    """Import a checkpoint into the workspace without running any code in it.

    A foreign file is read in a separate process without network, with limited memory and time. A checkpoint in
    SplitLab's format is kept if the model on its card accepts its weights.
    """
    from splitlab.models.imports import import_checkpoint, import_own, is_own, names_in_words

    into = Workspace.here().imported / checked_name(name or proposed_name(file.stem))
    names = _asked_names(class_names)
    own = is_own(file)
    if own and names is not None:
        raise SettingsError(f"--class-names: {file} is a checkpoint of SplitLab, whose card names its classes.")
    card = read_card(import_own(file, into) if own else import_checkpoint(file, into, names))
    out.print(f"{card.model}, {len(card.used_names)} classes, {card.image_size} px: {into}")
    if not own:
        say(names_in_words(card))


def _asked_names(word: str | None) -> tuple[str, ...] | None:
    names = None if word is None else read_asked([word]).names
    if word is not None and names is None:
        raise SettingsError(
            f"--class-names {word}: must be {', '.join(TABLES)}, or a YAML file whose 'names' lists the classes."
        )
    return names


@_checkpoint_app.command(
    epilog="Examples: `splitlab checkpoint export checkpoints/pets-30-330 pets.onnx` · "
    "`splitlab checkpoint export workspace/runs/mine mine.zip`"
)
def export(
    folder: _CheckpointArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The .onnx or .zip file to write.")],
) -> None:
    """Write a checkpoint as ONNX, for other tools, or as a zip, for `splitlab checkpoint import` elsewhere.

    An ONNX file is run once, and its outputs must equal those of the model.
    """
    folder = weights_folder(folder)
    check_place(file)
    match file.suffix.lower():
        case ".onnx":
            _export_onnx(folder, file)
        case ".zip":
            write_bytes(file, zipped(folder))
            out.print(f"{file}: {megabytes(file.stat().st_size)}")
        case _:
            raise CheckpointError(f"{file}: a checkpoint is written as .onnx or .zip. Use one of these endings.")


def _export_onnx(folder: Path, file: Path) -> None:
    from splitlab.models.onnx_export import export_onnx
    from splitlab.models.registry import load_model

    model, card = load_model(folder)
    outputs = export_onnx(model, card.image_size, file)
    out.print(f"{file}: takes images (1, 3, {card.image_size}, {card.image_size}), RGB, 0 to 1; returns")
    for name, shape in outputs.items():
        out.print(f"  {name} {shape}")


@_checkpoint_app.command(epilog="Example: `splitlab checkpoint show checkpoints/pets-30-330 --json`")
def show(folder: _CheckpointArgument, as_json: JsonOption = False) -> None:
    """Show a checkpoint's model, data, licence, split, scores, size and sha256, without loading it.

    --json prints the whole card, including the training settings.
    """
    folder = weights_folder(folder)
    card, files = read_card(folder), facts_of(folder)
    if as_json:
        print_json({**asdict(card), "files": {name: asdict(facts) for name, facts in files.items()}})
        return
    out.print(card.name)
    for what, text in card_in_words(card, files).items():
        out.print(f"  {what:22}{text}", soft_wrap=True)


@_checkpoint_app.command(
    epilog="Examples: `splitlab checkpoint get owner/name` · `splitlab checkpoint get owner/name@v1 --name theirs`"
)
def get(
    repository: Annotated[
        str, typer.Argument(metavar="REPOSITORY", help="owner/name or owner/name@revision: a branch, tag or commit.")
    ],
    name: Annotated[str | None, typer.Option(help="A name for it; by default the repository's.")] = None,
) -> None:
    """Download a checkpoint from a Hugging Face repository into the workspace.

    It is kept if the model on its card accepts its weights. The output names the commit, with which the same command
    downloads the same files again. HF_ENDPOINT sets another server.
    """
    from splitlab.models.checkpoint_repository import find_checkpoint, get_checkpoint

    found = find_checkpoint(repository)
    into = Workspace.here().imported / checked_name(name or proposed_name(found.repository.rpartition("/")[2]))
    with progress_bar() as progress:
        folder = get_checkpoint(found, into, progress)
    out.print(f"{found.pinned} is here: {folder}", soft_wrap=True)


@_checkpoint_app.command(epilog="Example: `splitlab checkpoint push workspace/runs/mine owner/name`")
def push(
    folder: _CheckpointArgument,
    repository: Annotated[str, typer.Argument(metavar="REPOSITORY", help="owner/name; created if it does not exist.")],
    public: Annotated[bool, typer.Option("--public", help="Make a new repository public.")] = False,
) -> None:
    """Upload a checkpoint to a Hugging Face repository, which is private if it is new.

    Log in first: `hf auth login`.
    """
    from splitlab.models.checkpoint_repository import push_checkpoint

    pinned = push_checkpoint(weights_folder(folder), repository, private=not public)
    out.print(f"Others get it with: splitlab checkpoint get {pinned}", soft_wrap=True)


@_checkpoint_app.command("publish", epilog="Example: `splitlab checkpoint publish pets-30-450-1 --name pets-30-450`")
def publish_run(
    run: RunArgument,
    name: Annotated[str | None, typer.Option(help="A name for it; by default the run's.")] = None,
) -> None:
    """Copy a run's model to the workspace's checkpoints, in half precision; the run stays as it is."""
    workspace = Workspace.here()
    folder = run_named(workspace, run)
    made = publish(folder.path, name or proposed_name(folder.name), workspace.imported)
    out.print(f"{made.name}, {megabytes(_size(made))}: {made}", soft_wrap=True)


@_checkpoint_app.command(
    epilog="Example: `splitlab checkpoint shrink pets-30-450-1 --name pets-30-450 --data path/to/pets`"
)
def shrink(
    folder: _CheckpointArgument,
    name: Annotated[str, typer.Option(help="A name for the copy.")],
    data: Annotated[str, typer.Option(help="The dataset on whose val images it is scored.")],
    into: Annotated[Path | None, typer.Option(help="A folder of checkpoints; by default the workspace's.")] = None,
) -> None:
    """Copy a checkpoint with 8 bits a weight, half the size of half precision, and score the copy.

    Prints both scores; the card holds those of the copy.
    """
    workspace, folder = Workspace.here(), weights_folder(folder)
    with progress_bar() as progress:
        val = opened(data, workspace, ("val",)).val
        made = _shrink_checkpoint(folder, name, into or workspace.imported, val, progress)
    for checkpoint in (folder, made):
        lines = card_in_words(read_card(checkpoint), {})
        scores = f"{lines['mask AP']}, on {lines['scored on']}" if "scored on" in lines else lines["mask AP"]
        out.print(f"{megabytes(_size(checkpoint))}: {scores}", soft_wrap=True)
    out.print(f"{made.name}: {made}", soft_wrap=True)


def _shrink_checkpoint(checkpoint: Path, name: str, into: Path, dataset: Dataset, progress: Progress) -> Path:
    """Copy a checkpoint with 8 bits a weight, with the scores of the copy on its card; return the copy's folder.

    Raises:
        CheckpointError: the name is invalid or taken, or the checkpoint is incomplete or has other classes.
        RunError: the folder cannot be written.
    """
    from splitlab.training.experiment import evaluate_checkpoint

    card, weights = read_card(checkpoint), read_weights(checkpoint)
    card = replace(card, name=name, trained_by=card.trained_by | {"stored": "8 bits a weight"}, scores={})
    with new_checkpoint(name, into) as draft:
        save_checkpoint(draft, weights, card, eight_bits)
        if card.class_names != list(dataset.class_names):
            raise CheckpointError(
                f"{checkpoint} has the classes {few(card.used_names)}, '{dataset.name}' has "
                f"{few(dataset.class_names)}. Give a dataset of the checkpoint's own classes."
            )
        scores = evaluate_checkpoint(draft, dataset, progress)
        write_card(draft, replace(card, scores=scores))
    return into / name


def _size(checkpoint: Path) -> int:
    return sum(facts.bytes for facts in facts_of(checkpoint).values())
