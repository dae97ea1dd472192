"""Data sets and settings small enough that a training step takes milliseconds."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splitlab.data.dataset import TrainVal
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.geometry import mask_to_rle
from splitlab.runs.spec import RunSpec

SIDE = 64
# Steps of milliseconds gain nothing from threads, and lose seconds to them where other processes want the cores.
os.environ["OMP_NUM_THREADS"] = "1"
# The processes of a test run are given a narrow terminal, which the command line would take when it is imported.
os.environ.pop("COLUMNS", None)


@pytest.fixture(autouse=True)
def own_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes outside its own folder, and none rests on the rows that the atlas has measured so far."""
    monkeypatch.setenv("SPLITLAB_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("SPLITLAB_MEASURED", str(tmp_path / "measured"))


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A COCO folder: 12 + 4 photos of 64 px, a bright square or disc on each."""
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny(folder, {"train": 12, "val": 4})
    return folder


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> TrainVal:
    return read_coco_folder(tiny_folder)


@pytest.fixture(scope="session")
def tiny_spec(tiny_folder: Path) -> RunSpec:
    return RunSpec.of(
        data=str(tiny_folder),
        full=4,
        weak=6,
        model="yolov5n-seg",
        image_size=64,
        steps=6,
        batch_size=4,
        f_size=2,
        evaluate_every=3,
    )


def write_tiny(folder: Path, counts: dict[str, int]) -> None:
    rng = np.random.default_rng(7)
    (folder / "images").mkdir(parents=True)
    for subset, count in counts.items():
        images, annotations = [], []
        for image_id in range(1, count + 1):
            class_index = image_id % 2
            mask = shape_mask(class_index, rng)
            photo = rng.integers(0, 90, (SIDE, SIDE, 3)).astype(np.uint8)
            photo[mask] = (220, 60, 40) if class_index else (60, 200, 220)
            name = f"{subset}_{image_id}.png"
            Image.fromarray(photo).save(folder / "images" / name)
            images.append({"id": image_id, "file_name": name, "width": SIDE, "height": SIDE})
            annotations.append(annotation(image_id, image_id, class_index + 1, mask))
        categories = [{"id": 1, "name": "square"}, {"id": 2, "name": "disc"}]
        labels = {"images": images, "annotations": annotations, "categories": categories}
        (folder / f"instances_{subset}.json").write_text(json.dumps(labels))


def shape_mask(class_index: int, rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE]
    centre_x, centre_y = rng.integers(20, 44, 2)
    radius = rng.integers(9, 16)
    if class_index:
        return (x - centre_x) ** 2 + (y - centre_y) ** 2 <= radius**2
    return (abs(x - centre_x) <= radius) & (abs(y - centre_y) <= radius)


def annotation(annotation_id: int, image_id: int, category_id: int, mask: np.ndarray) -> dict:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": [float(v) for v in (columns[0], rows[0], np.ptp(columns) + 1, np.ptp(rows) + 1)],
        "area": float(mask.sum()),
        "segmentation": mask_to_rle(mask),
        "iscrowd": 0,
    }
