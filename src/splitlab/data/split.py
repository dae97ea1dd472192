"""F/W splits: which images have masks and which have boxes only. Draw, read and apply them."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitlab.data.dataset import (
    Dataset,
    ImageCounts,
    ImageId,
    ImageLabels,
    LabelState,
    TrainVal,
    count_images,
    json_hash,
    left_out_in_words,
    only_crowds_in_words,
)
from splitlab.errors import SplitError

_FloatArray = NDArray[np.float64]

_PAPER_SEED = 42


@dataclass(frozen=True)
class Split:
    """The image ids of F and W, disjoint.

    Attributes:
        full: image ids of F.
        weak: image ids of W.
        seed: of the draw; 0 if nothing was drawn.
        source: hash of the labels it was drawn from.
        drawn: how it was made, such as "random" or "paper".
    """

    full: tuple[ImageId, ...]
    weak: tuple[ImageId, ...]
    seed: int
    source: str
    drawn: str = "random"

    def __post_init__(self) -> None:
        if not self.full and not self.weak:
            raise SplitError("A split of 0/0 has nothing to train on: give |F| or |W| at least one image.")
        both = set(self.full) & set(self.weak)
        if both:
            raise SplitError(
                f"Image {min(both, key=str)} is in both F and W ({len(both)} are): each belongs to one of them."
            )

    @property
    def name(self) -> str:
        """The split as in the paper, such as "400/5000"."""
        return f"{len(self.full)}/{len(self.weak)}"

    @cached_property
    def hash(self) -> str:
        """sha256 over the ids, the seed and the source: equal for equal splits."""
        content = {"full": self.full, "weak": self.weak, "seed": self.seed, "source": self.source}
        return json_hash(content)

    def to_json(self) -> dict[str, Any]:
        """Return the content of its file, which the command line also shows."""
        return {
            "name": self.name,
            "full": list(self.full),
            "weak": list(self.weak),
            "seed": self.seed,
            "source": self.source,
            "drawn": self.drawn,
            "hash": self.hash,
        }


def read_split(path: Path) -> Split:
    """Read a split file and check its hash.

    Raises:
        SplitError: the file is missing, broken, or its hash does not match its ids.
    """
    try:
        content = json.loads(path.read_text())
        split = Split(
            tuple(as_image_id(image_id) for image_id in content["full"]),
            tuple(as_image_id(image_id) for image_id in content["weak"]),
            int(content["seed"]),
            str(content["source"]),
            str(content.get("drawn", "random")),
        )
        stated = content["hash"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SplitError(f"{path}: is not a split file ({error!r}). Draw the split again.") from error
    if stated != split.hash:
        raise SplitError(f"{path}: its ids were changed after it was drawn (the hash differs). Draw the split again.")
    return split


def as_image_id(value: object) -> ImageId:
    """Return a value from a JSON file as an image id. Raise TypeError if it is none."""
    if isinstance(value, int | str):
        return value
    raise TypeError(f"{value!r} is not an image id")


def boxes_only(labels: ImageLabels) -> ImageLabels:
    """Return labels for a YOLO's W: without masks and without difficult objects.

    An image that has only difficult objects does not become background: its state becomes `LabelState.NONE`.
    """
    kept = tuple(label for label in labels.objects if not label.is_difficult)
    state = labels.state if kept or not labels.objects else LabelState.NONE
    return without_masks(replace(labels, objects=kept, state=state))


def without_masks(labels: ImageLabels) -> ImageLabels:
    """Return labels for DETR's W: all objects, without masks."""
    return replace(labels, objects=tuple(replace(label, mask=None) for label in labels.objects))


def as_split(data: TrainVal, split: Split, as_weak: Callable[[ImageLabels], ImageLabels] = boxes_only) -> TrainVal:
    """Return a dataset whose train images are F as it is and W without masks; val stays.

    `as_weak` says what W keeps of its labels: `boxes_only` or `without_masks`. The `source_hash` of train becomes the
    split's hash.

    Raises:
        SplitError: the split was drawn from other labels.
        DataError: an image of the split is not in the dataset.
    """
    if split.source != data.train.source_hash:
        raise SplitError(f"The split {split.name} was drawn from other labels than those of '{data.train.name}'.")
    images = (*data.train.select(split.full), *map(as_weak, data.train.select(split.weak)))
    # The pools list photos that are no longer in it.
    train = replace(data.train, images=images, source_hash=split.hash, few_shot_pool=(), paper_pools=())
    return replace(data, train=train)


def draw_split(dataset: Dataset, full: int, weak: int, seed: int) -> Split:
    """Draw |F| = `full` and |W| = `weak` images at random.

    Images without labels or with unreadable labels are left out. The others are shuffled once; F is taken from the
    front and W from the back: with one seed, a smaller F lies in a larger one, and a smaller W in a larger one of the
    same F. Images without all masks, and background images, can be in W only.

    Raises:
        SplitError: the dataset has too few images, or too few with masks.
    """
    check_sizes(dataset, full, weak)
    return _from_both_ends(dataset, _labelled(_shuffled(dataset.images, seed)), full, weak, seed, "random")


def draw_stratified(dataset: Dataset, full: int, weak: int, seed: int) -> Split:
    """Draw F and W so that each class has the same share of their images as of all images.

    Every beginning and every end of the order has the classes in proportion. Sets nest as in `draw_split`, and the same
    images are left out.

    Raises:
        SplitError: as `draw_split`.
    """
    check_sizes(dataset, full, weak)
    labelled = _labelled(_shuffled(dataset.images, seed))
    return _from_both_ends(dataset, _in_proportion(labelled), full, weak, seed, "stratified")


def check_sizes(dataset: Dataset, full: int, weak: int) -> None:
    """Raise SplitError if the dataset cannot provide |F| = `full` and |W| = `weak`."""
    counts = count_images(dataset)
    if full < 0 or weak < 0:
        raise SplitError(f"|F| = {full}, |W| = {weak}: sizes cannot be negative.")
    if full > counts.masks:
        raise SplitError(
            f"|F| = {full} is more than the {counts.masks} images of '{dataset.name}' whose objects all have masks. "
            f"Choose a smaller |F|.{_why_so_few(dataset, counts)}"
        )
    if full + weak > counts.to_draw:
        known = "labelled images" if counts.to_draw < len(dataset.images) else "images"
        raise SplitError(
            f"|F| + |W| = {full} + {weak} = {full + weak} is more than the {counts.to_draw} {known} "
            f"in '{dataset.name}'. Choose |F| + |W| up to {counts.to_draw}.{_why_so_few(dataset, counts)}"
        )


def draw_paper_split(dataset: Dataset, full: int, weak: int | None) -> Split:
    """Draw the authors' images for YOLOv5 (docs/protocol.md, Splits); their lists for DETR hold other images.

    `weak` is |W|, or None for all remaining images.

    Raises:
        SplitError: the paper has no protocol for this dataset, or the dataset has too few images.
    """
    if not dataset.paper_pools:
        raise SplitError(
            f"The paper has no protocol for '{dataset.name}', only for VOC2012 and Cityscapes. Draw at random instead."
        )
    if dataset.problems:
        raise SplitError(
            f"{len(dataset.problems):,} entries of '{dataset.name}' cannot be read, so its images are not those that "
            f"the authors drew from. The first: {dataset.problems[0]}"
        )
    rng = np.random.default_rng(_PAPER_SEED)
    pools = [list(pool) for pool in dataset.paper_pools]
    for pool in pools:
        rng.shuffle(pool)
    first, others = pools[0], [image_id for pool in pools[1:] for image_id in pool]
    _check(dataset, "|F|", full, len(first))
    left = [*others, *first[full:]]
    _check(dataset, "|W|", weak or 0, len(left))
    return Split(tuple(first[:full]), tuple(left[:weak]), _PAPER_SEED, dataset.source_hash, "paper")


def _from_both_ends(dataset: Dataset, ordered: list[ImageLabels], full: int, weak: int, seed: int, drawn: str) -> Split:
    ordered = sorted(ordered, key=lambda image: not image.can_be_full)
    front = [image.image_id for image in ordered if image.targets and image.can_be_full][:full]
    taken = set(front)
    left = [image.image_id for image in ordered if image.image_id not in taken]
    return Split(tuple(front), tuple(left[::-1][:weak]), seed, dataset.source_hash, drawn)


def _labelled(images: Sequence[ImageLabels]) -> list[ImageLabels]:
    return [image for image in images if image.state == LabelState.WHOLE]


def _shuffled(images: Sequence[ImageLabels], seed: int) -> list[ImageLabels]:
    return [images[index] for index in np.random.default_rng(seed).permutation(len(images))]


def _in_proportion(images: Sequence[ImageLabels]) -> list[ImageLabels]:
    """Order images so that every beginning has the classes in the proportions of the whole.

    Herding (Welling 2009): the next image is the one whose classes are owed most. `owed` grows by the mean image and
    shrinks by the image taken. Images with the same classes share a queue.
    """
    waiting: dict[frozenset[int], deque[ImageLabels]] = defaultdict(deque)
    for image in images:
        waiting[frozenset(label.class_index for label in image.targets)].append(image)
    kinds = list(waiting)
    shown = np.array([[index in kind for index in range(_class_count(kinds))] for kind in kinds], float)
    left = np.array([len(waiting[kind]) for kind in kinds])
    mean = left @ shown / len(images)
    weight = 1 / np.maximum(mean, 1 / len(images))  # a rare class counts as much as a common one
    owed = mean.copy()
    ordered = []
    for _ in images:
        best = int(np.where(left > 0, shown @ (owed * weight) - _half_squared(shown, weight), -np.inf).argmax())
        ordered.append(waiting[kinds[best]].popleft())
        left[best] -= 1
        owed += mean - shown[best]
    return ordered


def _class_count(kinds: Sequence[frozenset[int]]) -> int:
    return max((max(kind, default=-1) for kind in kinds), default=-1) + 1


def _half_squared(shown: _FloatArray, weight: _FloatArray) -> _FloatArray:
    # Otherwise images that show many classes would always come first.
    return np.asarray((shown**2 @ weight) / 2)


def _why_so_few(dataset: Dataset, counts: ImageCounts) -> str:
    reasons = (only_crowds_in_words(dataset), left_out_in_words(counts, dataset))
    return "".join(f" {reason}" for reason in reasons if reason)


def _check(dataset: Dataset, size: str, wanted: int, there: int) -> None:
    if not 0 <= wanted <= there:
        raise SplitError(f"{size} = {wanted}: '{dataset.name}' has {there} images for it. Choose 0 to {there}.")
