"""What a label file says of one photo, and a dataset built from such records.

Readers of annotation tools' formats only translate: they yield a `Record` for each photo. `dataset_of` finds the
photos, reads their sizes, numbers the classes, draws the masks and collects the problems.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from splitlab.data.dataset import (
    Box,
    Dataset,
    EntryError,
    ImageLabels,
    IndexedMask,
    LabelState,
    ObjectLabel,
    Problem,
    ProblemKind,
    TrainVal,
    entry_error,
    json_hash,
    refuse_nothing_left,
    unreadable,
)
from splitlab.data.images import read_size, unread_photo
from splitlab.data.label_files.photo_index import PhotoIndex
from splitlab.data.reading import check_image_size, printable
from splitlab.errors import ImageError
from splitlab.geometry import (
    LEAST_OUTLINE_NUMBERS,
    MAX_OUTLINE_PIXELS,
    Rle,
    mask_to_rle,
    outline_length,
    polygons_to_rle,
    rle_area,
    rle_to_mask,
    rle_to_xyxy,
)

Outline = NDArray[np.float64]

_PARTS = {
    "train": ("train", "training", "trn"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
_PART_OF = {name: part for part, names in _PARTS.items() for name in names}
_YEAR = re.compile(r"(19|20)\d\d\Z")
# Rounding and the two ways of counting pixels put boxes up to this far outside.
_MARGIN_PIXELS = 2.0


@dataclass(frozen=True, slots=True)
class Shape:
    """One object as a label file states it, in pixels of the photo.

    Attributes:
        where: its name in messages, such as "shape 3" or "line 7".
        class_name: as written.
        box: xyxy; None if it is that of the mask.
        outlines: (N, 2) xy arrays, the parts of its mask; empty for a box only.
        holes: (N, 2) xy arrays that are cut out of it.
        mask: in place of outlines: in image size, or the pixels of one value in an image of all objects.
        is_crowd, is_difficult: as in `ObjectLabel`.
        lost_mask: why its mask cannot be read, a clause; its box is kept.
    """

    where: str
    class_name: str
    box: Box | None = None
    outlines: tuple[Outline, ...] = ()
    holes: tuple[Outline, ...] = ()
    mask: Rle | IndexedMask | None = None
    is_crowd: bool = False
    is_difficult: bool = False
    lost_mask: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """What a label file says of one photo.

    Attributes:
        label_file: for messages.
        photo: its path as stated, or the path of the file itself.
        shapes: its objects.
        size: (width, height) as stated, pixels; None if it is not.
        part: "train", "val", "test", or "" if the format does not say.
        state: `LabelState.NONE` if a photo without objects may not have been labelled.
        digest: hash of what it says, for `Dataset.source_hash`.
        problems: entries of it that cannot be read; they make its labels broken.
    """

    label_file: Path
    photo: str | Path
    shapes: tuple[Shape, ...]
    size: tuple[int, int] | None = None
    part: str = ""
    state: LabelState = LabelState.WHOLE
    digest: str = ""
    problems: tuple[Problem, ...] = ()


def part_of(name: str) -> str:
    """Return the part that the name of a folder or list means: "train", "val" or "test", or "" for another name."""
    return _PART_OF.get(_YEAR.sub("", name.lower()), "")


def part_of_folders(path: Path, root: Path) -> str:
    """Return the part that a folder above a file below `root` means; the nearest one counts."""
    if not path.is_relative_to(root):
        return ""
    for folder in reversed(path.relative_to(root).parts[:-1]):
        if part := part_of(folder):
            return part
    return ""


def dataset_of(
    photos: PhotoIndex,
    format_name: str,
    found: Iterable[Record | Problem],
    class_names: Sequence[str] = (),
) -> TrainVal:
    """Build a dataset from records and the problems of other entries.

    Classes come in the order of `class_names`, then those that only objects have, by name. Records without a part are
    train; the test part is left out. Photos that no record names are not labelled, and belong to train unless their
    folder is called val or test. An image's id is its path without the ending, or the whole path if two are alike.

    Raises:
        DataError: no record can be read.
    """
    records: list[Record] = []
    problems: list[Problem] = []
    for one in found:
        if isinstance(one, Record):
            records.append(one)
        else:
            problems.append(one)
    refuse_nothing_left(records, problems)
    names = _class_names(records, class_names)
    builder = _Builder(photos, {name: index for index, name in enumerate(names)})
    builder.problems["train"] += problems
    for record in records:
        builder.add(record)
    builder.add_unlisted()
    train, val = (builder.part(part, names) for part in ("train", "val"))
    test = len(builder.images["test"])
    notes = (f"The test part ({test:,} images) is not used.",) if test else ()
    return TrainVal(train, val, format_name, notes)


def labelled_size(photo: Path, stated: tuple[int, int] | None, boxes: Iterable[Box]) -> tuple[int, int]:
    """Return the (width, height) that labels refer to, in pixels.

    Stated sizes are taken without opening the photo, unless the boxes fit only a photo turned by a quarter: some tools
    state the size as stored and labels as shown, upright by EXIF. Sizes that are not stated are read from the photo.

    Raises:
        ImageError: no size is stated and the photo cannot be read.
    """
    if stated is None or 0 in stated:
        return read_size(photo).upright
    turned = stated[::-1]
    far = [(box[2], box[3]) for box in boxes]
    right, bottom = max((x for x, _ in far), default=0.0), max((y for _, y in far), default=0.0)
    if _holds(stated, right, bottom) or not _holds(turned, right, bottom):
        return stated
    try:
        size = read_size(photo)
    except ImageError:
        return stated
    return turned if size.is_sideways and size.fits(*stated) else stated


def draw_mask(shape: Shape, label_file: Path, width: int, height: int) -> Rle | None:
    """Draw an object's outlines as one mask, without its holes; None if it has no outline of three points.

    Raises:
        EntryError: an outline is not a list of points near the image, or too long to draw.
    """
    outlines, holes = (_drawable(lines, shape, label_file, width, height) for lines in (shape.outlines, shape.holes))
    if not outlines:
        return None
    mask = polygons_to_rle([outline.ravel().tolist() for outline in outlines], height, width)
    if not holes:
        return mask
    cut = polygons_to_rle([hole.ravel().tolist() for hole in holes], height, width)
    return mask_to_rle(rle_to_mask(mask) & ~rle_to_mask(cut))


class _Builder:
    """Collects the images and problems of each part."""

    def __init__(self, photos: PhotoIndex, index_of: dict[str, int]) -> None:
        self._photos = photos
        self._index_of = index_of
        self._taken: dict[Path, str] = {}
        self.images: dict[str, list[tuple[Path, ImageLabels, str]]] = defaultdict(list)
        self.problems: dict[str, list[Problem]] = defaultdict(list)

    def add(self, record: Record) -> None:
        part = record.part or "train"
        try:
            photo = self._photo_of(record)
            image, problems = to_image(record, photo, self._index_of)
        except EntryError as error:
            self.problems[part].append(error.problem)
            return
        self._taken[photo] = part
        self.images[part].append((photo, image, record.digest))
        self.problems[part] += problems

    def add_unlisted(self) -> None:
        """Add the photos that no record names, as not labelled, from the folders of those that records name.

        Other folders may hold pictures of masks.
        """
        folders = {photo.parent for photo in self._taken}
        for photo in self._photos.photos():
            if photo in self._taken or (folders and photo.parent not in folders):
                continue
            part = part_of_folders(photo, self._photos.root) or "train"
            try:
                width, height = read_size(photo).upright
            except ImageError as error:
                self.problems[part].append(unread_photo(photo, error))
                continue
            self.images[part].append((photo, ImageLabels("", photo, width, height, (), LabelState.NONE), ""))

    def part(self, part: str, class_names: tuple[str, ...]) -> Dataset:
        found = sorted(self.images[part], key=lambda one: one[0].as_posix())
        ids = _image_ids([photo for photo, _, _ in found], self._photos.root)
        images = tuple(replace(image, image_id=key) for key, (_, image, _) in zip(ids, found, strict=True))
        digests = [(key, digest) for key, (_, _, digest) in zip(ids, found, strict=True) if digest]
        return Dataset(
            name=self._photos.root.resolve().name,
            class_names=class_names,
            # COCO keeps 0 for the background.
            category_ids=tuple(range(1, len(class_names) + 1)),
            images=images,
            source_hash=json_hash([class_names, digests]),
            problems=tuple(self.problems[part]),
        )

    def _photo_of(self, record: Record) -> Path:
        if isinstance(record.photo, Path):
            photo = record.photo
        else:
            photo = self._photos.find(record.photo, [record.label_file.parent], record.label_file)
        if photo in self._taken:
            what = f"the photo {photo.name} is labelled twice"
            raise entry_error(ProblemKind.PHOTO_TWICE, record.label_file, what, "Keep one of its label files.")
        return photo


def _class_names(records: Sequence[Record], declared: Sequence[str]) -> tuple[str, ...]:
    used = {printable(shape.class_name) for record in records for shape in record.shapes}
    names = dict.fromkeys([*map(printable, declared), *sorted(used)])
    return tuple(name for name in names if name)


def to_image(record: Record, photo: Path, index_of: dict[str, int]) -> tuple[ImageLabels, list[Problem]]:
    """Return the labels of a record's photo, with an empty id, and the problems of its entries.

    `index_of` maps class names to indices.

    Raises:
        EntryError: the size of the photo is neither stated nor readable, or impossible.
    """
    boxes = [_extent(shape) for shape in record.shapes]
    try:
        width, height = labelled_size(photo, record.size, [box for box in boxes if box])
    except ImageError as error:
        raise EntryError(unread_photo(photo, error)) from error
    check_image_size(width, height, record.label_file, "its image")
    objects: list[ObjectLabel] = []
    masks_lost: list[Problem] = []
    unread: list[Problem] = list(record.problems)
    for shape in record.shapes:
        try:
            label, problem = _to_object(shape, record.label_file, width, height, index_of)
        except EntryError as error:
            unread.append(error.problem)
            continue
        objects.append(label)
        masks_lost += [problem] if problem else []
    state = LabelState.BROKEN if unread else LabelState.WHOLE if objects else record.state
    return ImageLabels("", photo, width, height, tuple(objects), state), [*unread, *masks_lost]


def _to_object(
    shape: Shape, label_file: Path, width: int, height: int, index_of: dict[str, int]
) -> tuple[ObjectLabel, Problem | None]:
    """Return the object, and the problem of its mask if only its box is kept."""
    problem = None
    mask = shape.mask
    if shape.lost_mask:
        what = f"{shape.where}: {shape.lost_mask}"
        problem = Problem(ProblemKind.MASK, str(label_file), what, "Draw it again; only its box is kept.")
    if shape.outlines:
        try:
            mask = draw_mask(shape, label_file, width, height)
            if mask is None:
                what = f"{shape.where} has fewer than three points, so it has no mask"
                problem = Problem(ProblemKind.OUTLINE, str(label_file), what, "Draw the outline again.")
        except EntryError as error:
            problem = error.problem
    if isinstance(mask, dict) and mask["size"] != [height, width]:
        what = f"the mask of {shape.where} is not as large as its image of {width} x {height} pixels"
        problem = Problem(ProblemKind.MASK, str(label_file), what, "Export it again; only its box is kept.")
        shape, mask = replace(shape, box=shape.box or _box_of(mask)), None
    box = shape.box or _box_of(mask) or _extent(shape)
    if box is None:
        raise unreadable(label_file, f"{shape.where} has neither a box nor a mask", "Draw it again, or remove it.")
    name = printable(shape.class_name)
    if name not in index_of:
        raise unreadable(label_file, f"{shape.where} has no class", "Give it one, or remove it.")
    label = ObjectLabel(index_of[name], box, mask, is_crowd=shape.is_crowd, is_difficult=shape.is_difficult)
    return label, problem


def _box_of(mask: Rle | IndexedMask | None) -> Box | None:
    if not isinstance(mask, dict) or not rle_area(mask):
        return None
    left, top, right, bottom = rle_to_xyxy(mask).tolist()
    return left, top, right, bottom


def _extent(shape: Shape) -> Box | None:
    """Return the stated box, else the rectangle around the outlines."""
    if shape.box is not None or not shape.outlines:
        return shape.box
    points = np.concatenate([outline.reshape(-1, 2) for outline in shape.outlines])
    if not points.size or not np.isfinite(points).all():
        return None
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return left, top, right, bottom


def _drawable(lines: Sequence[Outline], shape: Shape, label_file: Path, width: int, height: int) -> list[Outline]:
    reach = 2 * max(height, width) + 2
    if not all(bool((np.abs(line) <= reach).all()) for line in lines):
        what = f"{shape.where} has points far outside its image of {width} x {height} pixels"
        raise entry_error(ProblemKind.MASK, label_file, what, "Draw it again; only its box is kept.")
    if sum(map(outline_length, lines)) > MAX_OUTLINE_PIXELS:
        what = f"the outline of {shape.where} is over {MAX_OUTLINE_PIXELS:,} pixels long"
        raise entry_error(ProblemKind.MASK, label_file, what, "Simplify it; only its box is kept.")
    return [line for line in lines if line.size >= LEAST_OUTLINE_NUMBERS]


def _holds(size: tuple[int, int], right: float, bottom: float) -> bool:
    return right <= size[0] + _MARGIN_PIXELS and bottom <= size[1] + _MARGIN_PIXELS


def _image_ids(photos: Sequence[Path], root: Path) -> list[str]:
    paths = [photo.relative_to(root) if photo.is_relative_to(root) else photo for photo in photos]
    short = Counter(path.with_suffix("").as_posix() for path in paths)
    return [stem if short[stem := path.with_suffix("").as_posix()] == 1 else path.as_posix() for path in paths]
