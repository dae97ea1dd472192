"""The paper's own splits of VOC2012 and Cityscapes, image by image (PROTOCOL.md, Splits)."""

from __future__ import annotations

import numpy as np

from splitlab.data.dataset import Dataset
from splitlab.data.splits.split import Split
from splitlab.errors import SplitError

PAPER_SEED = 42


def draw_paper_split(dataset: Dataset, full: int, weak: int | None) -> Split:
    """Draw the very images that the authors drew for YOLOv5; for DETR they drew others, and published them as lists.

    Args:
        dataset: VOC2012 or Cityscapes as their readers give it.
        full: |F|.
        weak: |W|, or None for all that is left: VOC2012's 9267 box images and the masks that F left unused.

    Raises:
        SplitError: the paper has no protocol for this dataset, or it has not so many images.
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
    rng = np.random.default_rng(PAPER_SEED)
    pools = [list(pool) for pool in dataset.paper_pools]
    for pool in pools:
        rng.shuffle(pool)
    first, others = pools[0], [image_id for pool in pools[1:] for image_id in pool]
    _check(dataset, "|F|", full, len(first))
    left = [*others, *first[full:]]
    _check(dataset, "|W|", weak or 0, len(left))
    return Split(tuple(first[:full]), tuple(left[:weak]), PAPER_SEED, dataset.source_hash, "paper")


def _check(dataset: Dataset, size: str, wanted: int, there: int) -> None:
    if not 0 <= wanted <= there:
        raise SplitError(f"{size} = {wanted}: '{dataset.name}' has {there} images for it. Choose 0 to {there}.")
