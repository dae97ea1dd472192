"""The label files of a COCO dataset, under the names that tools give them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from splitlab.data.label_files.entries import ends_of
from splitlab.data.label_files.records import part_of, part_of_folders
from splitlab.data.reading import decoded
from splitlab.errors import DataError

# Folders with more JSON files have one for each photo, which is another format.
_MOST_SNIFFED = 20
_INSTANCES = re.compile(r"instances?_", re.IGNORECASE)
_WORDS = re.compile(r"[^a-z0-9]+")
# COCO publishes these beside the instances of the same photos. Those with keypoints have boxes too.
_OTHER_TASKS, _KEYPOINTS = ("captions", "stuff", "panoptic", "image_info"), "person_keypoints"
_LIST = r'"{}"\s*:\s*\['
_IMAGES, _ANNOTATIONS, _CATEGORIES = (
    re.compile(_LIST.format(name)) for name in ("images", "annotations", "categories")
)
_PARTS = ("train", "val", "test", "")


def label_files(folder: Path) -> dict[str, list[Path]]:
    """Find the COCO files of a dataset: in the folder, in its `annotations/`, or in a folder for each part.

    Returns:
        The files by part: "train", and "val", "test" and "" if there are any. A file whose name and folder mean no part
        is train if no other is, else ""; the files of the only part are train, whatever they are called.

    Raises:
        DataError: there is none.
    """
    by_part: dict[str, list[Path]] = defaultdict(list)
    for path in _candidates(folder):
        by_part[_part_of_file(path, folder)].append(path)
    if "train" not in by_part and "" in by_part:
        by_part["train"] = by_part.pop("")
    if len(by_part) == 1 and "train" not in by_part:
        by_part["train"] = by_part.pop(next(iter(by_part)))
    if "train" not in by_part:
        raise DataError(
            f"{folder} has no COCO labels for train, such as instances_train.json (nor in annotations/ or train/). "
            "Put them there."
        )
    return {part: by_part[part] for part in _PARTS if part in by_part}


def is_coco_folder(folder: Path) -> bool:
    """Return whether the folder has a COCO file."""
    return bool(_candidates(folder))


def read_labels(path: Path) -> tuple[bytes, dict[str, Any]]:
    """Read a COCO file; return its bytes and its content, which has the lists images, annotations and categories.

    A file of photos that nobody labelled may lack the last two.

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
    content = {"annotations": [], "categories": [], **content}
    missing = [key for key in ("images", "annotations", "categories") if not isinstance(content.get(key), list)]
    if missing:
        raise DataError(f"{path}: has no list '{missing[0]}'. It must be a COCO instances file.")
    return raw, content


def _candidates(folder: Path) -> list[Path]:
    """Return the COCO files: those called instances_*, else the others, else those of keypoints."""
    found: list[Path] = []
    for place in (folder, *_places(folder)):
        files = sorted(path for path in place.glob("*.[jJ][sS][oO][nN]") if path.is_file())
        named = [path for path in files if _INSTANCES.match(path.name)]
        others = [path for path in files if not path.name.lower().startswith(_OTHER_TASKS)]
        found += named or [path for path in others[:_MOST_SNIFFED] if len(others) <= _MOST_SNIFFED and _is_coco(path)]
    instances = [path for path in found if _INSTANCES.match(path.name)]
    others = [path for path in found if not path.name.lower().startswith(_KEYPOINTS)]
    return instances or others or found


def _places(folder: Path) -> list[Path]:
    """Return the folders in a folder, and those in and called annotations."""
    below = [path for path in folder.glob("[!._]*") if path.is_dir()]
    inner = [path for pattern in ("annotations/[!._]*", "[!._]*/annotations") for path in folder.glob(pattern)]
    return sorted({*below, *(path for path in inner if path.is_dir())})


def _is_coco(path: Path) -> bool:
    """Return whether the first and the last 64 KiB of a file look like COCO."""
    start, end = ends_of(path)
    said = decoded(start) + end.decode(errors="replace")
    # Of a file in alphabetical order, the list of images is in the middle.
    if _IMAGES.search(said):
        return bool(_ANNOTATIONS.search(said) or _CATEGORIES.search(said) or '"file_name"' in said)
    return bool(_ANNOTATIONS.search(said)) and '"image_id"' in said and '"category_id"' in said


def _part_of_file(path: Path, folder: Path) -> str:
    """Return the part that a file's name or its folder means; "" if neither does."""
    words = [part_of(word) for word in _WORDS.split(_INSTANCES.sub("", path.stem).lower())]
    named = [word for word in words if word]
    return named[0] if named else part_of_folders(path, folder)
