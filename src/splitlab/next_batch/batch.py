"""Choose the next photos to draw masks and boxes on, for numbers that a planner gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from splitlab.data.dataset import Dataset, ImageId, ImageLabels, LabelState, Problem
from splitlab.data.selection.labelling_plan import LabellingPlan, first_of_groups, plan_of_chosen, random_order
from splitlab.data.selection.near_duplicates import Groups, find_near_duplicates
from splitlab.errors import SettingsError, SplitError
from splitlab.io import Progress, no_progress
from splitlab.next_batch.candidates import Candidates, Task
from splitlab.next_batch.features import feature_rows
from splitlab.next_batch.photo_rows import PhotoRows, RowKind, Rows, rows_of_photos
from splitlab.next_batch.signs import Signs, sign_rows
from splitlab.next_batch.strategies import Strategy

_BOXED = ("boxes", "half_masked")


@dataclass(frozen=True)
class AskedLabels:
    """How many photos get which labels next.

    Attributes:
        masks: photos to draw masks on.
        boxes: photos without labels to draw boxes on.
        upgrades: of `masks`, those that have boxes already and so move from W to F; the others have no labels.

    Raises:
        SettingsError: a number is negative, nothing is asked for, or more upgrades than masks.
    """

    masks: int
    boxes: int
    upgrades: int = 0

    def __post_init__(self) -> None:
        if min(self.masks, self.boxes, self.upgrades) < 0 or self.masks + self.boxes == 0:
            raise SettingsError(
                f"{self.masks} masks, {self.boxes} boxes, {self.upgrades} upgrades: give numbers of photos from 0, and "
                "ask for at least one photo."
            )
        if self.upgrades > self.masks:
            raise SettingsError(f"{self.upgrades} upgrades are more than the {self.masks} masks they are among.")


@dataclass(frozen=True)
class PhotoSource:
    """Where photos and what is known of them come from.

    Attributes:
        dataset: the subset to label, train.
        root: its folder, which has all photos.
        index_dir: the folder for what is computed from photos, such as the workspace's `data/.index`.
        checkpoints: folders of models trained on the labels so far; none for a choice without a model.
    """

    dataset: Dataset
    root: Path
    index_dir: Path
    checkpoints: tuple[Path, ...] = ()


@dataclass(frozen=True)
class NextBatch:
    """The chosen photos.

    Attributes:
        plan: which photos get masks and boxes, first things first, and which are left, in a random order but those that
            could not be chosen last.
        reasons: why each photo was chosen, in a few words, such as "rare class: otter".
        strategy: the name of the strategy.
        problems: of photos that were left out because they cannot be read.
    """

    plan: LabellingPlan
    reasons: Mapping[ImageId, str]
    strategy: str
    problems: tuple[Problem, ...] = ()


def next_batch(
    source: PhotoSource, asked: AskedLabels, strategy: Strategy, seed: int = 0, progress: Progress = no_progress
) -> NextBatch:
    """Choose the next photos to label.

    No two chosen photos are near-duplicates, and none is one of a photo that has such labels. Equal photos, labels,
    checkpoints and seeds give equal batches. Features and predictions are kept on disk, so a killed call goes on where
    it was.

    Args:
        source: the photos.
        asked: how many of them.
        strategy: how to choose; see `strategy_named`.
        seed: of the random order, which breaks ties.
        progress: called while photos are compared and looked at.

    Raises:
        SplitError: too few photos are left that are no near-duplicates.
        SettingsError: the strategy needs a model, and there is no checkpoint.
        DataError: it needs a model, and the dataset has no classes.
        CheckpointError: a checkpoint cannot be loaded, or knows none of the classes.
        RunError: the index folder cannot be written, or another process looks at the same photos.
    """
    dataset = source.dataset
    if strategy.needs_models and not source.checkpoints:
        raise SettingsError(
            f"The strategy {strategy.name} needs a model trained on the labels so far. Give a checkpoint, or choose a "
            "strategy that looks at the photos alone: diversity or random."
        )
    # To compare photos takes minutes, so numbers that cannot be met are refused first.
    _check_numbers(asked, *_pools(dataset, seed, ()), dataset)
    groups = find_near_duplicates(dataset.images, source.root, source.index_dir, progress)
    new, boxed = _pools(dataset, seed, groups)
    boxed = boxed if asked.upgrades else []  # nothing is computed from photos that cannot be chosen
    known = _Known.read(source, strategy, [*new, *boxed], progress)
    new, boxed = known.readable(new), known.readable(boxed)
    _check_numbers(asked, new, boxed, dataset)
    masks = known.pick(strategy, Task.MASKS, new, asked.masks - asked.upgrades, {})
    upgrades = known.pick(strategy, Task.MASKS, boxed, asked.upgrades, masks)
    left = [image_id for image_id in new if image_id not in masks]
    boxes = known.pick(strategy, Task.BOXES, left, asked.boxes, masks)
    order = random_order([image.image_id for image in dataset.images if image.state == LabelState.NONE], seed)
    free = set(new)
    order.sort(key=lambda image_id: image_id not in free)
    plan = plan_of_chosen(dataset, [*masks, *upgrades], list(boxes), order, seed, groups)
    return NextBatch(plan, MappingProxyType({**masks, **upgrades, **boxes}), strategy.name, known.problems)


def _pools(dataset: Dataset, seed: int, groups: Groups) -> tuple[list[ImageId], list[ImageId]]:
    """Return the photos without labels and those with boxes that may be chosen, each in a random order."""
    new = [image.image_id for image in dataset.images if image.state == LabelState.NONE]
    boxed = [image.image_id for image in dataset.images if image.kind in _BOXED]
    with_masks = [image.image_id for image in dataset.images if image.kind == "masks"]
    return (
        first_of_groups(random_order(new, seed), dataset.by_id.keys() - set(new), groups),
        first_of_groups(random_order(boxed, seed), with_masks, groups),
    )


def _check_numbers(asked: AskedLabels, new: Sequence[ImageId], boxed: Sequence[ImageId], dataset: Dataset) -> None:
    wanted = asked.masks - asked.upgrades + asked.boxes
    if wanted > len(new):
        raise SplitError(
            f"{wanted:,} photos without labels are asked for, and '{dataset.name}' has {len(new):,} that can be read "
            "and are no near-duplicates of labelled photos or each other. Ask for fewer."
        )
    if asked.upgrades > len(boxed):
        raise SplitError(
            f"{asked.upgrades:,} photos with boxes are to get masks, and '{dataset.name}' has {len(boxed):,} that can "
            "be read and are no near-duplicates of photos with masks or each other. Ask for fewer."
        )


@dataclass(frozen=True)
class _Known:
    """What is known of photos.

    Attributes:
        dataset: the photos and their labels.
        place: of each photo's id in the rows; candidates come before labelled photos.
        signs: a row for each candidate; None if the strategy needs no model.
        features: a row for each candidate and labelled photo; None if it needs none.
        problems: of the photos that cannot be read.
    """

    dataset: Dataset
    place: Mapping[ImageId, int]
    signs: Rows | None
    features: Rows | None
    problems: tuple[Problem, ...]

    @classmethod
    def read(cls, source: PhotoSource, strategy: Strategy, ids: Sequence[ImageId], progress: Progress) -> _Known:
        dataset, candidates = source.dataset, set(ids)
        labelled = [
            image.image_id
            for image in dataset.images
            if image.state == LabelState.WHOLE and image.image_id not in candidates
        ]
        everywhere = [*ids, *labelled]

        def rows(kind: RowKind, ids: Sequence[ImageId]) -> PhotoRows:
            paths = [image.path for image in dataset.select(ids)]
            return rows_of_photos(kind, paths, source.root, source.index_dir, progress)

        features = rows(feature_rows(), everywhere) if strategy.needs_features else None
        signs = rows(sign_rows(source.checkpoints, dataset), ids) if strategy.needs_models else None
        found = [one for one in (features, signs) if one is not None]
        return cls(
            dataset,
            {image_id: number for number, image_id in enumerate(everywhere)},
            None if signs is None else signs.rows,
            None if features is None else features.rows,
            tuple({problem.file: problem for one in found for problem in one.problems}.values()),
        )

    def readable(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Return the photos that could be read, of some candidates."""
        unread = np.zeros(len(self.place), bool)
        for rows in (self.signs, self.features):
            if rows is not None:
                unread[: len(rows)] |= np.isnan(rows).any(axis=1)
        return [image_id for image_id in ids if not unread[self.place[image_id]]]

    def pick(
        self, strategy: Strategy, task: Task, ids: Sequence[ImageId], count: int, before: Mapping[ImageId, str]
    ) -> dict[ImageId, str]:
        """Choose `count` of some candidates for a task, and give the reason for each.

        `before` are candidates that were chosen for masks.
        """
        if not count:
            return {}
        picks = strategy.pick(self._candidates(task, ids, before), count)
        return {ids[place]: reason for place, reason in picks}

    def _candidates(self, task: Task, ids: Sequence[ImageId], before: Iterable[ImageId]) -> Candidates:
        photos = self.dataset.select(ids)
        labelled = [image for image in self.dataset.images if _has_labels(image, task)]
        counts = self._counts(labelled)
        signs = self._signs(photos)
        taken = self.dataset.select(before)
        if (chosen := self._signs(taken)) is not None:
            counts = counts + chosen.counts.sum(axis=0)
        rows = None if self.features is None else self._rows(self.features, photos)
        centres = None if self.features is None else self._rows(self.features, [*labelled, *taken])
        return Candidates(
            photos=photos,
            task=task,
            class_names=self.dataset.class_names,
            labelled=counts,
            objects=self._objects(photos, signs),
            signs=signs,
            features=rows,
            centres=None if centres is None else centres[np.isfinite(centres).all(axis=1)],
        )

    def _signs(self, photos: Sequence[ImageLabels]) -> Signs | None:
        if self.signs is None:
            return None
        signs = Signs.of_rows(self._rows(self.signs, photos))
        # Boxes say what a photo shows better than a model does.
        counts = [
            self._counts([image]) if image.targets else row for image, row in zip(photos, signs.counts, strict=True)
        ]
        return replace(signs, counts=np.array(counts, np.float32).reshape(signs.counts.shape))

    def _objects(self, photos: Sequence[ImageLabels], signs: Signs | None) -> NDArray[np.float64]:
        """Return how many objects each photo is expected to show: those in its boxes, or as many as models suggest."""
        labelled = [len(image.targets) for image in self.dataset.images if image.targets]
        mean = float(np.mean(labelled)) if labelled else 1.0
        seen = np.full(len(photos), mean) if signs is None else signs.counts.sum(axis=1).astype(np.float64)
        drawn = np.array([len(image.targets) for image in photos])
        # Models miss objects and see some that are not there: half of the difference to the mean is believed.
        return np.where(drawn > 0, drawn, (seen + mean) / 2)

    def _counts(self, images: Sequence[ImageLabels]) -> NDArray[np.float64]:
        classes = [label.class_index for image in images for label in image.targets]
        return np.bincount(np.array(classes, np.int64), minlength=len(self.dataset.class_names)).astype(np.float64)

    def _rows(self, rows: Rows, photos: Sequence[ImageLabels]) -> Rows:
        return rows[[self.place[image.image_id] for image in photos]]


def _has_labels(image: ImageLabels, task: Task) -> bool:
    """Return whether a photo has what the task draws."""
    return image.kind == "masks" if task == Task.MASKS else image.state == LabelState.WHOLE
