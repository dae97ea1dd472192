"""The scores of an evaluation, read from files that may be broken."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from splitlab.errors import RunError
from splitlab.io import plain_json

KINDS = ("mask", "box")
METRICS = ("ap50", "ap70", "ap75", "ap50_95")
CUT = "cut_to_box"
"""In mask scores: whether each mask was cut to its box; true if missing."""
SCORED_ON = "scored_on"
"""Besides the kinds: the scored images, `{"dataset": "pets", "part": "val", "images": 119}`."""
VAL = "val"
_MOST_LETTERS, _MOST_IMAGES = 1000, 10**10


def checked_scores(content: object) -> dict[str, Any]:
    """Return scores after a check: `{"mask": {...}, "box": {...}}`, each AP in 0..100 or None; either may be missing.

    Mask scores may state `cut_to_box`, true or false.

    Raises:
        ValueError: they have another form.
    """
    if not isinstance(content, dict) or not all(_are_scores(content.get(kind, {})) for kind in KINDS):
        raise ValueError(f"a score is not an AP in 0..100, or {CUT} is neither true nor false")
    if SCORED_ON in content and not _are_images(content[SCORED_ON]):
        raise ValueError(f"{SCORED_ON} does not state a dataset, a part and a number of images")
    return content


def of_cut_masks(scores: Mapping[str, Any]) -> bool:
    """Return whether the scored masks were cut to their boxes; scores that do not state it are of cut masks."""
    return scores.get("mask", {}).get(CUT) is not False


def scored_on(scores: Mapping[str, Any], dataset: str) -> str:
    """Describe the scored images, such as "val of pets, 119 images".

    Scores of older versions do not name their images; they are of the validation images of the training dataset.
    """
    images = scores.get(SCORED_ON)
    if images is None:
        return f"{VAL} of {dataset}" if dataset else VAL
    count = f"{images['images']:,} image{'s' if images['images'] != 1 else ''}"
    return f"{images['part']} of {images['dataset']}, {count}"


def read_scores(path: Path) -> dict[str, Any]:
    """Read the scores of an evaluated training run.

    Raises:
        RunError: the file is missing or broken.
    """
    try:
        return checked_scores(plain_json(path.read_bytes()))
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} is broken ({error}). Write it again with: splitlab evaluate {path.parent}") from error


def _are_images(content: object) -> bool:
    if not isinstance(content, dict) or set(content) != {"dataset", "part", "images"}:
        return False
    texts, images = (content["dataset"], content["part"]), content["images"]
    return (
        all(isinstance(text, str) and len(text) <= _MOST_LETTERS for text in texts)
        and isinstance(images, int)
        and 0 <= images <= _MOST_IMAGES
    )


def _are_scores(scores: object) -> bool:
    if not isinstance(scores, dict) or not isinstance(scores.get(CUT), bool | None):
        return False
    classes = scores.get("per_class") or {}
    if not isinstance(classes, dict) or not all(isinstance(of_class, dict) for of_class in classes.values()):
        return False
    values = [of.get(name) for of in (scores, *classes.values()) for name in METRICS]
    return all(value is None or (isinstance(value, int | float) and 0 <= value <= 100) for value in values)
