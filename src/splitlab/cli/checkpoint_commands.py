"""Commands that work on checkpoints: import, export, show."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from splitlab.cli.output import JsonOption, app, out, print_json
from splitlab.runs.checkpoint import read_card
from splitlab.workspace import Workspace

checkpoint_app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
app.add_typer(checkpoint_app, name="checkpoint", help="Import and export checkpoints, and show what they are.")


@checkpoint_app.command(
    "import", epilog="Example: `splitlab checkpoint import yolov5s-seg.pt --name coco-yolov5s`, then `splitlab predict`"
)
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .pt or .pth file of YOLOv5, DETR or the authors.")],
    name: Annotated[str | None, typer.Option(help="What to call it; the file's name where left out.")] = None,
) -> None:
    """Turn a foreign file into a checkpoint of ours. Nothing in the file is run.

    It is read by a process of its own, without network, within limits of memory and time.
    """
    from splitlab.models.foreign_import import import_checkpoint

    folder = import_checkpoint(file, Workspace.here().imported / (name or file.stem))
    card = read_card(folder)
    out.print(f"{card.model}, {len(card.class_names)} classes, {card.image_size} px: {folder}", highlight=False)


@checkpoint_app.command(epilog="Example: `splitlab checkpoint export checkpoints/pets-30-450 pets.onnx`")
def export(
    folder: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="A checkpoint folder.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The .onnx file to write.")],
) -> None:
    """Write a model as ONNX, and check with onnxruntime that it answers as the model does."""
    from splitlab.models.load import load_model
    from splitlab.models.onnx_export import export_onnx

    model, card = load_model(folder)
    outputs = export_onnx(model, card.image_size, file)
    out.print(f"{file}: takes images (1, 3, {card.image_size}, {card.image_size}), RGB, 0 to 1; answers")
    for name, shape in outputs.items():
        out.print(f"  {name} {shape}", highlight=False)


@checkpoint_app.command(epilog="Example: `splitlab checkpoint show checkpoints/pets-30-450 --json`")
def show(
    folder: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="A checkpoint folder.")],
    as_json: JsonOption = False,
) -> None:
    """Show a checkpoint's card: model, classes, split, scores, where it comes from."""
    card = read_card(folder)
    if as_json:
        print_json(asdict(card))
    else:
        out.print_json(data=asdict(card))
