"""Which photos are labelled next, by one of the strategies of `next_batch`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from splitlab.budget.label_prices import LabelPrices
from splitlab.data.dataset import Dataset, LabelState, TrainVal
from splitlab.data.open_dataset import INDEX
from splitlab.io import Progress, no_progress
from splitlab.project.project import Project
from splitlab.project.rounds import Task
from splitlab.project.standing import BatchSize, Standing
from splitlab.runs.store import weights_folder

RANDOM = "random"
"""The strategy that needs nothing but the photos."""


def choose_batch(
    project: Project,
    standing: Standing,
    size: BatchSize,
    strategy: str = RANDOM,
    checkpoints: Sequence[Path] = (),
    progress: Progress = no_progress,
) -> list[Task]:
    """Choose the photos of the next round.

    Masks go to photos without labels first, and to photos with boxes once none is left. The number of rounds so far is
    the seed.

    Args:
        project: the project.
        standing: of the project.
        size: how many photos.
        strategy: one of `splitlab.next_batch.strategies.STRATEGY_NAMES`.
        checkpoints: folders of checkpoints or runs that the strategy may look at photos with.
        progress: called while photos are compared and looked at.

    Raises:
        SettingsError: there is no such strategy, or it needs a checkpoint.
        SplitError: too few photos are left that are not near-duplicates.
        SplitLabError: a checkpoint or photo cannot be read.
    """
    # They import torch.
    from splitlab.next_batch.batch import AskedLabels, PhotoSource, next_batch
    from splitlab.next_batch.strategies import strategy_named

    prices, pool = project.settings.prices, standing.ahead
    bare = pool.images - pool.full - pool.weak
    asked = AskedLabels(size.masks, size.boxes, min(max(size.masks + size.boxes - bare, 0), size.masks))
    models = tuple(map(weights_folder, checkpoints))
    photos = _to_choose_from(project.data(), standing)
    source = PhotoSource(photos, project.data_folder, project.workspace.data / INDEX, models)
    chosen = strategy_named(strategy, LabelPrices(prices.box_seconds, prices.mask_seconds))
    found = next_batch(source, asked, chosen, len(standing.rounds), progress)
    masks = [Task(image_id, masks=True, reason=found.reasons[image_id]) for image_id in found.plan.masks]
    return masks + [Task(image_id, masks=False, reason=found.reasons[image_id]) for image_id in found.plan.boxes]


def _to_choose_from(data: TrainVal, standing: Standing) -> Dataset:
    """Return all photos; those that are handed out or val cannot be chosen, nor can their near-duplicates."""
    out = {task.image_id for task in standing.open_tasks}
    images = [
        replace(image, state=LabelState.BROKEN) if image.image_id in out else image for image in data.train.images
    ]
    # The ids of a val part with a file of its own may be those of other photos.
    val = [image for image in data.val.images if image.image_id not in data.train.by_id]
    return replace(data.train, images=(*images, *val))
