"""A batch as files of an annotation tool, and the same files as they come back labelled."""

import csv
import json
from dataclasses import replace

import pytest

from splitlab.data.dataset import TrainVal
from splitlab.data.exports.formats import ExportFormat, write_export
from splitlab.data.exports.objects import LabelShape
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.open_dataset import open_dataset
from splitlab.errors import DataError
from splitlab.io import no_progress
from splitlab.project.hand_over import hand_over, start_round
from splitlab.project.incoming import Outcome, look_at
from splitlab.project.rounds import Task
from splitlab.project.take_back import take
from tests.checkpoints import write_checkpoint
from tests.conftest import write_tiny

TASKS = [Task(20, True, "rare class"), Task(21, True, "random"), Task(22, False, "random")]


@pytest.fixture
def batch(project):
    return start_round(project, TASKS, None, "random")


def test_a_batch_has_a_folder_for_each_kind_and_a_list_with_reasons(project, batch):
    folder = hand_over(project, batch, ExportFormat.COCO).folder
    rows = list(csv.DictReader((folder / "batch.csv").read_text().splitlines()))
    assert [(row["draw"], row["reason"]) for row in rows] == [
        ("masks", "rare class"),
        ("masks", "random"),
        ("boxes", "random"),
    ]
    assert len(open_dataset(str(folder / "masks"), folder).train.images) == 2
    assert len(open_dataset(str(folder / "boxes"), folder).train.images) == 1
    with pytest.raises(DataError, match="not an empty folder"):
        hand_over(project, batch, ExportFormat.COCO)


def test_photos_carry_the_boxes_they_have(project, batch, export):
    take(project, look_at(project, export(boxes=[21])).new, "export")
    folder = hand_over(project, batch, ExportFormat.COCO).folder
    images = open_dataset(str(folder / "masks"), folder).train.images
    assert sorted(len(image.objects) for image in images) == [0, 1]


def test_a_checkpoint_draws_on_bare_photos_alone(project, batch, export, tmp_path):
    take(project, look_at(project, export(boxes=[21])).new, "export")
    before = project.data().train.by_id[21].objects
    checkpoint = write_checkpoint(tmp_path / "drawing", class_names=["square", "disc"])
    folder = hand_over(project, batch, ExportFormat.COCO, checkpoint).folder
    kept = [image for image in open_dataset(str(folder / "masks"), folder).train.images if "21" in image.path.name]
    assert kept[0].objects[0].box == before[0].box


def accept_predictions(path):
    """Do what Label Studio does when a person accepts what is pre-drawn."""
    tasks = json.loads(path.read_text())
    for task in tasks:
        task["annotations"] = task.pop("predictions")
    path.write_text(json.dumps(tasks))


@pytest.mark.parametrize("file_format", [ExportFormat.COCO, ExportFormat.CVAT, ExportFormat.LABEL_STUDIO])
@pytest.mark.parametrize("with_photos", [True, False])
def test_labels_come_back_as_they_were_drawn(project, batch, tmp_path, file_format, with_photos):
    """The tool's file holds the ground truth of the batch, as if a person had drawn it."""
    write_tiny(tmp_path / "drawn", {"train": 30})
    truth = read_coco_folder(tmp_path / "drawn").train
    part = replace(truth, images=truth.select([20, 21]))
    returned = tmp_path / "returned"
    write_export(TrainVal(part, replace(part, images=())), returned, file_format, None, no_progress, "person")
    if file_format == ExportFormat.LABEL_STUDIO:
        accept_predictions(returned / "tasks_train.json")
    if not with_photos:
        for photo in returned.rglob("*.png"):
            photo.unlink()
    incoming = look_at(project, returned)
    assert incoming.counts == {Outcome.LABELLED: 2}
    booked = take(project, incoming.new, "returned")
    assert set(booked.masks) == {20, 21}
    merged = project.data().train
    for number in (20, 21):
        (mine,), (drawn,) = merged.by_id[number].objects, truth.by_id[number].objects
        assert (mine.mask, mine.class_index) == (drawn.mask, drawn.class_index)


def test_boxes_come_back_from_yolo_without_photos(project, batch, tmp_path):
    write_tiny(tmp_path / "drawn", {"train": 30})
    truth = read_coco_folder(tmp_path / "drawn").train
    part = replace(truth, images=truth.select([22]))
    returned = tmp_path / "returned"
    data = TrainVal(part, replace(part, images=()))
    write_export(data, returned, ExportFormat.YOLO, LabelShape.BOXES, no_progress, "person")
    incoming = look_at(project, returned)
    assert incoming.counts == {Outcome.LABELLED: 1}
    take(project, incoming.new, "returned")
    (mine,), (drawn,) = project.data().train.by_id[22].objects, truth.by_id[22].objects
    assert mine.mask is None
    assert mine.box == pytest.approx(drawn.box, abs=0.51)
