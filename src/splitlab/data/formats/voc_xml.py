"""Datasets with an XML file of VOC's form for each photo, as labelImg, CVAT, Roboflow and others write them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from splitlab.data.dataset import EntryError, Problem, ProblemKind, TrainVal, entry_error
from splitlab.data.formats.voc_files import read_annotation, stated_photo
from splitlab.data.label_files.entries import peeked
from splitlab.data.label_files.photo_index import Outside, PhotoIndex, folded
from splitlab.data.label_files.records import Record, dataset_of, part_of, part_of_folders
from splitlab.data.reading import decoded, read_bounded

_NAME = "VOC XML"
_ROOT = re.compile(rb"<annotation[\s>]")
_MASKS = ("SegmentationObject", "SegmentationClass")
_MAX_LIST_BYTES = 10_000_000
_LABEL_MAP = "labelmap.txt"


def is_voc_xml_folder(folder: Path) -> bool:
    """Return whether a VOC annotation is in the folder or up to two levels below it."""
    return any(_ROOT.search(said) for _, said in peeked(folder, ".xml"))


def read_voc_xml_folder(folder: Path, outside: Outside = Outside.REFUSED) -> TrainVal:
    """Read every VOC annotation below a folder.

    An annotation belongs to the photo of the same name, else to the one that it states. It is in the part that names it
    in ImageSets/, else in that of its folder. Masks come from SegmentationObject/; if ImageSets/Segmentation/ has
    lists, only for the images in them. Else they are the outlines beside the boxes. Classes are those of labelmap.txt,
    then the others by name.

    Raises:
        DataError: no annotation can be read.
    """
    photos = PhotoIndex(folder, outside)
    return dataset_of(photos, _NAME, _records(photos), _label_map(folder))


def _records(photos: PhotoIndex) -> Iterator[Record | Problem]:
    lists = _Lists.below(photos.root)
    masks = {folded(path.stem): path for path in photos.files(".png") if _MASKS[0] in path.parts}
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for photo in photos.photos():
        if not set(_MASKS) & set(photo.parts):
            by_stem[folded(photo.stem)].append(photo)
    for path in photos.files(".xml"):
        name = _name_of(path)
        try:
            photo = _photo_of(path, by_stem, photos)
            record = read_annotation(path, photo, masks.get(folded(path.stem)) if lists.has_masks(name) else None)
        except EntryError as error:
            yield error.problem
            continue
        part = lists.part_of.get(name) or part_of_folders(path, photos.root)
        yield Record(path, photo, record.shapes, record.size, part, digest=record.digest, problems=record.problems)


class _Lists:
    """The lists in ImageSets/: the part of each image, and the images with masks."""

    def __init__(self) -> None:
        self.part_of: dict[str, str] = {}
        self._masked: set[str] = set()
        self._names_masks = False

    @classmethod
    def below(cls, root: Path) -> _Lists:
        lists = cls()
        for path in sorted(root.glob("ImageSets/*/*.txt")):
            names = {name for line in _lines(path) for name in (line, line.split()[0])}
            if part := part_of(path.stem):
                lists.part_of.update(dict.fromkeys(names, part))
            if path.parent.name == "Segmentation":
                lists._names_masks = True
                lists._masked |= names
        return lists

    def has_masks(self, name: str) -> bool:
        return not self._names_masks or name in self._masked


def _lines(path: Path) -> list[str]:
    try:
        text = decoded(read_bounded(path, _MAX_LIST_BYTES))
    except EntryError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]


def _name_of(path: Path) -> str:
    """Return an annotation's name as lists have it: its path below Annotations/, without the ending."""
    parts = path.with_suffix("").parts
    return "/".join(parts[parts.index("Annotations") + 1 :]) if "Annotations" in parts else path.stem


def _photo_of(path: Path, by_stem: dict[str, list[Path]], photos: PhotoIndex) -> Path:
    alike = by_stem.get(folded(path.stem), [])
    beside = [photo for photo in alike if photo.parent == path.parent]
    if len(beside or alike) == 1:
        return (beside or alike)[0]
    stated = stated_photo(path)
    if not stated and not alike:
        what = "the photo is missing: none has the name of this file, and it states none"
        raise entry_error(ProblemKind.PHOTO_MISSING, path, what, "Add the photo, or remove the file.")
    return photos.find(stated or path.stem, [path.parent, path.parent.parent], path)


def _label_map(folder: Path) -> list[str]:
    """Return the classes of CVAT's label map, lines `name:colour:parts:actions`, without the background."""
    path = folder / _LABEL_MAP
    if not path.is_file():
        return []
    names = [line.partition(":")[0].strip() for line in _lines(path) if not line.startswith("#")]
    return [name for name in names if name and name != "background"]
