"""From a foreign file to a checkpoint folder of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from splitlab import __version__
from splitlab.errors import CheckpointError, RunError
from splitlab.models.detr.foreign_detr import ForeignDetr, find_foreign_detr
from splitlab.models.foreign_options import RunOptions
from splitlab.models.foreign_reader import ForeignFile, read_foreign
from splitlab.models.foreign_yolov5 import ForeignYOLOv5, find_yolov5
from splitlab.runs.checkpoint import CARD_NAME, Card, save_checkpoint


def import_checkpoint(file: Path, into: Path) -> Path:
    """Read a file of YOLOv5-seg or -cls (.pt), of DETR or a ResNet (.pth) once; write it as a checkpoint folder.

    Args:
        file: of any origin; nothing in it is run.
        into: the folder to make; its name becomes the checkpoint's.

    Raises:
        CheckpointError: the file cannot be used, or the folder holds a checkpoint already.
        RunError: the folder cannot be written.
    """
    if (into / CARD_NAME).exists():
        raise CheckpointError(f"{into} holds a checkpoint already. Choose another name, or delete it.")
    foreign = read_foreign(file)
    try:
        found = find_foreign_detr(foreign.tree) or find_yolov5(foreign.tree)
        card = _card(foreign, found, into.name)
    except CheckpointError as error:
        raise CheckpointError(f"{file}: {error}") from error
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{into}: the folder cannot be made ({error.strerror}). Choose another.") from error
    save_checkpoint(into, found.weights, card)
    return into


def _card(foreign: ForeignFile, found: ForeignYOLOv5 | ForeignDetr, name: str) -> Card:
    """Say what is known; a split of 0/0 is an unknown one."""
    origin: dict[str, Any] = {"imported_from": foreign.path.name, "sha256": foreign.sha256, "splitlab": __version__}
    if isinstance(found, ForeignYOLOv5):
        options = found.options
    else:
        options = RunOptions(image_size=found.image_size, dataset=found.dataset)
    if isinstance(found, ForeignDetr) and not found.has_masks:
        origin["mask_head"] = "the file has none: masks are random until a run with mask_steps teaches them"
    return Card(
        name=name,
        model=found.model,
        image_size=options.image_size,
        class_names=found.class_names,
        dataset=options.dataset,
        data_hash="",
        data_licence="unknown",
        full=options.full,
        weak=options.weak,
        seed=options.seed,
        split_hash="",
        steps=0,
        trained_by=origin | options.settings,
    )
