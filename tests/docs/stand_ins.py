"""Small things that stand in a test's folder under the names and paths that the docs use."""

import json
import os
import shutil

import numpy as np
from PIL import Image

from splitlab.checkpoints.checkpoint import list_checkpoints, read_card
from splitlab.data.scenes.scene import CLASS_NAMES as SEA
from tests.checkpoints import write_checkpoint
from tests.conftest import SIDE, write_tiny
from tests.data.trees import voc_object, voc_xml, write, write_indices
from tests.docs.code_blocks import ROOT

SHIPPED = ROOT / "checkpoints"
PETS = tuple(read_card(SHIPPED / "pets-30-330").class_names)
PLAN = "name: grid\ndata: path/to/photos\nsplits: [4/6]\nsettings: {steps: 2, image_size: 64}\n"
PILOT = "full,weak,score\n30,0,68.5\n30,450,83.1\n480,0,91.5\n"
CLASSES = ("square", "disc")


def make_stand_ins(root):
    """Make them once for all pages, in a folder of its own."""
    for name, classes, photos in (
        ("workspace/data/embedded", SEA, 800),
        ("workspace/data/pets", PETS, 500),
        ("path/to/pets", PETS, 500),
        ("path/to/photos", CLASSES, 500),
    ):
        write_tiny(root / name, {"train": photos, "val": 6})
        rename(root / name, classes, "{subset}_{number}.png")
    rename(root / "workspace/data/embedded", SEA, "{subset}_{number:04d}.jpg")
    write_voc(root / "path/to/VOC2012", masks=420, boxes=420)
    write_authors_lists(root, masks=400, boxes=420)
    write_checkpoint(root / "workspace/checkpoints/coco-yolov5s")
    for shipped in list_checkpoints(SHIPPED):
        shutil.copytree(shipped, root / "checkpoints" / shipped.name)
    (root / "runs.csv").write_text(PILOT)
    (root / "plan.yaml").write_text(PLAN)
    for photo in ("cat.jpg", "dog.jpg"):
        Image.fromarray(np.full((SIDE, SIDE, 3), 90, np.uint8)).save(root / photo)


def place_stand_ins(root, folder):
    """Let a page's folder see them: what is only read by a link, what may change as a copy."""
    for path in ("path/to", "workspace/data"):
        (folder / path).mkdir(parents=True)
        for made in (root / path).iterdir():
            (folder / path / made.name).symlink_to(made)
    shutil.copytree(root / "workspace/checkpoints", folder / "workspace/checkpoints")
    # No page changes a shipped checkpoint, so their files are shared; the folders are the page's own.
    shutil.copytree(root / "checkpoints", folder / "checkpoints", copy_function=os.link)
    for made in (path for path in root.iterdir() if path.is_file()):
        shutil.copy(made, folder / made.name)


def rename(folder, classes, photo_name):
    """Give a COCO folder these classes by turns, and its photos these names."""
    for subset in ("train", "val"):
        path = folder / f"instances_{subset}.json"
        labels = json.loads(path.read_text())
        labels["categories"] = [{"id": number, "name": name} for number, name in enumerate(classes, start=1)]
        for label in labels["annotations"]:
            label["category_id"] = 1 + label["image_id"] % len(classes)
        for image in labels["images"]:
            name = photo_name.format(subset=subset, number=image["id"])
            (folder / "images" / image["file_name"]).rename(folder / "images" / name)
            image["file_name"] = name
        path.write_text(json.dumps(labels))


def write_voc(root, masks, boxes):
    """Write VOC2012's layout: F pool of `masks` images, W pool of `boxes` more, four val images, a dog on each."""
    names = {
        "Segmentation/train": [f"2007_{number:06}" for number in range(masks)],
        "Segmentation/val": [f"2009_{number:06}" for number in range(4)],
        "Main/trainval": [f"2008_{number:06}" for number in range(boxes)],
    }
    for name, ids in names.items():
        write(root / "ImageSets" / f"{name}.txt", "".join(f"{image_id}\n" for image_id in ids))
        for image_id in ids:
            write_voc_image(root, image_id, with_mask=name.startswith("Segmentation"))


def write_authors_lists(root, masks, boxes):
    """Write a list of F, and one of W and F together, as the paper's authors published them for DETR."""
    full, weak = ("".join(f"{year}_{n:06}\n" for n in range(count)) for year, count in ((2007, masks), (2008, boxes)))
    (root / "train_seg_400.txt").write_text(full)
    (root / "train_det_400_1000.txt").write_text(weak + full)


def write_voc_image(root, image_id, with_mask):
    indices = np.zeros((SIDE, SIDE), np.uint8)
    indices[20:40, 10:50] = 1
    write(root / "Annotations" / f"{image_id}.xml", voc_xml(voc_object("dog", 11, 21, 50, 40), width=SIDE, height=SIDE))
    (root / "JPEGImages").mkdir(exist_ok=True)
    Image.fromarray(np.stack([indices * 200] * 3, axis=-1)).save(root / "JPEGImages" / f"{image_id}.jpg")
    if with_mask:
        write_indices(root / "SegmentationObject" / f"{image_id}.png", indices)
