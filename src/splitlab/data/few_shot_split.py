"""Few-shot splits: a few masks per class as F, all other images as W, including background (Sec. 4.6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np

from splitlab.data.dataset import Dataset, ImageId, ImageLabels, LabelState
from splitlab.data.split import Split
from splitlab.errors import SplitError

_PAPER_SEED = 42
FEW_SHOT_CLASSES = ("aeroplane", "cow", "bird", "boat", "sheep", "dog", "horse", "cat")
FEW_SHOT_IMAGES = (
    "2007_000645", "2007_000876", "2007_001225", "2007_002088", "2009_002820", "2011_002447", "2010_001595",
    "2008_005375", "2007_009605", "2008_005512", "2008_005367", "2008_006349", "2010_000043", "2008_007012",
    "2007_006212", "2007_006232", "2011_000882",
)  # fmt: skip


def paper_few_shot(dataset: Dataset) -> Split:
    """Return the few-shot split of Sec. 4.6: F is 17 images of VOC2012, W all others of its Main/trainval.txt.

    Images of Segmentation/val.txt are in neither. W has 10,408 images; those that show none of the 8 classes are
    background. Both sets are shuffled with one generator, as in the authors' code.

    Raises:
        SplitError: the dataset lacks one of the 17 images or one of the classes.
    """
    missing = [image_id for image_id in FEW_SHOT_IMAGES if image_id not in dataset.by_id]
    missing += [name for name in FEW_SHOT_CLASSES if name not in dataset.class_names]
    if missing:
        raise SplitError(
            f"'{dataset.name}' has no {missing[0]}: the paper's few-shot images are from VOC2012. "
            "Draw your own with a number of masks per class."
        )
    full, pool = list(FEW_SHOT_IMAGES), set(dataset.few_shot_pool or dataset.by_id)
    weak = sorted((image_id for image_id in _others(dataset, full) if image_id in pool), key=str)
    rng = np.random.default_rng(_PAPER_SEED)
    rng.shuffle(full)
    rng.shuffle(weak)
    return Split(tuple(full), tuple(weak), _PAPER_SEED, dataset.source_hash, "paper few-shot")


def draw_few_shot(dataset: Dataset, masks_per_class: int, seed: int, class_names: Sequence[str] = ()) -> Split:
    """Draw images until each class has `masks_per_class` masks; W is all other labelled images.

    An image counts with all its objects. Images that fit are taken first; a class that is still short then gets the
    images that exceed it least. Images of W that show none of the classes are background.

    All classes count unless `class_names` are given. Classes that are learned from boxes alone need no masks.

    Raises:
        SplitError: a class does not exist, or has fewer masks.
    """
    if masks_per_class < 1:
        raise SplitError(f"{masks_per_class} masks per class: it must be at least 1.")
    names = _known(dataset, class_names)
    wanted = {dataset.class_names.index(name) for name in names} - _boxed_alone(dataset)
    # Without background images, so that F does not depend on them.
    shown = [image for image in dataset.images if image.targets]
    order = np.random.default_rng(seed).permutation(len(shown))
    shuffled = [shown[index] for index in order if shown[index].can_be_full]
    full = _choose(shuffled, wanted, masks_per_class, dataset)
    return Split(tuple(full), tuple(_others(dataset, full)), seed, dataset.source_hash, f"few-shot {masks_per_class}")


def zero_shot_split(dataset: Dataset, class_names: Sequence[str] = ()) -> Split:
    """Return a split without F, with all labelled images as W.

    Raises:
        SplitError: a class does not exist, or no image shows one.
    """
    names = _known(dataset, class_names)
    wanted = {dataset.class_names.index(name) for name in names}
    if not any(_objects(image, wanted) for image in dataset.images):
        raise SplitError(f"No image of '{dataset.name}' shows {', '.join(names)}. Choose other classes.")
    return Split((), tuple(_others(dataset, ())), 0, dataset.source_hash, "zero-shot")


def _others(dataset: Dataset, full: Collection[ImageId]) -> list[ImageId]:
    """Return the labelled images that are not in F; unlabelled ones may show the classes."""
    taken = set(full)
    return [
        image.image_id for image in dataset.images if image.image_id not in taken and image.state == LabelState.WHOLE
    ]


def _known(dataset: Dataset, class_names: Sequence[str]) -> tuple[str, ...]:
    names = tuple(class_names) or dataset.class_names
    unknown = [name for name in names if name not in dataset.class_names]
    if unknown:
        raise SplitError(
            f"'{dataset.name}' has no class '{unknown[0]}'. Choose among {', '.join(dataset.class_names)}."
        )
    return names


def _choose(images: list[ImageLabels], wanted: set[int], masks: int, dataset: Dataset) -> list[ImageId]:
    chosen: dict[ImageId, None] = {}
    have: Counter[int] = Counter()

    def take(image: ImageLabels) -> None:
        chosen[image.image_id] = None
        have.update(_objects(image, wanted))

    for image in images:
        found = _objects(image, wanted)
        if found and all(have[index] + count <= masks for index, count in found.items()):
            take(image)
    for image in sorted(images, key=lambda image: _objects(image, wanted).total()):
        short = {index for index in wanted if have[index] < masks}
        if image.image_id not in chosen and short & set(_objects(image, wanted)):
            take(image)
    _refuse_short(have, wanted, masks, dataset)
    return list(chosen)


def _refuse_short(have: Counter[int], wanted: set[int], masks: int, dataset: Dataset) -> None:
    for index in sorted(wanted):
        if have[index] < masks:
            raise SplitError(
                f"'{dataset.name}' has {have[index]} masks of '{dataset.class_names[index]}' in images that can be "
                f"in F, {masks} are asked for. Ask for fewer."
            )


def _objects(image: ImageLabels, wanted: set[int]) -> Counter[int]:
    return Counter(label.class_index for label in image.targets if label.class_index in wanted)


def _boxed_alone(dataset: Dataset) -> set[int]:
    """Return the classes that are learned from boxes alone."""
    known = {(label.class_index, label.is_box_only) for image in dataset.images for label in image.targets}
    return {index for index, is_box_only in known if is_box_only and (index, False) not in known}
