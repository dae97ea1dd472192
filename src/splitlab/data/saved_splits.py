"""Splits from files: read a split that was given, and list those saved in the workspace."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections import defaultdict
from pathlib import Path, PurePosixPath

from splitlab.data.dataset import Dataset, ImageId, LabelState
from splitlab.data.split import Split, read_split
from splitlab.errors import SplitError
from splitlab.io import swept


def split_by_labels(dataset: Dataset) -> Split:
    """Keep the labels that are there: images whose objects all have masks are F, the others with objects are W.

    Images without an object are in neither, nor are those with labels that cannot be read: these show more objects.
    """
    labelled = [image for image in dataset.images if image.targets and image.state == LabelState.WHOLE]
    full = tuple(image.image_id for image in labelled if image.can_be_full)
    weak = tuple(image.image_id for image in labelled if not image.can_be_full)
    return Split(full, weak, 0, dataset.source_hash, "labels")


def split_by_lists(dataset: Dataset, full_list: Path, weak_list: Path | None) -> Split:
    """Take F and W from text files, one image a line: its id, or its path or file name, with the ending or without.

    Folders count where photos of one name lie in several. Where `weak_list` names all images of F too, as the lists
    that the paper's authors published for DETR do, W is the others.

    Raises:
        SplitError: a file cannot be read, a line lists no images of the dataset or several, an image stands there
            twice, an image of F lacks masks, or the second file names some images of F or no other images.
    """
    known = _by_any_name(dataset)
    full = _read_list(full_list, known, dataset)
    weak = _without_full(_read_list(weak_list, known, dataset), full, weak_list) if weak_list else ()
    without = [image_id for image_id in full if not dataset.by_id[image_id].can_be_full]
    if without:
        raise SplitError(f"{full_list}: image {without[0]} has no masks ({len(without)} lack them). Put it into W.")
    return Split(full, weak, 0, dataset.source_hash, "lists")


def _without_full(listed: tuple[ImageId, ...], full: tuple[ImageId, ...], weak_list: Path) -> tuple[ImageId, ...]:
    """Return W of a list that names images with boxes: those of W, or those of F and W together."""
    of_full = set(full)
    weak = tuple(image_id for image_id in listed if image_id not in of_full)
    shared = len(listed) - len(weak)
    if 0 < shared < len(full):
        first = next(image_id for image_id in listed if image_id in of_full)
        raise SplitError(
            f"{weak_list}: names {shared} of the {len(full)} images of F, such as {first}. List the images of W alone, "
            "or W and all of F together."
        )
    if shared and not weak:
        raise SplitError(f"{weak_list}: names the {len(full)} images of F and no others. Add W, or leave it out.")
    return weak


def _by_any_name(dataset: Dataset) -> dict[str, list[ImageId]]:
    """Return the images that each file name may mean, with its ending and without."""
    names: dict[str, list[ImageId]] = defaultdict(list)
    for image in dataset.images:
        for name in {image.path.stem, image.path.name}:
            names[name].append(image.image_id)
    return names


def _meant(line: str, known: dict[str, list[ImageId]], dataset: Dataset) -> list[ImageId]:
    """Return the images a line may mean: that of this id, else those whose path ends like it, else of this name."""
    ids = [image_id for image_id in (line, int(line) if line.isdecimal() else line) if image_id in dataset.by_id]
    if ids:
        return ids[:1]
    asked = PurePosixPath(line)
    named = known.get(asked.name, [])
    folders = asked.parent.parts
    there = [one for one in named if folders and dataset.by_id[one].path.parent.parts[-len(folders) :] == folders]
    # Lists are often of another machine's folders.
    return there or named


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
                f"{path}: '{line}' may be image {meant[0]} or {meant[1]}. Write its folder too, or its id."
            )
        image_id = meant[0]
        if image_id in found:
            raise SplitError(f"{path}: image {image_id} is listed twice. Keep one line of it.")
        found[image_id] = None
    return tuple(found)


_NAME = re.compile(r"[\w][\w .+-]{0,59}")


def save_split(folder: Path, name: str, split: Split) -> Path:
    """Write a split as `folder`/`name`.json; one of this name is replaced.

    Raises:
        SplitError: the name is no plain file name, or the folder cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise SplitError(f"'{name}' is not a valid split name: use up to 60 letters, digits, spaces, dots and dashes.")
    path = folder / f"{name}.json"
    draft: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, draft_name = tempfile.mkstemp(prefix=swept(".split-", folder), dir=folder)
        draft = Path(draft_name)
        with os.fdopen(handle, "w") as file:
            file.write(json.dumps(split.to_json()))
        draft.chmod(0o644)
        draft.replace(path)
    except OSError as error:
        raise SplitError(f"{path}: cannot be written ({error.strerror}). Free some space.") from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)
    return path


def saved_splits(folder: Path, source: str) -> dict[str, Split]:
    """Return the named splits of a folder that were drawn from these very labels; others are passed over."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            split = read_split(path)
        except SplitError:
            continue  # one broken file is no reason to offer none
        if split.source == source:
            found[path.stem] = split
    return found
