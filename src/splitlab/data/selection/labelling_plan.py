"""A plan of what to label: of the photos without labels, those that get masks, those that get boxes, and the rest."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from splitlab.data.dataset import Dataset, ImageId, LabelState, json_hash
from splitlab.data.reading import read_bounded
from splitlab.data.selection.near_duplicates import Groups
from splitlab.data.split import as_image_id
from splitlab.errors import SplitError
from splitlab.io import make_folder, write_bytes, write_json

_MAX_BYTES = 50_000_000
_TASKS = {"masks": "draw masks", "boxes": "draw boxes", "leave": "leave"}


@dataclass(frozen=True)
class LabellingPlan:
    """What to do with each photo without labels.

    Attributes:
        masks: ids of the photos to draw masks on, first things first; some may have boxes already.
        boxes: ids of those to draw boxes on, first things first.
        leave: ids of the others, in the order in which they would be next.
        near_duplicates: ids of `leave` that are near-duplicates of a chosen photo.
        seed: of the draw.
        source: hash of the labels of the dataset.
    """

    masks: tuple[ImageId, ...]
    boxes: tuple[ImageId, ...]
    leave: tuple[ImageId, ...]
    near_duplicates: tuple[ImageId, ...]
    seed: int
    source: str

    def __post_init__(self) -> None:
        listed = Counter((*self.masks, *self.boxes, *self.leave))
        twice = [image_id for image_id, count in listed.items() if count > 1]
        if twice:
            raise SplitError(f"Image {twice[0]!r} is listed twice in a labelling plan. Give each photo one task.")

    @cached_property
    def hash(self) -> str:
        """sha256 over the tasks, the seed and the source: equal for equal plans."""
        return json_hash(asdict(self))


def plan_labelling(dataset: Dataset, masks: int, boxes: int, seed: int = 0, groups: Groups = ()) -> LabellingPlan:
    """Choose photos to draw masks on and photos to draw boxes on, at random among those without labels.

    Of near-duplicates one is chosen first, none if one has labels; others only if the numbers need them. Masks are
    taken from the front of one order and boxes from the back: with one seed, fewer masks lie in more masks, and fewer
    boxes in more boxes of the same number of masks.

    Args:
        dataset: the subset to label, train.
        masks: number of photos to draw masks on.
        boxes: number of photos to draw boxes on.
        seed: of the draw. The same photos and groups give the same plan on any machine.
        groups: the near-duplicates among the images of the dataset.

    Raises:
        SplitError: a number is negative, both are 0, or together they exceed the photos without labels.
    """
    pool = [image.image_id for image in dataset.images if image.state == LabelState.NONE]
    _check_numbers(dataset, masks, boxes, len(pool))
    order = random_order(pool, seed)
    turns = _turns(order, dataset.by_id.keys() - set(pool), groups)
    from_front, from_back = (sorted(ids, key=turns.__getitem__) for ids in (order, order[::-1]))
    with_masks = from_front[:masks]
    taken = set(with_masks)
    with_boxes = [image_id for image_id in from_back if image_id not in taken][:boxes]
    return plan_of_chosen(dataset, with_masks, with_boxes, from_front, seed, groups)


def plan_of_chosen(
    dataset: Dataset,
    masks: Sequence[ImageId],
    boxes: Sequence[ImageId],
    order: Sequence[ImageId],
    seed: int,
    groups: Groups = (),
) -> LabellingPlan:
    """Return the plan for chosen photos, which leaves the others of `order` in that order.

    Args:
        dataset: the subset they are in.
        masks: ids of the photos to draw masks on.
        boxes: ids of those to draw boxes on.
        order: ids of all photos without labels.
        seed: of the choice.
        groups: the near-duplicates among the images of the dataset.

    Raises:
        SplitError: a photo is chosen twice.
    """
    taken = {*masks, *boxes}
    leave = tuple(image_id for image_id in order if image_id not in taken)
    known = {image_id for group in groups if not taken.isdisjoint(group) for image_id in group}
    near = tuple(image_id for image_id in leave if image_id in known)
    return LabellingPlan(tuple(masks), tuple(boxes), leave, near, seed, dataset.source_hash)


def first_of_groups(order: Sequence[ImageId], labelled: Iterable[ImageId], groups: Groups) -> list[ImageId]:
    """Return the photos of an order without near-duplicates: the first of each group, none of a group with labels.

    Args:
        order: ids of photos.
        labelled: ids of the photos whose labels make those of near-duplicates worthless.
        groups: the near-duplicates.
    """
    turns = _turns(order, labelled, groups)
    return [image_id for image_id in order if turns[image_id] == 0]


def random_order(pool: Sequence[ImageId], seed: int) -> list[ImageId]:
    """Return image ids in an order that depends on the ids and the seed alone."""
    ids = sorted(pool, key=str)
    return [ids[index] for index in np.random.default_rng(seed).permutation(len(ids))]


def plan_as_csv(plan: LabellingPlan, dataset: Dataset, root: Path) -> str:
    """Return a plan as CSV with the columns file, below the dataset's folder `root`, and task.

    Raises:
        DataError: a photo of the plan is not in the dataset.
    """
    rows = [(image.path, task) for field, task in _TASKS.items() for image in dataset.select(getattr(plan, field))]
    return photos_as_csv(("task",), rows, root)


def photos_as_csv(heads: Sequence[str], rows: Iterable[tuple[Path, *tuple[str, ...]]], root: Path) -> str:
    """Return CSV with a line for each photo, safe to open in a spreadsheet.

    Args:
        heads: of the columns after the first, which is file.
        rows: the path of a photo, shown below `root`, and its other cells.
        root: the folder of the photos.
    """
    text = io.StringIO()
    # The ends of its lines are "\r\n", because only then does it quote a "\r" in a name.
    table = csv.writer(text)
    table.writerow(("file", *heads))
    table.writerows((_name(path, root), *cells) for path, *cells in rows)
    return text.getvalue()


def write_plan(folder: Path, plan: LabellingPlan, dataset: Dataset, root: Path) -> tuple[Path, Path]:
    """Write a plan into a folder as labelling-plan.csv and labelling-plan.json; return the two files.

    Raises:
        DataError: a photo of the plan is not in the dataset.
        RunError: the folder cannot be written.
    """
    table, whole = folder / "labelling-plan.csv", folder / "labelling-plan.json"
    content = plan_as_csv(plan, dataset, root)
    make_folder(folder)
    # A file name that is not UTF-8 keeps its bytes.
    write_bytes(table, content.encode(errors="surrogateescape"))
    write_json(whole, {**asdict(plan), "hash": plan.hash})
    return table, whole


def read_plan(path: Path) -> LabellingPlan:
    """Read the JSON file of a plan.

    Raises:
        DataError: the file is missing or too large.
        SplitError: it is broken, or was changed by hand.
    """
    try:
        content = json.loads(read_bounded(path, _MAX_BYTES))
        masks, boxes, leave, near = (
            tuple(map(as_image_id, content[field])) for field in ("masks", "boxes", "leave", "near_duplicates")
        )
        plan = LabellingPlan(masks, boxes, leave, near, int(content["seed"]), str(content["source"]))
        stated = content["hash"]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise SplitError(f"{path}: is not a labelling plan ({str(error)[:200]}). Plan again.") from error
    if stated != plan.hash:
        raise SplitError(f"{path}: was changed after it was made (the hash differs). Plan again.")
    return plan


def _check_numbers(dataset: Dataset, masks: int, boxes: int, there: int) -> None:
    if min(masks, boxes) < 0:
        raise SplitError(f"{masks} masks, {boxes} boxes: numbers of photos to label cannot be negative.")
    if masks + boxes == 0:
        raise SplitError("A plan of 0 masks and 0 boxes has nothing to label: ask for at least one photo.")
    if masks + boxes > there:
        raise SplitError(
            f"{masks} + {boxes} = {masks + boxes} photos are more than the {there:,} without labels in "
            f"'{dataset.name}'. Ask for up to {there}."
        )


def _turns(order: Sequence[ImageId], labelled: Iterable[ImageId], groups: Groups) -> dict[ImageId, int]:
    """Return how many near-duplicates of each photo come before it; those with labels come before all."""
    group_of = {image_id: number for number, group in enumerate(groups) for image_id in group}
    before = Counter(group_of[one] for one in labelled if one in group_of)
    turns = {}
    for image_id in order:
        group = group_of.get(image_id)
        turns[image_id] = 0 if group is None else before[group]
        if group is not None:
            before[group] += 1
    return turns


def _name(path: Path, root: Path) -> str:
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    # A spreadsheet would take it for a formula.
    return f"./{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name
