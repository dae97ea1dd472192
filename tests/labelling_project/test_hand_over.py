"""A batch as files of an annotation tool, and the same files as they come back labelled."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from splitlab.budget.cost import Prices
from splitlab.data.dataset import ObjectLabel, TrainVal
from splitlab.data.exports.formats import ExportFormat, write_export
from splitlab.data.exports.objects import LabelShape
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.formats.photos import read_photo_folder
from splitlab.data.open_dataset import open_dataset
from splitlab.errors import DataError
from splitlab.geometry import mask_to_rle
from splitlab.io import no_progress
from splitlab.project.choice import choose_batch
from splitlab.project.hand_over import hand_over, round_named, start_round
from splitlab.project.incoming import Outcome, look_at
from splitlab.project.project import ProjectSettings, new_project
from splitlab.project.rounds import Task
from splitlab.project.standing import BatchSize, standing_of
from splitlab.project.take_back import take
from splitlab.workspace import Workspace
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
    assert rows[0]["file"] == "train_20.png"
    assert len(open_dataset(str(folder / "masks"), folder).train.images) == 2
    assert len(open_dataset(str(folder / "boxes"), folder).train.images) == 1
    with pytest.raises(DataError, match="not an empty folder"):
        hand_over(project, batch, ExportFormat.COCO)


def test_photos_carry_the_boxes_they_have(project, batch, export):
    take(project, look_at(project, export(boxes=[21])).new, "export")
    folder = hand_over(project, batch, ExportFormat.COCO).folder
    images = open_dataset(str(folder / "masks"), folder).train.images
    assert sorted(len(image.objects) for image in images) == [0, 1]


def test_a_checkpoint_draws_on_bare_photos_alone(project, batch, export, tmp_path, monkeypatch):
    """The model finds a square everywhere. Photos without labels show it; where boxes are asked for, its box alone."""
    square = ObjectLabel(0, (5.0, 5.0, 20.0, 20.0), mask_to_rle(np.pad(np.ones((15, 15), bool), ((5, 44), (5, 44)))))

    def find(_model, dataset, *_):
        return replace(dataset, images=tuple(replace(image, objects=(square,)) for image in dataset.images))

    monkeypatch.setattr("splitlab.evaluation.found_labels.find_labels", find)
    take(project, look_at(project, export(boxes=[21])).new, "export")
    before = project.data().train.by_id[21].objects
    checkpoint = write_checkpoint(tmp_path / "drawing", class_names=["square", "disc"])
    folder = hand_over(project, batch, ExportFormat.COCO, checkpoint).folder
    shown = {image.path.name: image for image in open_dataset(str(folder / "masks"), folder).train.images}
    assert shown["train_20.png"].objects[0].mask == square.mask
    assert shown["train_21.png"].objects[0].box == before[0].box
    (boxed,) = open_dataset(str(folder / "boxes"), folder).train.images
    assert (boxed.objects[0].box, boxed.objects[0].mask) == (square.box, None)


def test_photos_in_folders_come_back_to_their_own(tmp_path):
    for name, number in (("a", 1), ("b", 2)):
        (tmp_path / "nested" / name).mkdir(parents=True)
        Image.fromarray(np.full((64, 64, 3), 60 * number, np.uint8)).save(tmp_path / "nested" / name / "IMG_1.png")
    workspace = Workspace(tmp_path / "workspace", tmp_path / "none")
    settings = ProjectSettings("nested", 2.0, Prices(10.0, 60.0))
    project = new_project(settings, read_photo_folder(tmp_path / "nested"), workspace, ("square",))
    tasks = [Task(image.image_id, True, "random") for image in project.data().train.images]
    folder = hand_over(project, start_round(project, tasks, None, "random"), ExportFormat.COCO).folder
    path = folder / "masks" / "annotations" / "instances_train.json"
    content = json.loads(path.read_text())
    content["annotations"] = [
        {"id": image["id"], "image_id": image["id"], "category_id": 1, "bbox": [image["id"], 2, 9, 9], "area": 81,
         "iscrowd": 0, "segmentation": [[image["id"], 2, image["id"] + 9, 2, image["id"] + 4, 11]]}
        for image in content["images"]
    ]  # fmt: skip
    (tmp_path / "export.json").write_text(json.dumps(content))
    wanted = {image["file_name"]: float(image["id"]) for image in content["images"]}
    take(project, look_at(project, tmp_path / "export.json").new, "export")
    images = project.data().train.images
    assert {f"{image.path.parent.name}/IMG_1.png": image.objects[0].box[0] for image in images} == wanted


def test_no_file_name_in_the_list_is_a_formula_in_a_spreadsheet(tmp_path):
    (tmp_path / "odd").mkdir()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "odd" / "=cmd().png")
    workspace = Workspace(tmp_path / "workspace", tmp_path / "none")
    settings = ProjectSettings("odd", 2.0, Prices(10.0, 60.0))
    project = new_project(settings, read_photo_folder(tmp_path / "odd"), workspace, ("square",))
    (image,) = project.data().train.images
    batch = start_round(project, [Task(image.image_id, True, "random")], None, "random")
    lines = (hand_over(project, batch, ExportFormat.COCO).folder / "batch.csv").read_text().splitlines()
    assert lines == ["file,draw,reason", "./=cmd().png,masks,random"]


def test_a_photo_is_handed_out_once_until_it_comes_back(project, batch):
    with pytest.raises(DataError, match="2 of these photos were handed out"):
        start_round(project, [*TASKS[:2], Task(25, True, "random")], None, "random")
    tasks = choose_batch(project, standing_of(project), BatchSize(6, 6))
    assert {task.image_id for task in tasks}.isdisjoint(task.image_id for task in TASKS)


def test_a_round_without_files_gets_them_later(project, batch):
    assert round_named(project) == round_named(project, 1) == batch
    assert hand_over(project, round_named(project), ExportFormat.CVAT).folder.is_dir()
    with pytest.raises(DataError, match="no round 7"):
        round_named(project, 7)


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
