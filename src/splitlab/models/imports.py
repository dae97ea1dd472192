"""Import a checkpoint from a folder, an archive, or another project's file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, BinaryIO

from splitlab import __version__
from splitlab.checkpoints.checkpoint import CARD_NAME, Card, read_card, save_checkpoint
from splitlab.checkpoints.files import MOST_BYTES, new_checkpoint
from splitlab.data.archives import Limits, find_dataset_root, unpack
from splitlab.errors import CheckpointError, RunError, shown_as
from splitlab.io import swept_in_temp, write_json
from splitlab.models.detr.published import ForeignDetr, find_foreign_detr
from splitlab.models.foreign.reader import ForeignFile, read_foreign
from splitlab.models.foreign.yolov5 import ForeignYOLOv5, RunOptions, find_yolov5
from splitlab.models.registry import load_model

# The two files, the folder they may be in, and files that archivers add.
_LIMITS = Limits(members=20, total_bytes=sum(MOST_BYTES.values()), file_bytes=max(MOST_BYTES.values()))


def is_own(file: Path) -> bool:
    """Return whether a path is a checkpoint in SplitLab's format: a folder or a zip."""
    return file.is_dir() or file.suffix.lower() == ".zip"


def import_own(source: Path | BinaryIO, into: Path) -> Path:
    """Copy a checkpoint in SplitLab's format and name it after its new folder.

    Args:
        source: a folder, or a zip as a path or an open file; may be untrusted.
        into: the folder to create.

    Raises:
        CheckpointError: the folder exists, or the source has no checkpoint whose weights fit the model on its card.
        DataError: the zip is broken, malicious or too large.
        RunError: the folder cannot be written.
    """
    with new_checkpoint(into.name, into.parent) as draft:
        with _checkpoint_in(source, draft.parent) as found:
            _copy_two(found, draft)
        with shown_as(draft, _shown(source)):
            _, card = load_model(draft)
        if card.name != into.name:
            write_json(draft / CARD_NAME, asdict(replace(card, name=into.name)))
    return into


def card_in(source: BinaryIO) -> Card:
    """Read the card of a zipped checkpoint without storing it or loading its weights.

    Raises:
        CheckpointError: the zip has no card, or it is broken.
        DataError: the zip is broken, malicious or too large.
        RunError: there is no space for temporary files.
    """
    try:
        with (
            tempfile.TemporaryDirectory(prefix=swept_in_temp("splitlab-card-"), ignore_cleanup_errors=True) as place,
            _checkpoint_in(source, Path(place)) as found,
            shown_as(found, _shown(source)),
        ):
            return read_card(found)
    except OSError as error:
        raise RunError(
            f"{_shown(source)}: no temporary folder can be created ({error.strerror}). Free some space."
        ) from error


def _shown(source: Path | BinaryIO) -> str:
    return str(source if isinstance(source, Path) else getattr(source, "name", "The zip"))


@contextmanager
def _checkpoint_in(source: Path | BinaryIO, place: Path) -> Iterator[Path]:
    if isinstance(source, Path) and source.is_dir():
        yield source
    else:
        yield find_dataset_root(unpack(source, place / "whole", _LIMITS))


def _copy_two(found: Path, draft: Path) -> None:
    for name, most in MOST_BYTES.items():
        path = found / name
        if path.is_symlink() or not path.is_file() or path.stat().st_size > most:
            raise CheckpointError(
                f"{path.name} is missing, a link, or over {most:,} bytes. A checkpoint is a folder or zip of "
                f"{' and '.join(MOST_BYTES)}."
            )
        shutil.copyfile(path, draft / name)


def import_checkpoint(file: Path, into: Path) -> Path:
    """Convert a file of YOLOv5-seg or -cls (.pt), DETR or ResNet (.pth) to a checkpoint folder.

    Args:
        file: may be untrusted; no code in it is run.
        into: the folder to create; its name becomes the checkpoint's.

    Raises:
        CheckpointError: the file cannot be used, or the folder already holds a checkpoint.
        RunError: the folder cannot be written.
    """
    if (into / CARD_NAME).exists():
        raise CheckpointError(f"{into} already holds a checkpoint. Choose another name, or delete it.")
    foreign = read_foreign(file)
    try:
        found = find_foreign_detr(foreign.tree) or find_yolov5(foreign.tree)
        card = _card(foreign, found, into.name)
    except CheckpointError as error:
        raise CheckpointError(f"{file}: {error}") from error
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{into}: the folder cannot be created ({error.strerror}). Choose another.") from error
    save_checkpoint(into, found.weights, card)
    return into


def _card(foreign: ForeignFile, found: ForeignYOLOv5 | ForeignDetr, name: str) -> Card:
    """Fill in what is known; a split of 0/0 means unknown."""
    origin: dict[str, Any] = {"imported_from": foreign.path.name, "sha256": foreign.sha256, "splitlab": __version__}
    if isinstance(found, ForeignYOLOv5):
        options = found.options
    else:
        options = RunOptions(image_size=found.image_size, dataset=found.dataset)
    if isinstance(found, ForeignDetr) and not found.has_masks:
        origin["mask_head"] = "not in the file: masks are random until a run with mask_steps trains them"
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
