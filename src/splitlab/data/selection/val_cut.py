"""A val part cut from train, for datasets that come without one; kept in a file in the dataset's folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitlab.data.dataset import Dataset, ImageId, ImageLabels, TrainVal, json_hash
from splitlab.data.reading import printable, read_bounded
from splitlab.data.selection.herding import in_proportion
from splitlab.data.selection.near_duplicates import Groups
from splitlab.data.split import as_image_id
from splitlab.errors import DataError, RunError, SplitError
from splitlab.io import write_json

DEFAULT_SHARE = 0.2
FILE_NAME = "splitlab-val.json"

_VERSION = 1
_MAX_BYTES = 50_000_000
_MOST_LETTERS = 1000


@dataclass(frozen=True)
class ValCut:
    """Which images of train are val.

    Attributes:
        val: their ids.
        aside: ids of near-duplicates of them that cannot be scored: neither in train nor in val.
        seed: of the draw.
        share: of the images that can be scored; `val` has about this share of them.
        how: how it was made, in words.
    """

    val: tuple[ImageId, ...]
    aside: tuple[ImageId, ...]
    seed: int
    share: float
    how: str = "stratified"

    @cached_property
    def hash(self) -> str:
        """sha256 over the ids: equal for cuts that give the same parts."""
        return json_hash([sorted(self.val, key=str), sorted(self.aside, key=str)])

    def to_json(self) -> dict[str, Any]:
        """Return the content of its file."""
        return {
            "version": _VERSION,
            "seed": self.seed,
            "share": self.share,
            "how": self.how,
            "val": list(self.val),
            "aside": list(self.aside),
        }


def cut_val(train: Dataset, share: float = DEFAULT_SHARE, seed: int = 0, groups: Groups = ()) -> ValCut:
    """Draw a val part from images that can be scored, with the classes in proportion.

    If any image has all masks, only such images and background can be scored, so that masks are; otherwise all with
    complete labels. Near-duplicates stay together: those of a val image that cannot be scored are set aside. No
    class loses its last image in train unless any val part would take one. At least one image is cut, never all.

    Args:
        train: all images of the dataset.
        share: of the images that can be scored, between 0 and 1. The part has this size up to half of the largest group
            of near-duplicates in it.
        seed: of the draw. The same labels and groups give the same cut on any machine.
        groups: the near-duplicates among the images.

    Raises:
        SplitError: the share is not between 0 and 1, or fewer than two images that show objects, near-duplicates
            counted once, can be scored.
    """
    if not 0 < share < 1:
        raise SplitError(f"A share of {share} for val is not between 0 and 1. Choose for example {DEFAULT_SHARE}.")
    images = sorted(train.images, key=lambda image: str(image.image_id))
    scored = _can_be_scored(images)
    together = _together(scored, groups)
    showing = [group for group in together if any(image.targets for image in group)]
    if len(showing) < 2:
        raise SplitError(_too_few(train, sum(map(len, showing))))
    rng = np.random.default_rng(seed)
    together = [together[index] for index in rng.permutation(len(together))]
    counts = np.array([_count(group, len(train.class_names)) for group in together], np.int64)
    wish = min(max(round(share * len(scored)), 1), len(scored) - 1)
    chosen = list(_choose(together, counts, wish, rng)) or [_smallest(together, counts)]
    val = {image.image_id for index in chosen for image in together[index]}
    aside = {one for group in groups if not val.isdisjoint(group) for one in group} & set(train.by_id) - val
    how = "stratified, near-duplicates together" if groups else "stratified"
    return ValCut(_sorted(val), _sorted(aside), seed, share, how)


def apply_cut(data: TrainVal, cut: ValCut) -> TrainVal:
    """Move the images of a cut from train to an empty val. Ids that are no longer in the dataset are ignored.

    Both parts get a `source_hash` that depends on the cut. Train keeps the problems of all images.

    Raises:
        DataError: the dataset has a val part.
    """
    if data.val.images:
        raise DataError(
            f"'{data.train.name}' has a val part of its own and one cut from train. Delete its {FILE_NAME} to use its "
            "own."
        )
    in_val, out = set(cut.val), {*cut.val, *cut.aside}
    # The pools list images that are no longer in train.
    whole = replace(data.train, few_shot_pool=(), paper_pools=())
    train, val = (
        replace(whole, images=tuple(images), source_hash=json_hash([whole.source_hash, part, cut.hash]))
        for part, images in (
            ("train", (image for image in whole.images if image.image_id not in out)),
            ("val", (image for image in whole.images if image.image_id in in_val)),
        )
    )
    return replace(data, train=train, val=replace(val, name=data.val.name, problems=data.val.problems))


def load_cut(folder: Path) -> ValCut | None:
    """Load the cut of the dataset in a folder; None if there is none.

    Raises:
        DataError: its file is broken.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    try:
        return _from_json(json.loads(read_bounded(path, _MAX_BYTES)))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise DataError(
            f"{path}: is not a valid val part ({str(error)[:200]}). Delete it, then cut the val part again."
        ) from error


def save_cut(folder: Path, cut: ValCut) -> Path:
    """Save the cut of the dataset in a folder, replacing an older one; return the file.

    Raises:
        DataError: the folder cannot be written.
    """
    path = folder / FILE_NAME
    try:
        write_json(path, cut.to_json())
    except RunError as error:
        raise DataError(f"{error} Or copy the dataset to a folder that can be written.") from error
    return path


def delete_cut(folder: Path) -> None:
    """Delete the cut of the dataset in a folder, if there is one.

    Raises:
        DataError: the file cannot be deleted.
    """
    path = folder / FILE_NAME
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{path}: cannot be deleted ({error.strerror}). Check its permissions.") from error


@contextmanager
def without_cut(folder: Path) -> Iterator[None]:
    """Take away the cut of the dataset in a folder, if there is one; give it back if the block fails.

    Raises:
        DataError: the file cannot be moved.
    """
    path, kept = folder / FILE_NAME, folder / f".{FILE_NAME}"
    if path.is_file():
        try:
            path.replace(kept)
        except OSError as error:
            raise DataError(f"{path}: cannot be replaced ({error.strerror}). Check its permissions.") from error
    try:
        yield
    except BaseException:
        with suppress(OSError):
            kept.replace(path)
        raise
    with suppress(OSError):
        kept.unlink()


def _can_be_scored(images: Sequence[ImageLabels]) -> list[ImageLabels]:
    has_masks = any(image.kind == "masks" for image in images)
    wanted = {"masks", "background"} if has_masks else {"half_masked", "boxes", "background"}
    return [image for image in images if image.kind in wanted]


def _together(scored: Sequence[ImageLabels], groups: Groups) -> list[list[ImageLabels]]:
    """Return the images by groups of near-duplicates; an image without near-duplicates is a group of its own."""
    group_of = {image_id: number for number, group in enumerate(groups) for image_id in group}
    together: dict[tuple[bool, ImageId], list[ImageLabels]] = {}
    for image in scored:
        group = group_of.get(image.image_id)
        key = (False, image.image_id) if group is None else (True, group)
        together.setdefault(key, []).append(image)
    return list(together.values())


def _count(group: Sequence[ImageLabels], classes: int) -> list[int]:
    """Count the images that show each class, and last those that show none."""
    found = Counter(index for image in group for index in _shown(image) or (classes,))
    return [found[index] for index in range(classes + 1)]


def _shown(image: ImageLabels) -> set[int]:
    return {label.class_index for label in image.targets}


def _choose(
    together: Sequence[Sequence[ImageLabels]], counts: NDArray[np.int64], wish: int, rng: np.random.Generator
) -> Iterator[int]:
    """Yield the groups of the val part in the order in which they are taken."""
    missing, left = wish, counts.sum(axis=0)
    for index in in_proportion(counts, rng):
        size = len(together[index])
        # A val part of background alone could not be scored.
        if missing == wish and not _shows_objects(counts[index]):
            continue
        # A group that exceeds the wish is taken if that comes closer to it.
        if size < 2 * missing and not _empties(counts[index], left):
            yield index
            missing, left = missing - size, left - counts[index]
        if missing <= 0:
            return


def _smallest(together: Sequence[Sequence[ImageLabels]], counts: NDArray[np.int64]) -> int:
    """Return the group to take if none fits: one that leaves every class in train if possible, then the smallest."""
    shown = counts.sum(axis=0)
    showing = [index for index in range(len(together)) if _shows_objects(counts[index])]
    return min(showing, key=lambda index: (_empties(counts[index], shown), len(together[index])))


def _shows_objects(counts: NDArray[np.int64]) -> bool:
    return bool(counts[:-1].any())


def _empties(counts: NDArray[np.int64], left: NDArray[np.int64]) -> int:
    """Count the classes that would have no image left."""
    return int(((counts > 0) & (counts == left))[:-1].sum())


def _too_few(train: Dataset, showing: int) -> str:
    if showing < 2:
        return (
            f"{showing} of the {len(train.images):,} images of '{train.name}' can be scored: a val part can be cut "
            "from at least 2 images that show objects and have all labels. Label more images."
        )
    return (
        f"All {showing:,} images of '{train.name}' that can be scored are near-duplicates of one another, so none can "
        "be val without a copy in train. Add images of other scenes."
    )


def _sorted(ids: Iterable[ImageId]) -> tuple[ImageId, ...]:
    return tuple(sorted(ids, key=str))


def _from_json(content: Any) -> ValCut:
    if not isinstance(content, dict) or content["version"] != _VERSION:
        raise ValueError(f"its version is not {_VERSION}")
    val, aside = (tuple(map(as_image_id, content[key])) for key in ("val", "aside"))
    if not val or len({*val, *aside}) != len(val) + len(aside):
        raise ValueError("it lists no image, or one twice")
    share = float(content["share"])
    if not 0 < share < 1:
        raise ValueError(f"its share is {share}")
    return ValCut(val, aside, int(content["seed"]), share, printable(str(content["how"])[:_MOST_LETTERS]))
