"""Commands that work on checkpoints: import, export, show, download from a repository and upload to one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from splitlab.cli.output import JsonOption, app, out, print_json, progress_bar
from splitlab.errors import CheckpointError
from splitlab.runs.atomic_files import check_place, write_bytes
from splitlab.runs.card_in_words import card_in_words, megabytes
from splitlab.runs.checkpoint import read_card
from splitlab.runs.checkpoint_files import facts_of, zipped
from splitlab.runs.checkpoint_names import checked_name, proposed_name
from splitlab.runs.store import weights_folder
from splitlab.workspace import Workspace

CheckpointArgument = Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="A checkpoint's folder, or a run's.")]

checkpoint_app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
app.add_typer(checkpoint_app, name="checkpoint", help="Import, export, show and share checkpoints.")


@checkpoint_app.command(
    "import",
    epilog="Examples: `splitlab checkpoint import yolov5s-seg.pt --name coco-yolov5s` · "
    "`splitlab checkpoint import from-a-friend.zip`, then `splitlab predict`",
)
def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A .pt or .pth file of YOLOv5, DETR or the authors; a zip or folder of our own format."
        ),
    ],
    name: Annotated[str | None, typer.Option(help="What to call it; the file's name where left out.")] = None,
) -> None:
    """Take a checkpoint into the work space. Nothing in it is run.

    A foreign file is read by a process of its own, without network, within limits of memory and time. One of our own
    format is kept if the model on its card takes its weights.
    """
    from splitlab.models.checkpoint_import import import_own, is_own
    from splitlab.models.foreign_import import import_checkpoint

    into = Workspace.here().imported / checked_name(name or proposed_name(file.stem))
    folder = import_own(file, into) if is_own(file) else import_checkpoint(file, into)
    card = read_card(folder)
    out.print(f"{card.model}, {len(card.class_names)} classes, {card.image_size} px: {folder}", highlight=False)


@checkpoint_app.command(
    epilog="Examples: `splitlab checkpoint export checkpoints/pets-30-330 pets.onnx` · "
    "`splitlab checkpoint export workspace/runs/mine mine.zip`"
)
def export(
    folder: CheckpointArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The .onnx or .zip file to write.")],
) -> None:
    """Write a checkpoint as ONNX, for other tools, or as a zip, for `splitlab checkpoint import` elsewhere.

    An ONNX file is run once, and must answer as the model does.
    """
    folder = weights_folder(folder)
    check_place(file)
    match file.suffix.lower():
        case ".onnx":
            _export_onnx(folder, file)
        case ".zip":
            write_bytes(file, zipped(folder))
            out.print(f"{file}: {megabytes(file.stat().st_size)}", highlight=False)
        case _:
            raise CheckpointError(f"{file}: a checkpoint is written as .onnx or .zip. Name the file so.")


def _export_onnx(folder: Path, file: Path) -> None:
    from splitlab.models.load import load_model
    from splitlab.models.onnx_export import export_onnx

    model, card = load_model(folder)
    outputs = export_onnx(model, card.image_size, file)
    out.print(f"{file}: takes images (1, 3, {card.image_size}, {card.image_size}), RGB, 0 to 1; answers")
    for name, shape in outputs.items():
        out.print(f"  {name} {shape}", highlight=False)


@checkpoint_app.command(epilog="Example: `splitlab checkpoint show checkpoints/pets-30-330 --json`")
def show(folder: CheckpointArgument, as_json: JsonOption = False) -> None:
    """Show what a checkpoint is, without loading it: model, data, licence, split, scores, size, sha256.

    --json has the whole card, with the settings it was trained by.
    """
    folder = weights_folder(folder)
    card, files = read_card(folder), facts_of(folder)
    if as_json:
        print_json({**asdict(card), "files": {name: asdict(facts) for name, facts in files.items()}})
        return
    out.print(card.name, highlight=False)
    for what, text in card_in_words(card, files).items():
        out.print(f"  {what:22}{text}", highlight=False, soft_wrap=True)


@checkpoint_app.command(
    epilog="Examples: `splitlab checkpoint get owner/name` · `splitlab checkpoint get owner/name@v1 --name theirs`"
)
def get(
    repository: Annotated[
        str, typer.Argument(metavar="REPOSITORY", help="owner/name or owner/name@revision: a branch, tag or commit.")
    ],
    name: Annotated[str | None, typer.Option(help="What to call it; the repository's name where left out.")] = None,
) -> None:
    """Download a checkpoint from a Hugging Face repository into the work space.

    It is kept if the model on its card takes its weights. The commit is shown: with it, the same command downloads
    the same files. HF_ENDPOINT names another server.
    """
    from splitlab.models.checkpoint_repository import find_checkpoint, get_checkpoint

    found = find_checkpoint(repository)
    into = Workspace.here().imported / checked_name(name or proposed_name(found.repository.rpartition("/")[2]))
    with progress_bar() as progress:
        folder = get_checkpoint(found, into, progress)
    out.print(f"{found.pinned} is here: {folder}", highlight=False, soft_wrap=True)


@checkpoint_app.command(epilog="Example: `splitlab checkpoint push workspace/runs/mine owner/name`")
def push(
    folder: CheckpointArgument,
    repository: Annotated[str, typer.Argument(metavar="REPOSITORY", help="owner/name; made if it does not exist.")],
    public: Annotated[bool, typer.Option("--public", help="Let everybody see a new repository.")] = False,
) -> None:
    """Upload a checkpoint to a Hugging Face repository, which is private if it is new.

    Log in first: `hf auth login`.
    """
    from splitlab.models.checkpoint_repository import push_checkpoint

    pinned = push_checkpoint(weights_folder(folder), repository, private=not public)
    out.print(f"Others get it by: splitlab checkpoint get {pinned}", highlight=False, soft_wrap=True)
