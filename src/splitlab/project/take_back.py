"""Labels that came back are merged into the project, photo by photo, and their hours are booked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from splitlab.budget.cost import cost_hours
from splitlab.data.dataset import ImageId, ImageLabels, LabelState
from splitlab.data.exports.coco import coco_annotation
from splitlab.data.formats.coco.files import read_labels
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.errors import DataError, RunError
from splitlab.io import holding, write_bytes
from splitlab.project.incoming import Outcome, Returned, compared
from splitlab.project.project import Project, cut_val_if_missing
from splitlab.project.rounds import Take, add_take, check_hours, is_taken, next_take
from splitlab.project.training import waiting_names

_DRAFT = ".labels-"
_PATIENCE_SECONDS = 20.0


def take(project: Project, chosen: Sequence[Returned], source: str, hours: float | None = None) -> Take:
    """Merge the labels of some photos into the project's dataset and book the hours.

    If the process is killed, both have happened or neither, as soon as the project is used again.

    Args:
        project: the project.
        chosen: `Incoming.new`, perhaps with some of `Incoming.conflicts`, whose labels replace the project's own.
        source: the file or folder that they came in.
        hours: that the labels took; by default those that the prices say.

    Raises:
        DataError: there is none, or somebody else changed the labels of these photos since `look_at`.
        SettingsError: the hours are out of range.
        RunError: runs of the project wait, whose splits were drawn from the labels as they are; a file cannot be
            written; or another process changes the project.
    """
    check_hours(hours)
    if waiting := waiting_names(project):
        raise RunError(
            f"{len(waiting)} runs of '{project.name}' wait or train on the labels as they are, such as {waiting[0]}. "
            f"Let them end, or stop them: splitlab cancel {waiting[0]}."
        )
    if not chosen:
        raise DataError(f"{source} holds no new labels. Nothing was changed.")
    with changing(project):
        new = _still_new(project, chosen)
        masks = [photo.image_id for photo in new if photo.labels.can_be_full and photo.labels.targets]
        has_masks = set(masks)
        boxes = [photo.image_id for photo in new if photo.image_id not in has_masks]
        priced = cost_hours(float(len(masks)), float(len(boxes)), project.settings.prices)
        draft = _draft_of(project, next_take(project.folder))
        write_bytes(draft, _merged(project, new))
        taken = add_take(project.folder, masks, boxes, priced, hours, source)
        _finish(project)
        cut_val_if_missing(project)
    return taken


@contextmanager
def changing(project: Project) -> Iterator[None]:
    """Hold the project for a change of its labels or rounds; first ends a change that was interrupted.

    Raises:
        RunError: another process changes it for longer than 20 seconds, or its folder cannot be written.
    """
    refusal = f"Somebody else changes the project '{project.name}' just now. Try again in a moment."
    with holding(project.lock, refusal, _PATIENCE_SECONDS):
        _finish(project)
        yield


def _finish(project: Project) -> None:
    """Put labels that are booked in place, and drop those that are not."""
    for draft in sorted(project.folder.glob(f"{_DRAFT}*.json")):
        number = draft.stem.removeprefix(_DRAFT)
        if number.isdecimal() and is_taken(project.folder, int(number)):
            draft.replace(project.labels)
        else:
            draft.unlink()


def _draft_of(project: Project, number: int) -> Path:
    return project.folder / f"{_DRAFT}{number:04}.json"


def _still_new(project: Project, chosen: Sequence[Returned]) -> list[Returned]:
    """Compare again, because somebody else may have merged labels since; leave out those that are there now."""
    mine = read_coco_folder(project.data_folder).train
    before = {photo.image_id: photo for photo in chosen}
    again = [
        compared(project, one, before[one.image_id].labels, mine.class_names, LabelState.WHOLE)
        for one in mine.select(before)
    ]
    new = [photo for photo in again if photo.outcome != Outcome.SAME]
    for photo in new:
        if photo.outcome != before[photo.image_id].outcome:
            raise DataError(f"{photo.file} was labelled by somebody else meanwhile: {photo.what}. Look again.")
    if not new:
        raise DataError("Somebody else merged these labels meanwhile. Nothing was changed.")
    return new


def _merged(project: Project, chosen: Sequence[Returned]) -> bytes:
    _, content = read_labels(project.labels)
    merged = _with_labels(project, content, {photo.image_id: photo.labels for photo in chosen})
    return json.dumps(merged, allow_nan=False).encode()


def _with_labels(project: Project, content: Mapping[str, Any], labels: Mapping[ImageId, ImageLabels]) -> dict[str, Any]:
    """Return the content of a COCO file with other labels for some images; photos that it does not list are added."""
    category_ids = [category["id"] for category in content["categories"]]
    images = [{**image, "labelled": True} if image["id"] in labels else image for image in content["images"]]
    kept = [one for one in content["annotations"] if one["image_id"] not in labels]
    number = max((one["id"] for one in content["annotations"]), default=0)
    listed = {image["id"] for image in images}
    last = max((image_id for image_id in listed if isinstance(image_id, int)), default=0)
    for image_id, image in labels.items():
        if (own := image_id) not in listed:
            own = last = last + 1
            size = {"width": image.width, "height": image.height}
            images.append({"id": own, "file_name": project.file_of(image), **size, "labelled": True})
        for label in image.objects:
            number += 1
            kept.append(coco_annotation(number, own, category_ids[label.class_index], label))
    return {**content, "images": images, "annotations": kept}
