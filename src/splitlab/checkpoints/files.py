"""The files of a checkpoint: their sizes and checksums, the card in words, and publishing a run."""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from splitlab.checkpoints.checkpoint import (
    CARD_NAME,
    MAX_CARD_BYTES,
    WEIGHTS_NAME,
    Card,
    checked_name,
    read_card,
    read_weights,
    save_checkpoint,
)
from splitlab.checkpoints.scores import of_cut_masks, scored_on
from splitlab.errors import CheckpointError, RunError
from splitlab.io import swept
from splitlab.shown_numbers import shown

# The largest supported model has 400 MB in full precision.
MOST_BYTES = {WEIGHTS_NAME: 1_000_000_000, CARD_NAME: MAX_CARD_BYTES}
# A fixed date makes zips of equal checkpoints identical.
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_MOST_CLASSES = 12
_LENGTHS = ("epochs", "iterations")
_SCORES = {"ap50": "AP50", "ap70": "AP70", "ap75": "AP75", "ap50_95": "AP50:95"}


@dataclass(frozen=True)
class FileFacts:
    """The size and the SHA-256 checksum of a file."""

    bytes: int
    sha256: str


def facts_of(folder: Path) -> dict[str, FileFacts]:
    """Return size and SHA-256 of a checkpoint's files by name.

    Raises:
        CheckpointError: a file is missing, too large or cannot be read.
    """
    return {name: _facts(folder / name, most) for name, most in MOST_BYTES.items()}


def _facts(path: Path, most: int) -> FileFacts:
    try:
        size = path.stat().st_size
        if not path.is_file() or size > most:
            raise CheckpointError(f"{path} is not a file of at most {most:,} bytes, so not part of a checkpoint.")
        with path.open("rb") as file:
            return FileFacts(size, hashlib.file_digest(file, "sha256").hexdigest())
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}). Check the path.") from error


def zipped(folder: Path) -> bytes:
    """Return a checkpoint as a zip of its two files."""
    read_card(folder)
    buffer = io.BytesIO()
    # Compression does not make weights smaller.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in facts_of(folder):
            archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), (folder / name).read_bytes())
    return buffer.getvalue()


def card_in_words(card: Card, files: dict[str, FileFacts]) -> dict[str, str]:
    """Describe a checkpoint as labelled lines: model, masks, classes, data, split, steps, scores, size, sha256."""
    lines = {
        "model": f"{card.model}, {card.image_size} px",
        **({"boxes": "moved halfway to the rectangles around their masks"} if card.refines_boxes else {}),
        "masks": "cut to their boxes" if card.cuts_masks else "not cut to their boxes",
        "classes": f"{len(card.used_names):,}: {_few(card.used_names)}",
        "dataset": card.dataset or "unknown",
        "licence of the data": card.data_licence or "unknown",
        "split": f"{card.split_name}, seed {card.seed}" if card.full or card.weak else "unknown",
        "steps": f"{card.steps:,}" if card.steps else _epochs(card),
        "mask AP": _scores(card, "mask") + _other_masks(card),
        "box AP": _scores(card, "box"),
        **({"scored on": scored_on(card.scores, card.dataset)} if card.scores else {}),
    }
    for kept in card.class_maps:
        lines[f"classes in {kept['dataset']}"] = _pairs(card, kept["counterparts"])
    if files:
        lines["size"] = megabytes(sum(facts.bytes for facts in files.values()))
        lines["sha256 of the weights"] = files[WEIGHTS_NAME].sha256
    return lines


def megabytes(size: int) -> str:
    """Format a file size, such as 8.2 MB."""
    return f"{size / 1e6:,.1f} MB"


def _few(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:_MOST_CLASSES]) + (" …" if len(names) > _MOST_CLASSES else "")


def _other_masks(card: Card) -> str:
    """Note that older versions scored other masks than the checkpoint's, such as DETR masks that were cut."""
    if not card.scores or card.cuts_masks == of_cut_masks(card.scores):
        return ""
    return " (measured on masks cut to their boxes; evaluate it again)"


def _pairs(card: Card, counterparts: list[str | None]) -> str:
    pairs = zip(card.class_names, counterparts, strict=True)
    return _few(f"{name} as {other}" for name, other in pairs if other is not None)


def _epochs(card: Card) -> str:
    """Return the planned length of an imported training run; the file may hold weights of an earlier epoch."""
    lengths = [f"{card.trained_by[name]:,} {name}" for name in _LENGTHS if isinstance(card.trained_by.get(name), int)]
    return f"unknown, of {', '.join(lengths)}" if lengths else "unknown"


def _scores(card: Card, kind: str) -> str:
    scores = card.scores.get(kind, {})
    parts = [f"{label} {shown(scores[name])}" for name, label in _SCORES.items() if scores.get(name) is not None]
    return ", ".join(parts) or "not scored"


@contextmanager
def new_checkpoint(name: str, into: Path) -> Iterator[Path]:
    """Yield an empty folder for a new checkpoint, which is moved into `into` if the block succeeds.

    Until then it is hidden from listings, so an interruption leaves no incomplete checkpoint.

    Raises:
        CheckpointError: the name is invalid or taken.
        RunError: the folder cannot be written.
    """
    folder = into / checked_name(name)
    if folder.exists():
        raise CheckpointError(f"{folder} already exists. Choose another name, or delete it.")
    try:
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=swept(".new-", into), dir=into) as place:
            draft = Path(place) / "draft"
            draft.mkdir()
            yield draft
            draft.rename(folder)
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror}). Free some space or choose another.") from error


def publish(run: Path, name: str, into: Path) -> Path:
    """Copy a training run's weights and card to a new checkpoint in `into`, in half precision; return its folder.

    Raises:
        CheckpointError: the name is invalid or taken, or the run has no complete weights.
        RunError: the folder cannot be written.
    """
    if not (run / "weights" / CARD_NAME).is_file():
        raise CheckpointError(f"{run} has no weights to publish yet. Wait until it is done.")
    card, weights = replace(read_card(run / "weights"), name=name), read_weights(run / "weights")
    with new_checkpoint(name, into) as draft:
        save_checkpoint(draft, weights, card)
    return into / name
