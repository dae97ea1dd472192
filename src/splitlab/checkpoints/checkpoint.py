"""Names of checkpoints: each is a folder's name and may come from anybody."""

from __future__ import annotations

import json
import re
import shlex
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from splitlab.checkpoints.scores import CUT, KINDS, checked_scores
from splitlab.checkpoints.weights import Weights, check_usable, full_precision, half_precision
from splitlab.errors import CheckpointError
from splitlab.families import family_of
from splitlab.io import plain_json, write_bytes, write_json

MOST_LETTERS = 60
_NAME = re.compile(rf"\w[\w.-]{{0,{MOST_LETTERS - 1}}}")


def checked_name(name: str) -> str:
    """Return a name that can be a folder's.

    Raises:
        CheckpointError: it is none, such as one that would lead to another folder.
    """
    if not _NAME.fullmatch(name):
        raise CheckpointError(
            f"{name[:100]!r} is no name for a checkpoint: use up to {MOST_LETTERS} letters, digits, dots and dashes, "
            "a letter or digit first."
        )
    return name


def proposed_name(text: str) -> str:
    """Return a name that is like a text, such as that of a file."""
    return re.sub(r"[^\w.-]+", "-", text).lstrip(".-")[:MOST_LETTERS] or "checkpoint"


WEIGHTS_NAME, CARD_NAME = "model.safetensors", "card.json"
_SUM = "crc32"
# What is read, by safetensors' names: floats and whole numbers that numpy and PyTorch both have.
_DTYPES = ("F16", "F32", "F64", "I8", "I16", "I32", "I64", "U8", "BOOL")
_BREAKS = re.compile(r"[\t\n\r]+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
MAX_CARD_BYTES = 1_000_000
MAX_IMAGE_SIZE, MAX_CLASSES, MAX_COUNT, _MAX_LETTERS = 4096, 2000, 10**10, 1000
MAX_CLASS_MAPS = 20


@dataclass(frozen=True)
class Card:
    """What a checkpoint is and where it comes from.

    Attributes:
        name: what people call it.
        model: a name of the model registry.
        image_size: side of the images it was trained on, pixels.
        class_names: in the order of its class scores.
        dataset: the data set's name.
        data_hash: of the labels it was trained from.
        data_licence: what their source says of its licence.
        full, weak, seed: its split, |F| and |W|, and the seed of all that is random.
        split_hash: of the very images.
        steps: optimiser steps.
        trained_by: SplitLab's version, the device and the settings that matter.
        scores: what `evaluate` gave, `{"mask": {...}, "box": {...}}`, AP in 0..100; empty where not evaluated.
        class_maps: what its classes are called in data sets with other class names, see `kept_class_maps`. Each is
            `{"dataset": name, "classes": [...], "counterparts": [...]}`: the data set's classes, and one of them, or
            None, for each of `class_names`.
    """

    name: str
    model: str
    image_size: int
    class_names: list[str]
    dataset: str
    data_hash: str
    data_licence: str
    full: int
    weak: int
    seed: int
    split_hash: str
    steps: int
    trained_by: dict[str, Any]
    scores: dict[str, Any] = field(default_factory=dict)
    class_maps: list[dict[str, Any]] = field(default_factory=list)

    @property
    def split_name(self) -> str:
        """The split as the paper writes it, such as "400/5000"; of an imported checkpoint nobody knows it."""
        return f"{self.full}/{self.weak}" if self.full or self.weak else "split unknown"

    @property
    def cuts_masks(self) -> bool:
        """Whether its masks are cut to their boxes: as its scores state, else as the original of its model does."""
        stated = self.scores.get("mask", {}).get(CUT)
        return family_of(self.model).cuts_masks if stated is None else bool(stated)

    @property
    def refines_boxes(self) -> bool:
        """Whether its boxes are moved halfway to the rectangles around their masks: as it was trained and scored.

        Not every family can; the settings of the others' runs may ask for it all the same.
        """
        return self.trained_by.get("refine_boxes") is True and family_of(self.model).can_refine_boxes

    @property
    def finds_objects(self) -> bool:
        """False for an imported classifier: its backbone is there to start from, not to look with."""
        return not self.model.endswith("-cls")

    def __post_init__(self) -> None:
        origin = (self.dataset, self.data_hash, self.data_licence, self.split_hash)
        texts = (self.name, self.model, *origin, *self.class_names)
        numbers = (self.image_size, self.full, self.weak, self.seed, self.steps)
        if (
            not isinstance(self.class_names, list)
            or not self.class_names
            or not all(isinstance(text, str) for text in texts)
        ):
            raise CheckpointError("The card names no classes, or has a name that is no text: it is not whole.")
        if any(len(text) > _MAX_LETTERS for text in texts):
            raise CheckpointError(f"The card of '{self.name[:60]}' has a name of over {_MAX_LETTERS:,} letters.")
        if not all(isinstance(number, int) and 0 <= number <= MAX_COUNT for number in numbers):
            raise CheckpointError(
                f"The card of '{self.name}' has a size or count that is no number from 0 to {MAX_COUNT:,}."
            )
        if not 1 <= self.image_size <= MAX_IMAGE_SIZE or len(self.class_names) > MAX_CLASSES:
            raise CheckpointError(
                f"The card of '{self.name}' asks for {self.image_size} px and {len(self.class_names)} classes; "
                f"at most {MAX_IMAGE_SIZE} px and {MAX_CLASSES} classes are loaded."
            )
        if not isinstance(self.scores, dict) or not isinstance(self.trained_by, dict):
            raise CheckpointError(f"The card of '{self.name}' has scores or settings that are no table of names.")
        try:
            checked_scores(self.scores)
        except ValueError as error:
            raise CheckpointError(f"The card of '{self.name}' is wrong: {error}. Evaluate it again.") from error
        if self.scores and not set(KINDS) <= self.scores.keys():
            raise CheckpointError(f"The card of '{self.name}' has scores of masks or boxes alone. Evaluate it again.")
        if not isinstance(self.class_maps, list) or not all(self._is_class_map(kept) for kept in self.class_maps):
            raise CheckpointError(
                f"The card of '{self.name}' has a class map that does not fit its {len(self.class_names)} classes. "
                f"Delete `class_maps` from {CARD_NAME}, and give the map again."
            )

    def _is_class_map(self, kept: object) -> bool:
        if not isinstance(kept, dict) or kept.keys() != {"dataset", "classes", "counterparts"}:
            return False
        classes, counterparts = kept["classes"], kept["counterparts"]
        return (
            isinstance(classes, list)
            and isinstance(counterparts, list)
            and 1 <= len(classes) <= MAX_CLASSES
            and all(isinstance(text, str) and len(text) <= _MAX_LETTERS for text in (kept["dataset"], *classes))
            and len(counterparts) == len(self.class_names)
            and all(name is None or isinstance(name, str) for name in counterparts)
            and {*counterparts} <= {None, *classes}
        )


def save_checkpoint(
    folder: Path, weights: Weights, card: Card, store: Callable[[Weights], Weights] = half_precision
) -> None:
    """Write a checkpoint folder; floats are stored in half precision, or as `eight_bits` stores them.

    Raises:
        RunError: the folder cannot be written.
    """
    stored = store(weights)
    write_bytes(folder / WEIGHTS_NAME, save(stored, {_SUM: _sum_of(stored)}))
    write_card(folder, card)


def write_card(folder: Path, card: Card) -> None:
    """Write a checkpoint's card alone, such as with its scores; the weights stay.

    Raises:
        CheckpointError: the card is so large that nobody would read it.
        RunError: the folder cannot be written.
    """
    content = asdict(card)
    if len(json.dumps(content, indent=1)) >= MAX_CARD_BYTES:
        raise CheckpointError(
            f"The card of '{card.name}' would be over {MAX_CARD_BYTES:,} bytes. Keep fewer or smaller class maps in it."
        )
    write_json(folder / CARD_NAME, content)


def read_card(folder: Path) -> Card:
    """Read what a checkpoint is without loading its weights.

    Raises:
        CheckpointError: there is no card, or it is broken.
    """
    path = folder / CARD_NAME
    try:
        if folder.is_file():
            raise CheckpointError(_folder_wanted(folder))
        if path.stat().st_size > MAX_CARD_BYTES:
            raise CheckpointError(f"{path} is over {MAX_CARD_BYTES} bytes: it is no card of ours.")
        return Card(**_shown(plain_json(path.read_bytes())))
    except FileNotFoundError as error:
        raise CheckpointError(f"{folder} holds no checkpoint (it has no {CARD_NAME}). Check the path.") from error
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path} is broken ({error}). Copy the checkpoint again.") from error


def _folder_wanted(file: Path) -> str:
    if file.name in (WEIGHTS_NAME, CARD_NAME):
        return f"{file} is one of a checkpoint's two files. Give their folder: {file.parent}"
    return f"{file} is a file. Import it first: splitlab checkpoint import {shlex.quote(str(file))}"


def _shown(content: Any) -> Any:
    """Replace in all texts what a terminal would obey: others may have written the card."""
    if isinstance(content, str):
        return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", _BREAKS.sub(" ", content))
    if isinstance(content, dict):
        return {_shown(name): _shown(value) for name, value in content.items()}
    return [_shown(value) for value in content] if isinstance(content, list) else content


def read_weights(folder: Path) -> Weights:
    """Read a checkpoint's weights as float32.

    Raises:
        CheckpointError: the file is missing, broken, not as it was written, of a type that is not read, or has numbers
            that no model can look with.
    """
    path = folder / WEIGHTS_NAME
    try:
        with safe_open(path, "numpy") as file:
            names = file.keys()
            stored = {name: _tensor(file, name) for name in names}
            stated = (file.metadata() or {}).get(_SUM)
        _check_sum(stored, stated)
        weights = full_precision(stored)
        for name, tensor in weights.items():
            check_usable(name, tensor)
    except (OSError, SafetensorError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}). Copy the checkpoint again.") from error
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    return weights


def _tensor(file: Any, name: str) -> NDArray[Any]:
    """Read a tensor of a safetensors file; numpy lacks some types that the format has, such as floats of 8 bits."""
    dtype = file.get_slice(name).get_dtype()
    if dtype not in _DTYPES:
        raise CheckpointError(
            f"its tensor {name[:_MAX_LETTERS]} is of type {dtype}, which is not read. Save it as one of "
            f"{', '.join(_DTYPES)}."
        )
    tensor: NDArray[Any] = file.get_tensor(name)
    return tensor


def list_checkpoints(folder: Path) -> list[Path]:
    """Find the checkpoint folders directly in a folder, by name; hidden ones are drafts."""
    return sorted(path.parent for path in folder.glob(f"[!.]*/{CARD_NAME}"))


def _check_sum(weights: Weights, stated: str | None) -> None:
    # Files of older versions and of others state none.
    if stated not in (None, _sum_of(weights)):
        raise ValueError("its numbers have changed since it was written")


def _sum_of(weights: Weights) -> str:
    total = 0
    for name, tensor in sorted(weights.items()):
        total = zlib.crc32(f"{name} {tensor.dtype} {tensor.shape}".encode(), total)
        total = zlib.crc32(tensor.tobytes(), total)
    return f"{total:08x}"
