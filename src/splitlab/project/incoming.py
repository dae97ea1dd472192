"""Labels that come back from an annotation tool: read as any dataset, and compared with the project's, by photo."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask

from splitlab.data.archives import Limits, unpack
from splitlab.data.classes import same_classes
from splitlab.data.dataset import Dataset, ImageId, ImageLabels, LabelState, ObjectLabel, TrainVal
from splitlab.data.exports.photos import place_photo
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.import_dataset import copy_folder, refuse_workspace_in
from splitlab.data.label_files.photo_index import PhotoIndex
from splitlab.data.masks import read_mask, with_masks
from splitlab.data.open_dataset import open_dataset
from splitlab.data.split import without_masks
from splitlab.errors import DataError, shown_as
from splitlab.geometry import box_iou, rle_area
from splitlab.io import Progress, make_folder, no_progress, swept
from splitlab.project.project import Project
from splitlab.project.rounds import read_rounds

_LIMITS = Limits(members=200_000, total_bytes=4_000_000_000)
_RECTANGLE = 0.98
_SAME_IOU = 0.95
"""Tools round corners and outlines, so that equal labels differ by some pixels."""


class Outcome(StrEnum):
    """What the labels of one photo mean for the project."""

    LABELLED = "labelled"
    """It had no labels."""
    MASKS_ADDED = "masks added"
    """It had boxes without masks."""
    SAME = "unchanged"
    """The project has these labels already."""
    CONFLICT = "conflict"
    """The project has other labels of the same kind or with masks; they stay unless they are to be replaced."""
    EMPTY = "still without labels"
    UNREADABLE = "not readable"
    """Some labels cannot be read, or are of a class that the project does not have."""


@dataclass(frozen=True)
class Returned:
    """The labels of one photo.

    Attributes:
        image_id: of the project's photo.
        file: the photo's path, as the project has it.
        labels: in the project's classes, masks in memory.
        outcome: what they mean for the project.
        what: how they differ or what is wrong; empty if nothing is.
    """

    image_id: ImageId
    file: str
    labels: ImageLabels
    outcome: Outcome
    what: str = ""


@dataclass(frozen=True)
class Incoming:
    """Labels that came back, not yet merged.

    Attributes:
        source: the file or folder that they came in.
        format: the format they were recognised as.
        photos: the project's photos in it.
        unknown: photos in it that the project does not have.
        problems: entries that cannot be read, a sentence each.
    """

    source: str
    format: str
    photos: tuple[Returned, ...]
    unknown: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def counts(self) -> Counter[Outcome]:
        """The number of photos of each outcome."""
        return Counter(photo.outcome for photo in self.photos)

    @property
    def new(self) -> tuple[Returned, ...]:
        """The photos that get labels or masks."""
        return tuple(photo for photo in self.photos if photo.outcome in (Outcome.LABELLED, Outcome.MASKS_ADDED))

    @property
    def conflicts(self) -> tuple[Returned, ...]:
        """The photos whose labels contradict those of the project."""
        return tuple(photo for photo in self.photos if photo.outcome == Outcome.CONFLICT)


def look_at(
    project: Project, export: Path, empty: LabelState = LabelState.NONE, progress: Progress = no_progress
) -> Incoming:
    """Read an export and compare it with the project's labels; changes nothing.

    Args:
        project: whose photos it labels.
        export: a file, an archive or a folder in any format that `open_dataset` reads. It needs no photos: those of
            the project are used. Photos are matched by the end of their paths.
        empty: what a photo without objects is: not labelled yet, or background.
        progress: called while an archive is unpacked.

    Raises:
        DataError: it cannot be read, or names no photo of the project.
    """
    mine = read_coco_folder(project.data_folder).train
    with _opened(project, export, progress) as (data, place):
        matched, unknown = _matched(data, mine, project.photos)
        if not matched:
            raise DataError(
                f"{export} has labels of no photo of the project '{project.name}' (it names {len(unknown):,} others, "
                f"such as {', '.join(unknown[:3]) or 'none'}). Give the export of this project's photos."
            )
        index_of = same_classes(data.train.class_names, mine.class_names)
        # The latest round decides.
        asked = {task.image_id: task.masks for one in read_rounds(project.folder) for task in one.tasks}
        photos = []
        for image_id, theirs in matched.items():
            found = _in_classes(theirs, data.train, index_of)
            if asked.get(image_id) is False and not isinstance(found, str):
                found = _with_boxes_again(found)
            photos.append(compared(project, mine.by_id[image_id], found, mine.class_names, empty))
        problems = tuple(
            str(problem).replace(str(place), str(export)) for problem in (*data.train.problems, *data.val.problems)
        )
    return Incoming(str(export), data.format, tuple(photos), tuple(unknown), problems)


# ---- Reading an export


@contextmanager
def _opened(project: Project, export: Path, progress: Progress) -> Iterator[tuple[TrainVal, Path]]:
    """Yield an export as a dataset, and its temporary folder.

    Formats that state no sizes, such as YOLO, need the photos. Those of the project are then linked into the folder;
    the ones without a label are no part of the export.
    """
    make_folder(project.folder)
    with tempfile.TemporaryDirectory(
        prefix=swept(".take-", project.folder), dir=project.folder, ignore_cleanup_errors=True
    ) as place:
        root = _unpacked(export, Path(place) / "whole", project.workspace.root, progress)
        with shown_as(root, str(export)):
            yield _read(root, Path(place), project.photos), root


def _read(root: Path, place: Path, photos: Path) -> TrainVal:
    try:
        data = open_dataset(str(root), place)
        if data.train.images or data.val.images:
            return data
        unread = DataError(f"{root} has no images.")
    except DataError as error:
        unread = error
    _link(photos, root / "images")
    data = _labelled_alone(open_dataset(str(root), place))
    if not (data.train.images or data.val.images):
        raise unread
    return data


def _labelled_alone(data: TrainVal) -> TrainVal:
    train, val = (
        replace(part, images=tuple(image for image in part.images if image.state != LabelState.NONE))
        for part in (data.train, data.val)
    )
    return replace(data, train=train, val=val)


def _unpacked(export: Path, root: Path, workspace: Path, progress: Progress) -> Path:
    if export.is_dir():
        refuse_workspace_in(export, workspace)
        return copy_folder(export, root)
    try:
        if export.suffix.lower() in (".json", ".xml", ".csv", ".ndjson"):
            root.mkdir()
            shutil.copyfile(export, root / export.name)
            return root
    except OSError as error:
        raise DataError(
            f"{export}: cannot be copied ({str(error)[:200]}). Check the path and the free space."
        ) from error
    if not export.is_file():
        raise DataError(f"{export} does not exist. Give the file or folder that the annotation tool exported.")
    return unpack(export, root, _LIMITS, progress)


def _link(photos: Path, target: Path) -> None:
    """Link photos into a folder of an export, which may hold anything."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise DataError(f"{target} is a link or a file, not a folder of photos. Export the labels again.")
    try:
        for path in sorted(path for path in photos.rglob("*") if path.is_file()):
            place = target / path.relative_to(photos)
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists():
                place_photo(path, place)
    except OSError as error:
        raise DataError(f"{target}: photos cannot be placed there ({str(error)[:200]}). Check the disk.") from error


def _matched(data: TrainVal, mine: Dataset, root: Path) -> tuple[dict[ImageId, ImageLabels], list[str]]:
    """Return the labels by the ids of the project's photos, and the names of photos that it does not have."""
    photos = PhotoIndex(root)
    id_of = {image.path: image.image_id for image in mine.images}
    matched: dict[ImageId, ImageLabels] = {}
    unknown: list[str] = []
    for image in (*data.train.images, *data.val.images):
        found = None
        with suppress(DataError):
            found = photos.find("/".join(image.path.parts[-3:]), [root], image.path)
        image_id = None if found is None else id_of.get(found)
        if image_id is None:
            unknown.append(image.path.name)
        elif image_id not in matched or matched[image_id].state == LabelState.NONE:
            matched[image_id] = image
    return matched, unknown


def _in_classes(theirs: ImageLabels, data: Dataset, index_of: Sequence[int | None]) -> ImageLabels | str:
    """Return labels in the project's classes with masks in memory, or what is wrong with them."""
    missing = {data.class_names[label.class_index] for label in theirs.objects if index_of[label.class_index] is None}
    if missing:
        return f"the project has no class {', '.join(sorted(missing))[:200]}"
    if theirs.state == LabelState.BROKEN:
        return "some of its labels cannot be read"
    try:
        (read,) = with_masks([theirs])
    except DataError as error:
        return str(error)
    indices = [index_of[label.class_index] for label in read.objects]
    pairs = zip(read.objects, indices, strict=True)
    objects = (replace(label, class_index=index) for label, index in pairs if index is not None)
    return replace(read, objects=tuple(objects))


def _with_boxes_again(image: ImageLabels) -> ImageLabels:
    """Return labels without their masks if all are rectangles: some tools turn boxes into outlines of four points."""
    drawn = [label for label in image.objects if label.mask is not None]
    if not drawn or not all(map(_is_rectangle, drawn)):
        return image
    return without_masks(image)


def _is_rectangle(label: ObjectLabel) -> bool:
    left, top, right, bottom = label.box
    area = 0.0 if label.mask is None else rle_area(read_mask(label.mask))
    return area >= _RECTANGLE * (right - left) * (bottom - top)


# ---- Comparing


def compared(
    project: Project, mine: ImageLabels, theirs: ImageLabels | str, class_names: Sequence[str], empty: LabelState
) -> Returned:
    """Say what the labels of a photo mean for the project.

    Args:
        project: the project.
        mine: its photo.
        theirs: labels in the project's classes, masks in memory; or what is wrong with them.
        class_names: of the project.
        empty: what a photo without objects is.
    """
    file = project.file_of(mine)
    if isinstance(theirs, str):
        return Returned(mine.image_id, file, mine, Outcome.UNREADABLE, theirs)
    if (theirs.width, theirs.height) != (mine.width, mine.height):
        what = f"labelled at {theirs.width} x {theirs.height} pixels, but it has {mine.width} x {mine.height}"
        return Returned(mine.image_id, file, mine, Outcome.UNREADABLE, what)
    if not theirs.objects and LabelState.WHOLE not in (empty, theirs.state):
        return Returned(mine.image_id, file, mine, Outcome.EMPTY)
    labels = replace(mine, objects=theirs.objects, state=LabelState.WHOLE)
    if mine.state == LabelState.NONE:
        return Returned(mine.image_id, file, labels, Outcome.LABELLED)
    if _are_same(mine.objects, labels.objects):
        return Returned(mine.image_id, file, labels, Outcome.SAME)
    if labels.targets and labels.can_be_full and not mine.can_be_full:
        return Returned(mine.image_id, file, labels, Outcome.MASKS_ADDED)
    difference = f"the project has {_objects(mine, class_names)}, the export {_objects(labels, class_names)}"
    return Returned(mine.image_id, file, labels, Outcome.CONFLICT, difference)


def _objects(image: ImageLabels, class_names: Sequence[str]) -> str:
    kinds = Counter(
        f"{class_names[label.class_index]} {'mask' if label.mask is not None else 'box'}" for label in image.objects
    )
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "no object"


def _are_same(mine: Sequence[ObjectLabel], theirs: Sequence[ObjectLabel]) -> bool:
    """Whether each object has a partner of the same class and shape, up to what tools round."""
    left = list(theirs)
    if len(mine) != len(left):
        return False
    for label in mine:
        partner = next((other for other in left if _is_same(label, other)), None)
        if partner is None:
            return False
        left.remove(partner)
    return True


def _is_same(one: ObjectLabel, other: ObjectLabel) -> bool:
    if one.class_index != other.class_index or (one.mask is None) != (other.mask is None):
        return False
    if one.mask is None or other.mask is None:
        return box_iou(one.box, other.box) >= _SAME_IOU
    first, second = read_mask(one.mask), read_mask(other.mask)
    return bool(np.asarray(coco_mask.iou([first], [second], [0])).max() >= _SAME_IOU)
