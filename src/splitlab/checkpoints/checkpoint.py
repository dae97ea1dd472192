"""Read and write checkpoints: a folder with a card (card.json) and weights (model.safetensors)."""

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
from splitlab.data.classes import UNUSED
from splitlab.errors import CheckpointError
from splitlab.families import family_of
from splitlab.io import plain_json, write_bytes, write_json

WEIGHTS_NAME, CARD_NAME = "model.safetensors", "card.json"
MAX_CARD_BYTES = 1_000_000
MAX_IMAGE_SIZE, MAX_CLASSES, MAX_COUNT, _MAX_LETTERS = 4096, 2000, 10**10, 1000
MAX_CLASS_MAPS = 20
MOST_LETTERS = 60
_NAME = re.compile(rf"\w[\w.-]{{0,{MOST_LETTERS - 1}}}")
_SUM = "crc32"
# Supported types, by safetensors' names: those that numpy and PyTorch both have.
_DTYPES = ("F16", "F32", "F64", "I8", "I16", "I32", "I64", "U8", "BOOL")
_BREAKS = re.compile(r"[\t\n\r]+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Card:
    """The description of a checkpoint.

    Attributes:
        name: display name.
        model: a name of the model registry.
        image_size: side of the training images, pixels.
        class_names: in the order of the class scores; "N/A" where a number means no class.
        dataset: name of the dataset.
        data_hash: hash of the training labels.
        data_licence: licence as the dataset states it.
        full, weak, seed: |F| and |W| of the split, and the random seed.
        split_hash: hash of the images of the split.
        steps: optimizer steps.
        trained_by: SplitLab's version, the device and relevant settings.
        scores: from `evaluate`, `{"mask": {...}, "box": {...}}`, AP in 0..100; empty if not evaluated.
        class_maps: names of the classes in datasets with other class names: `{"dataset": name, "classes": [...],
            "counterparts": [...]}` with the dataset's classes, and one of them or None for each of `class_names`.
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
        """The split in the paper's notation, such as "400/5000"; imported checkpoints have none."""
        return f"{self.full}/{self.weak}" if self.full or self.weak else "split unknown"

    @property
    def cuts_masks(self) -> bool:
        """Whether masks are cut to their boxes: as the scores state, else as in the original model."""
        stated = self.scores.get("mask", {}).get(CUT)
        return family_of(self.model).cuts_masks if stated is None else bool(stated)

    @property
    def refines_boxes(self) -> bool:
        """Whether boxes are moved halfway to the rectangle around their mask, as in training and scoring.

        Some families cannot, even if the settings of their training run say so.
        """
        return self.trained_by.get("refine_boxes") is True and family_of(self.model).can_refine_boxes

    @property
    def unused_classes(self) -> tuple[int, ...]:
        """The class numbers that mean no class, such as the gaps between COCO's ids; they are never predicted."""
        return tuple(number for number, name in enumerate(self.class_names) if name == UNUSED)

    @property
    def used_names(self) -> list[str]:
        """The names of the classes that can be predicted."""
        return [name for name in self.class_names if name != UNUSED]

    @property
    def finds_objects(self) -> bool:
        """False for an imported classifier, whose backbone can only be used to start training."""
        return not self.model.endswith("-cls")

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise CheckpointError(f"The card of '{str(self.name)[:60]}' {problem}")

    def _problem(self) -> str:
        """Return what is wrong with the card, or an empty text."""
        origin = (self.dataset, self.data_hash, self.data_licence, self.split_hash)
        texts = (self.name, self.model, *origin, *self.class_names)
        numbers = (self.image_size, self.full, self.weak, self.seed, self.steps)
        are_texts = isinstance(self.class_names, list) and all(isinstance(text, str) for text in texts)
        if not self.class_names or not are_texts:
            return "is incomplete: it has no classes, or a name that is not text."
        if any(len(text) > _MAX_LETTERS for text in texts):
            return f"has a name of over {_MAX_LETTERS:,} characters."
        if not all(isinstance(number, int) and 0 <= number <= MAX_COUNT for number in numbers):
            return f"has a size or count that is not a whole number from 0 to {MAX_COUNT:,}."
        if not 1 <= self.image_size <= MAX_IMAGE_SIZE or len(self.class_names) > MAX_CLASSES:
            return (
                f"has {self.image_size} px and {len(self.class_names)} classes; at most {MAX_IMAGE_SIZE} px and "
                f"{MAX_CLASSES} classes are supported."
            )
        if not all(isinstance(table, dict) for table in (self.scores, self.trained_by)):
            return "has scores or settings that are not a JSON object."
        try:
            checked_scores(self.scores)
        except ValueError as error:
            return f"is invalid: {error}. Evaluate the checkpoint again."
        if self.scores and not set(KINDS) <= self.scores.keys():
            return "has scores of only masks or only boxes. Evaluate the checkpoint again."
        if not isinstance(self.class_maps, list) or not all(map(self._is_class_map, self.class_maps)):
            return (
                f"has a class map that does not fit its {len(self.class_names)} classes. Delete `class_maps` from "
                f"{CARD_NAME} and give the map again."
            )
        return ""

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


def checked_name(name: str) -> str:
    """Return a checkpoint's name if it can be a folder's name."""
    if not _NAME.fullmatch(name):
        raise CheckpointError(
            f"{name[:100]!r} cannot be the name of a checkpoint. Use up to {MOST_LETTERS} letters, digits, dots and "
            "dashes, starting with a letter or digit."
        )
    return name


def proposed_name(text: str) -> str:
    """Return a valid checkpoint name similar to a text, such as a file name."""
    return re.sub(r"[^\w.-]+", "-", text).lstrip(".-")[:MOST_LETTERS] or "checkpoint"


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoint folders in a folder, sorted by name; hidden ones are drafts."""
    return sorted(path.parent for path in folder.glob(f"[!.]*/{CARD_NAME}"))


def save_checkpoint(
    folder: Path, weights: Weights, card: Card, store: Callable[[Weights], Weights] = half_precision
) -> None:
    """Write a checkpoint folder; `store` is `half_precision`, `without_loss` or `eight_bits`.

    Raises:
        RunError: the folder cannot be written.
    """
    stored = store(weights)
    write_bytes(folder / WEIGHTS_NAME, save(stored, {_SUM: _sum_of(stored)}))
    write_card(folder, card)


def write_card(folder: Path, card: Card) -> None:
    """Write a checkpoint's card, for example with new scores; the weights stay.

    Raises:
        CheckpointError: the card is too large to be read again.
        RunError: the folder cannot be written.
    """
    content = asdict(card)
    if len(json.dumps(content, indent=1)) >= MAX_CARD_BYTES:
        raise CheckpointError(
            f"The card of '{card.name}' would be over {MAX_CARD_BYTES:,} bytes. Store fewer or smaller class maps."
        )
    write_json(folder / CARD_NAME, content)


def read_card(folder: Path) -> Card:
    """Read a checkpoint's card without its weights.

    Raises:
        CheckpointError: the card is missing or broken.
    """
    path = folder / CARD_NAME
    try:
        if folder.is_file():
            raise CheckpointError(_folder_wanted(folder))
        if path.stat().st_size > MAX_CARD_BYTES:
            raise CheckpointError(f"{path} is over {MAX_CARD_BYTES:,} bytes, so it is not a checkpoint's card.")
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
    """Remove control characters from all texts, because the card may be untrusted."""
    if isinstance(content, str):
        return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", _BREAKS.sub(" ", content))
    if isinstance(content, dict):
        return {_shown(name): _shown(value) for name, value in content.items()}
    return [_shown(value) for value in content] if isinstance(content, list) else content


def read_weights(folder: Path) -> Weights:
    """Read a checkpoint's weights as float32.

    Raises:
        CheckpointError: the file is missing, damaged, has an unsupported type, or has unusable numbers.
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
    """Read a tensor; safetensors has types that numpy lacks, such as 8-bit floats."""
    dtype = file.get_slice(name).get_dtype()
    if dtype not in _DTYPES:
        raise CheckpointError(
            f"its tensor {name[:_MAX_LETTERS]} has the type {dtype}. Save it as one of {', '.join(_DTYPES)}."
        )
    tensor: NDArray[Any] = file.get_tensor(name)
    return tensor


def _check_sum(weights: Weights, stated: str | None) -> None:
    # Files of older versions and of other programs have none.
    if stated not in (None, _sum_of(weights)):
        raise ValueError("its checksum does not match")


def _sum_of(weights: Weights) -> str:
    total = 0
    for name, tensor in sorted(weights.items()):
        total = zlib.crc32(f"{name} {tensor.dtype} {tensor.shape}".encode(), total)
        total = zlib.crc32(tensor.tobytes(), total)
    return f"{total:08x}"
