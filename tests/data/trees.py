"""Datasets of a few small files, laid out as VOC2012, Cityscapes and Oxford-IIIT Pet are."""

from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 8, 10


def voc_xml(*objects: str, width: int | str = WIDTH, height: int | str = HEIGHT) -> str:
    size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    return f"<annotation>{size}{''.join(objects)}</annotation>"


def voc_object(name: str, xmin: object, ymin: object, xmax: object, ymax: object, more: str = "") -> str:
    box = f"<bndbox><xmax>{xmax}</xmax><xmin>{xmin}</xmin><ymin>{ymin}</ymin><ymax>{ymax}</ymax></bndbox>"
    return f"<object><name>{name}</name>{box}{more}</object>"


DOG = voc_object("dog", 2, 2, 4, 4)
PERSON = voc_object("person", 6, 3, 9.5, 8, "<difficult>1</difficult><part><name>head</name></part>")
VOC_XMLS = {
    "2007_000003": voc_xml(DOG, PERSON),
    "2007_000001": voc_xml(DOG),
    "2007_000002": voc_xml(PERSON),
    "2008_000009": voc_xml(PERSON, DOG),
    "2008_000004": voc_xml(DOG),
}


def voc_tree(root: Path) -> Path:
    """F pool 3, 1 (in this order), W pool 4, 9 (once sorted), val 2."""
    lists = {
        "Segmentation/train": ["2007_000003", "2007_000001"],
        "Segmentation/val": ["2007_000002"],
        "Main/trainval": ["2008_000009", "2008_000004", "2007_000003", "2007_000002"],
        # Only PASCAL's own archive has lists of classes.
        "Main/dog_trainval": ["2008_000009"],
    }
    for name, ids in lists.items():
        write(root / "ImageSets" / f"{name}.txt", "".join(f"{image_id}\n" for image_id in ids))
    for image_id, xml in VOC_XMLS.items():
        write(root / "Annotations" / f"{image_id}.xml", xml)
    write_indices(root / "SegmentationObject" / "2007_000003.png", voc_indices())
    return root


def voc_indices() -> np.ndarray:
    """A dog (1) and a person (2), each with a border (255) around it."""
    indices = np.zeros((HEIGHT, WIDTH), np.uint8)
    indices[0:5, 0:5] = 255
    indices[1:4, 1:4] = 1
    indices[2:, 5:] = 255
    indices[3:, 6:9] = 2
    return indices


def cityscapes_tree(root: Path) -> Path:
    """Train: two photos of aachen, one of bremen; val: one of ulm. Each shows a car, a person and a group of cars."""
    for name in ("aachen_000001_000019", "aachen_000000_000019", "bremen_000000_000019"):
        cityscapes_image(root, "train", name, street_indices())
    cityscapes_image(root, "val", "ulm_000000_000019", street_indices())
    return root


def cityscapes_image(root: Path, subset: str, name: str, indices: np.ndarray) -> Path:
    city = name.split("_")[0]
    write(root / "leftImg8bit" / subset / city / f"{name}_leftImg8bit.png", "a photo")
    path = root / "gtFine" / subset / city / f"{name}_gtFine_instanceIds.png"
    write_indices(path, indices)
    return path


def street_indices() -> np.ndarray:
    """Road (7), a group of cars (26), the second car (26001), a caravan (29000) and the first person (24000)."""
    indices = np.full((HEIGHT, WIDTH), 7, np.uint16)
    indices[0:2, 0:4] = 26
    indices[2:5, 1:4] = 26001
    indices[6, 6:9] = 29000
    indices[7, 9] = 24000
    return indices


PETS = {"Bengal_7": 2, "beagle_3": 3, "Abyssinian_12": 1, "american_bulldog_10": 11}


def pets_tree(root: Path) -> Path:
    """Train: a Bengal and a beagle; test: an Abyssinian and an american_bulldog."""
    lines = [f"{name} {class_id} 1 1" for name, class_id in PETS.items()]
    write(root / "annotations" / "list.txt", "#Image CLASS-ID SPECIES BREED ID\n" + "\n".join(lines))
    write(root / "annotations" / "trainval.txt", "\n".join(lines[:2]))
    write(root / "annotations" / "test.txt", "\n".join(lines[2:]))
    for name in PETS:
        write_indices(root / "annotations" / "trimaps" / f"{name}.png", trimap())
    return root


def trimap() -> np.ndarray:
    """Background, and an animal in a band that is not classified."""
    indices = np.full((HEIGHT, WIDTH), 2, np.uint8)
    indices[1:7, 2:8] = 3
    indices[2:6, 3:7] = 1
    return indices


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_indices(path: Path, indices: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(indices).save(path)
