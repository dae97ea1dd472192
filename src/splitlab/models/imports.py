"""Import a checkpoint from a folder, an archive, or another project's file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from splitlab import __version__
from splitlab.checkpoints.checkpoint import CARD_NAME, Card, read_card, save_checkpoint
from splitlab.checkpoints.files import MOST_BYTES, new_checkpoint
from splitlab.checkpoints.weights import half_precision, without_loss
from splitlab.data.archives import Limits, find_dataset_root, unpack
from splitlab.data.classes import fitting_tables
from splitlab.errors import CheckpointError, RunError, shown_as
from splitlab.io import swept_in_temp, write_json
from splitlab.models.detr.published import ForeignDetr, find_foreign_detr
from splitlab.models.foreign.network import ForeignYOLO
from splitlab.models.foreign.options import RunOptions
from splitlab.models.foreign.reader import ForeignFile, read_foreign
from splitlab.models.foreign.ultralytics import find_ultralytics
from splitlab.models.foreign.yolov5 import find_yolov5
from splitlab.models.registry import load_model

# In `Card.trained_by`: the table that an imported checkpoint's class names come from.
_TABLE = "class_table"
# PyTorch writes it first.
_PYTORCH_ROOT = "data.pkl"
# Before the first member's name.
_ZIP_HEADER_BYTES = 30
# The two files, the folder they may be in, and files that archivers add.
_LIMITS = Limits(members=20, total_bytes=sum(MOST_BYTES.values()), file_bytes=max(MOST_BYTES.values()))


def is_own(file: Path | BinaryIO) -> bool:
    """Return whether a file or folder is a checkpoint in SplitLab's format, by its content; an open file is rewound.

    Other zips called .zip count too, unless they are PyTorch files: `import_own` says what they lack.
    """
    if isinstance(file, Path) and file.is_dir():
        return True
    first = _first_member(file)
    return first in MOST_BYTES or (PurePath(_shown(file)).suffix.lower() == ".zip" and first != _PYTORCH_ROOT)


def _first_member(file: Path | BinaryIO) -> str:
    """Return the name of a zip's first member without its folder; empty if the file is no zip or cannot be read.

    The list of members, at the end of a zip, can be made to fill memory.
    """
    try:
        if isinstance(file, Path):
            with file.open("rb") as opened:
                return _first_member(opened)
        start = file.read(_ZIP_HEADER_BYTES)
        name = file.read(int.from_bytes(start[26:28], "little")) if start.startswith(b"PK\3\4") else b""
        file.seek(0)
    except OSError:
        return ""
    return PurePath(name.decode(errors="replace")).name


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


def import_checkpoint(file: Path, into: Path, class_names: Sequence[str] | None = None) -> Path:
    """Convert another project's file to a checkpoint folder.

    YOLOv5-seg and -cls, YOLOv8-seg, YOLO11-seg and YOLO26-seg (.pt), DETR and ResNet (.pth) can be read.

    Args:
        file: may be untrusted; no code in it is run.
        into: the folder to create; its name becomes the checkpoint's.
        class_names: names in place of the file's, one for each class score; "N/A" where a number means no class.

    Raises:
        CheckpointError: the file cannot be used, the names do not fit, or the folder already holds a checkpoint.
        RunError: the folder cannot be written.
        SettingsError: the file needs a package that is not installed.
    """
    if (into / CARD_NAME).exists():
        raise CheckpointError(f"{into} already holds a checkpoint. Choose another name, or delete it.")
    foreign = read_foreign(file)
    try:
        found = find_foreign_detr(foreign.tree) or find_ultralytics(foreign.tree) or find_yolov5(foreign.tree)
        card = _named(_card(foreign, found, into.name), class_names)
    except CheckpointError as error:
        raise CheckpointError(f"{file}: {error}") from error
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{into}: the folder cannot be created ({error.strerror}). Choose another.") from error
    # DETR's files are in float32 and become half as large; YOLO's are in half precision already.
    save_checkpoint(into, found.weights, card, half_precision if isinstance(found, ForeignDetr) else without_loss)
    return into


def names_in_words(card: Card) -> list[str]:
    """Say in a sentence which class names a foreign file without names was given; empty if it has names."""
    count, taken = len(card.class_names), card.trained_by.get(_TABLE)
    fitting = fitting_tables(count)
    if taken in fitting:
        named = f"its {count} class numbers are taken as {taken}"
    elif card.finds_objects and all(name.removeprefix("class_").isdecimal() for name in card.class_names):
        named = f"its {count} classes are numbers"
    else:
        return []
    others = " and ".join(table for table in fitting if table != taken)
    named += f" ({others} would fit{' as well' if taken else ''})" if others else ""
    return [
        f"The file holds no class names, so {named}. Choose others with --class-names when importing it, or with "
        "--class-map or on the page when scoring it."
    ]


def _named(card: Card, class_names: Sequence[str] | None) -> Card:
    if class_names is None:
        return card
    if len(class_names) != len(card.class_names):
        raise CheckpointError(
            f"it has {len(card.class_names):,} class numbers, --class-names names {len(class_names):,}; give as many."
        )
    trained_by = {name: value for name, value in card.trained_by.items() if name != _TABLE}
    return replace(card, class_names=list(class_names), trained_by=trained_by)


def _card(foreign: ForeignFile, found: ForeignYOLO | ForeignDetr, name: str) -> Card:
    """Fill in what is known; a split of 0/0 means unknown."""
    origin: dict[str, Any] = {"imported_from": foreign.path.name, "sha256": foreign.sha256, "splitlab": __version__}
    if isinstance(found, ForeignYOLO):
        options = found.options
    else:
        options = RunOptions(image_size=found.image_size, dataset=found.dataset)
    if isinstance(found, ForeignDetr) and found.class_table:
        origin[_TABLE] = found.class_table
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
