"""Splits that somebody else made: by list files, or by the labels that are already there."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from splitlab.data.dataset import Dataset, ImageId
from splitlab.data.splits.split import Split
from splitlab.errors import SplitError


def split_by_labels(dataset: Dataset) -> Split:
    """Keep the labels that are there: images whose objects all have masks are F, those with boxes only are W."""
    full = tuple(image.image_id for image in dataset.images if image.can_be_full)
    weak = tuple(image.image_id for image in dataset.images if not image.can_be_full)
    return Split(full, weak, 0, dataset.source_hash, "labels")


def split_by_lists(dataset: Dataset, full_list: Path, weak_list: Path | None) -> Split:
    """Take F and W from text files, one image a line: its id, its file name, or its name without the ending.

    Raises:
        SplitError: a file cannot be read, a line names no image of the dataset, an image stands there twice, or
            an image of F lacks masks.
    """
    known = _by_any_name(dataset)
    full = _read_list(full_list, known, dataset)
    weak = _read_list(weak_list, known, dataset) if weak_list else ()
    without = [image_id for image_id in full if not dataset.by_id[image_id].can_be_full]
    if without:
        raise SplitError(f"{full_list}: image {without[0]} has no masks ({len(without)} lack them). Put it into W.")
    return Split(full, weak, 0, dataset.source_hash, "lists")


def _by_any_name(dataset: Dataset) -> dict[str, ImageId]:
    names: dict[str, ImageId] = {}
    for image in dataset.images:
        for name in (image.path.stem, image.path.name, str(image.image_id)):
            names[name] = image.image_id
    return names


def _read_list(path: Path, known: dict[str, ImageId], dataset: Dataset) -> tuple[ImageId, ...]:
    try:
        lines = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise SplitError(f"{path}: cannot be read as a list of images ({error}). Write one image a line.") from error
    found: dict[ImageId, None] = {}
    for line in lines:
        image_id = known.get(line, known.get(PurePosixPath(line).name))
        if image_id is None:
            raise SplitError(f"{path}: '{line}' is no image of '{dataset.name}'. Give its id or its file name.")
        if image_id in found:
            raise SplitError(f"{path}: image {image_id} stands there twice. Keep one line of it.")
        found[image_id] = None
    return tuple(found)
