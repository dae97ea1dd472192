"""Splits from files: build one from existing labels or lists, and save and list splits in the workspace."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path, PurePosixPath

from splitlab.data.dataset import Dataset, ImageId, LabelState
from splitlab.data.split import Split, read_split
from splitlab.errors import RunError, SplitError
from splitlab.io import make_folder, write_bytes

_NAME = re.compile(r"[\w][\w .+-]{0,59}")


def split_by_labels(dataset: Dataset) -> Split:
    """Build a split from the labels: images whose objects all have masks are F, others with objects are W.

    Images without objects or with unreadable labels are in neither.
    """
    labelled = [image for image in dataset.images if image.targets and image.state == LabelState.WHOLE]
    full = tuple(image.image_id for image in labelled if image.can_be_full)
    weak = tuple(image.image_id for image in labelled if not image.can_be_full)
    return Split(full, weak, 0, dataset.source_hash, "labels")


def split_by_lists(dataset: Dataset, full_list: Path, weak_list: Path | None) -> Split:
    """Read F and W from text files, one image per line: its id, path or file name, with or without the ending.

    Folders distinguish photos of equal names. If `weak_list` contains all images of F, as in the lists that the paper's
    authors published for DETR, W is the rest.

    Raises:
        SplitError: a file cannot be read, a line matches no image or several, an image is listed twice, an image of F
            lacks masks, or the second file contains only some images of F or no others.
    """
    known = _by_any_name(dataset)
    full = _read_list(full_list, known, dataset)
    weak = _without_full(_read_list(weak_list, known, dataset), full, weak_list) if weak_list else ()
    without = [image_id for image_id in full if not dataset.by_id[image_id].can_be_full]
    if without:
        raise SplitError(f"{full_list}: image {without[0]} has no masks ({len(without)} lack them). Put it into W.")
    return Split(full, weak, 0, dataset.source_hash, "lists")


def save_split(folder: Path, name: str, split: Split) -> Path:
    """Write a split as `folder`/`name`.json, replacing an older one.

    Raises:
        SplitError: the name is not valid, or the folder cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise SplitError(f"'{name}' is not a valid split name: use up to 60 letters, digits, spaces, dots and dashes.")
    path = folder / f"{name}.json"
    try:
        make_folder(folder)
        write_bytes(path, json.dumps(split.to_json()).encode())
    except RunError as error:
        raise SplitError(str(error)) from error
    return path


def saved_splits(folder: Path, source: str) -> dict[str, Split]:
    """Return the saved splits of a folder that were drawn from the labels with the hash `source`, by name."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            split = read_split(path)
        except SplitError:
            continue  # offer the others
        if split.source == source:
            found[path.stem] = split
    return found


def _by_any_name(dataset: Dataset) -> dict[str, list[ImageId]]:
    """Return the images of each file name, with its ending and without."""
    names: dict[str, list[ImageId]] = defaultdict(list)
    for image in dataset.images:
        for name in {image.path.stem, image.path.name}:
            names[name].append(image.image_id)
    return names


def _read_list(path: Path, known: dict[str, list[ImageId]], dataset: Dataset) -> tuple[ImageId, ...]:
    try:
        lines = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise SplitError(f"{path}: cannot be read as a list of images ({error}). Write one image a line.") from error
    found: dict[ImageId, None] = {}
    for line in lines:
        meant = _meant(line, known, dataset)
        if not meant:
            raise SplitError(f"{path}: '{line}' is not an image of '{dataset.name}'. Give its id or its file name.")
        if len(meant) > 1:
            raise SplitError(
                f"{path}: '{line}' matches image {meant[0]} and image {meant[1]}. Add its folder, or give its id."
            )
        image_id = meant[0]
        if image_id in found:
            raise SplitError(f"{path}: image {image_id} is listed twice. Keep one line of it.")
        found[image_id] = None
    return tuple(found)


def _meant(line: str, known: dict[str, list[ImageId]], dataset: Dataset) -> list[ImageId]:
    """Return the images that a line matches: by id, else by the end of the path, else by file name."""
    ids = [image_id for image_id in (line, int(line) if line.isdecimal() else line) if image_id in dataset.by_id]
    if ids:
        return ids[:1]
    asked = PurePosixPath(line)
    named = known.get(asked.name, [])
    folders = asked.parent.parts
    there = [one for one in named if folders and dataset.by_id[one].path.parent.parts[-len(folders) :] == folders]
    # Lists often have the folders of another machine.
    return there or named


def _without_full(listed: tuple[ImageId, ...], full: tuple[ImageId, ...], weak_list: Path) -> tuple[ImageId, ...]:
    """Return W from a list of the images of W, or of F and W together."""
    of_full = set(full)
    weak = tuple(image_id for image_id in listed if image_id not in of_full)
    shared = len(listed) - len(weak)
    if 0 < shared < len(full):
        first = next(image_id for image_id in listed if image_id in of_full)
        raise SplitError(
            f"{weak_list}: names {shared} of the {len(full)} images of F, such as {first}. List the images of W only, "
            "or all images of F and W."
        )
    if shared and not weak:
        raise SplitError(f"{weak_list}: names the {len(full)} images of F and no others. Add W, or omit the file.")
    return weak
