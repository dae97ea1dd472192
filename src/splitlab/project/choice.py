"""Which photos are labelled next."""

from __future__ import annotations

from splitlab.data.open_dataset import INDEX
from splitlab.data.selection.labelling_plan import plan_labelling
from splitlab.data.selection.near_duplicates import find_near_duplicates
from splitlab.io import Progress, no_progress
from splitlab.project.project import Project
from splitlab.project.rounds import Task
from splitlab.project.standing import BatchSize


def choose_batch(
    project: Project, size: BatchSize, seed: int, progress: Progress = no_progress
) -> tuple[list[Task], str]:
    """Choose photos without labels at random, of near-duplicates one first; return them and the strategy's name.

    Raises:
        SplitError: there are not so many photos without labels.
    """
    workspace = project.workspace
    train = project.data().train
    groups = find_near_duplicates(train.images, project.data_folder, workspace.data / INDEX, progress)
    plan = plan_labelling(train, size.masks, size.boxes, seed, groups)
    masks = [Task(image_id, masks=True, reason="random") for image_id in plan.masks]
    return masks + [Task(image_id, masks=False, reason="random") for image_id in plan.boxes], "random"
