"""The label files of a COCO dataset, under the names that tools give them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from splitlab.data.records import part_of
from splitlab.errors import DataError

_SNIFFED_BYTES = 1 << 16
# Folders with more JSON files have one for each photo, which is another format.
_MOST_SNIFFED = 20
_INSTANCES = re.compile(r"instances?_", re.IGNORECASE)
_WORDS = re.compile(r"[^a-z0-9]+")
# COCO publishes these beside the instances of the same photos.
_OTHER_TASKS = ("captions", "person_keypoints", "stuff", "panoptic", "image_info")
_IMAGES = re.compile(rb'"images"\s*:\s*\[')
_OTHER_LISTS = re.compile(rb'"(annotations|categories)"\s*:\s*\[')
_PARTS = ("train", "val", "test")


def label_files(folder: Path) -> dict[str, Path]:
    """Find the COCO files of a dataset: in the folder, in its `annotations/`, or in a folder for each part.

    Returns:
        The files by part: "train", and "val" and "test" if there are any. A file whose name and folder mean no part is
        train; so is the only file, whatever it is called.

    Raises:
        DataError: there is none, or several for one part.
    """
    by_part: dict[str, list[Path]] = defaultdict(list)
    for path in _candidates(folder):
        by_part[_part_of_file(path, folder)].append(path)
    if "train" not in by_part and "" in by_part:
        by_part["train"] = by_part[""]
    by_part.pop("", None)
    if len(by_part) == 1 and "train" not in by_part:
        by_part["train"] = by_part.pop(next(iter(by_part)))
    if "train" not in by_part:
        raise DataError(
            f"{folder} has no COCO labels for train, such as instances_train.json (nor in annotations/ or train/). "
            "Put them there."
        )
    for part, files in by_part.items():
        if len(files) > 1:
            raise DataError(f"{folder} has {len(files)} labels files for {part}: {files[0]}, {files[1]}. Keep one.")
    return {part: by_part[part][0] for part in _PARTS if part in by_part}


def is_coco_folder(folder: Path) -> bool:
    """Return whether the folder has a COCO file."""
    return bool(_candidates(folder))


def read_labels(path: Path) -> tuple[bytes, dict[str, Any]]:
    """Read a COCO file; return its bytes and its content, which has the lists images, annotations and categories.

    Raises:
        DataError: it cannot be read, is not JSON, or lacks a list.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check the path and its permissions.") from error
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not valid JSON ({error}). Export the labels again.") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: does not hold COCO labels. It must be a COCO instances file.")
    missing = [key for key in ("images", "annotations", "categories") if not isinstance(content.get(key), list)]
    if missing:
        raise DataError(f"{path}: has no list '{missing[0]}'. It must be a COCO instances file.")
    return raw, content


def _candidates(folder: Path) -> list[Path]:
    """Return the COCO files; where some are called instances_*, only those."""
    found: list[Path] = []
    for place in (folder, *sorted(path for path in folder.glob("[!._]*") if path.is_dir())):
        files = sorted(path for path in place.glob("*.[jJ][sS][oO][nN]") if path.is_file())
        named = [path for path in files if _INSTANCES.match(path.name)]
        others = [path for path in files if not path.name.lower().startswith(_OTHER_TASKS)]
        found += named or [path for path in others[:_MOST_SNIFFED] if len(others) <= _MOST_SNIFFED and _is_coco(path)]
    instances = [path for path in found if _INSTANCES.match(path.name)]
    return instances or found


def _is_coco(path: Path) -> bool:
    """Return whether the beginning and the end of a file look like COCO."""
    with path.open("rb") as file:
        ends = file.read(_SNIFFED_BYTES)
        file.seek(max(path.stat().st_size - _SNIFFED_BYTES, len(ends)))
        ends += file.read(_SNIFFED_BYTES)
    return bool(_IMAGES.search(ends) and _OTHER_LISTS.search(ends))


def _part_of_file(path: Path, folder: Path) -> str:
    """Return the part that a file's name or its folder means; "" if neither does."""
    words = [part_of(word) for word in _WORDS.split(_INSTANCES.sub("", path.stem).lower())]
    named = [word for word in words if word]
    return named[0] if named else part_of(path.parent.name) if path.parent != folder else ""
