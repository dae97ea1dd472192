"""Draw F and W by seed: at random, or with the classes in proportion."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from splitlab.data.dataset import Dataset, ImageLabels, LabelState
from splitlab.data.image_counts import ImageCounts, count_images, left_out_in_words, only_crowds_in_words
from splitlab.data.splits.split import Split
from splitlab.errors import SplitError

FloatArray = NDArray[np.float64]


def draw_split(dataset: Dataset, full: int, weak: int, seed: int) -> Split:
    """Draw |F| = `full` and |W| = `weak` images by seed.

    Images that nobody labelled, or whose labels cannot be read, are left out. The others are shuffled once. F is taken
    from the front and W from the back, so with one seed a smaller F lies in a larger one, and a smaller W in a larger
    one of the same F. Images that lack a mask are put behind the others: they can stand in W only.
    Background images can stand in W only, too: F passes over them.

    Raises:
        SplitError: the dataset does not have so many images, or not so many with masks.
    """
    check_sizes(dataset, full, weak)
    return _from_both_ends(dataset, _labelled(_shuffled(dataset.images, seed)), full, weak, seed, "random")


def draw_stratified(dataset: Dataset, full: int, weak: int, seed: int) -> Split:
    """Draw F and W so that each class stands in as large a share of their images as of all images.

    Every beginning of the order, and so every end, has the classes in proportion; sets nest as `draw_split`'s do, and
    the same images are left out.

    Raises:
        SplitError: the dataset does not have so many images, or not so many with masks.
    """
    check_sizes(dataset, full, weak)
    labelled = _labelled(_shuffled(dataset.images, seed))
    return _from_both_ends(dataset, _in_proportion(labelled), full, weak, seed, "stratified")


def _shuffled(images: Sequence[ImageLabels], seed: int) -> list[ImageLabels]:
    return [images[index] for index in np.random.default_rng(seed).permutation(len(images))]


def _labelled(images: Sequence[ImageLabels]) -> list[ImageLabels]:
    return [image for image in images if image.state == LabelState.WHOLE]


def _from_both_ends(dataset: Dataset, ordered: list[ImageLabels], full: int, weak: int, seed: int, drawn: str) -> Split:
    ordered = sorted(ordered, key=lambda image: not image.can_be_full)
    front = [image.image_id for image in ordered if image.targets and image.can_be_full][:full]
    taken = set(front)
    left = [image.image_id for image in ordered if image.image_id not in taken]
    return Split(tuple(front), tuple(left[::-1][:weak]), seed, dataset.source_hash, drawn)


def check_sizes(dataset: Dataset, full: int, weak: int) -> None:
    """Raise SplitError where the dataset cannot give |F| = `full` and |W| = `weak`."""
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


def _why_so_few(dataset: Dataset, counts: ImageCounts) -> str:
    reasons = (only_crowds_in_words(dataset), left_out_in_words(counts, dataset))
    return "".join(f" {reason}" for reason in reasons if reason)


def _in_proportion(images: Sequence[ImageLabels]) -> list[ImageLabels]:
    """Order images so that every beginning has the classes in the proportions of the whole.

    Herding (Welling 2009): each next image is the one whose classes are owed most; `owed` grows by the mean image
    and shrinks by the image taken. Images with the same classes wait in one queue.
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


def _half_squared(shown: FloatArray, weight: FloatArray) -> FloatArray:
    # Without it, images that show many classes would always come first.
    return np.asarray((shown**2 @ weight) / 2)


def _class_count(kinds: Sequence[frozenset[int]]) -> int:
    return max((max(kind, default=-1) for kind in kinds), default=-1) + 1
