"""How long datasets take to open and to import, compared with the least that has to be done.

Run from the root: python -m benchmarks.open_datasets [--rounds 3] [--images 100000] [--photos 3000].

Opening: COCO files with 5 objects an image, against `pycocotools.COCO`, which parses and indexes the same files, for
masks as RLE and as polygons. Importing: a zip of photos of 640 x 480 with COCO labels of one part, staged and then cut
(near-duplicates, val part), against `zipfile.extractall`. Each round runs both sides; the numbers are the median and
the range of the ratios, and the median seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import cv2
import numpy as np
from pycocotools.coco import COCO

from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.import_dataset import stage_archive
from splitlab.data.selection.near_duplicates import find_near_duplicates
from splitlab.data.selection.val_cut import cut_val
from splitlab.geometry import mask_to_rle

OBJECTS = 5
WIDTH, HEIGHT = 640, 480
BOX = [100, 80, 200, 160]
OUTLINE = [100, 80, 300, 80, 300, 240, 100, 240]


def rle() -> dict[str, object]:
    """Return the mask of the box."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[80:240, 100:300] = True
    return dict(mask_to_rle(mask))


def coco(images: int, segmentation: object) -> dict[str, object]:
    """Return the content of a COCO file."""
    entries = [{"id": n, "file_name": f"{n:06}.jpg", "width": WIDTH, "height": HEIGHT} for n in range(images)]
    annotations = [
        {"id": n, "image_id": n // OBJECTS, "category_id": 1, "bbox": BOX, "segmentation": segmentation, "iscrowd": 0}
        for n in range(images * OBJECTS)
    ]
    return {"images": entries, "annotations": annotations, "categories": [{"id": 1, "name": "cat"}]}


def seconds(work: Callable[..., object], *arguments: object) -> float:
    """Return the time that a function takes; what it prints is dropped."""
    began = perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        work(*arguments)
    return perf_counter() - began


def report(name: str, ours: list[float], theirs: list[float]) -> None:
    """Print one line of results."""
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    print(
        f"{name}: {median(ratios):.2f} times ({min(ratios):.2f} to {max(ratios):.2f}); "
        f"{median(ours):.1f} s against {median(theirs):.1f} s"
    )


def compare_opening(place: Path, images: int, rounds: int) -> None:
    """Compare opening with pycocotools."""
    for kind, segmentation in (("RLE", rle()), ("polygons", [OUTLINE])):
        root = place / kind
        (root / "images").mkdir(parents=True)
        for number in range(images):
            (root / "images" / f"{number:06}.jpg").touch()
        labels = root / "instances_train.json"
        labels.write_text(json.dumps(coco(images, segmentation)))
        times = [(seconds(read_coco_folder, root), seconds(COCO, str(labels))) for _ in range(rounds)]
        report(f"open {images:,} images, {kind}", [one for one, _ in times], [other for _, other in times])


def zip_of_photos(path: Path, photos: int) -> None:
    """Write a zip of different photos with COCO labels."""
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(photos):
            coarse = rng.integers(0, 256, (12, 16, 3), np.uint8)
            photo = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
            archive.writestr(f"images/{number:06}.jpg", cv2.imencode(".jpg", photo)[1].tobytes())
        archive.writestr("result.json", json.dumps(coco(photos, [OUTLINE])))


def import_and_cut(path: Path, data_dir: Path) -> None:
    """Do what the Data page does with an upload without a val part."""
    with path.open("rb") as file:
        staged = stage_archive(file, data_dir)
    images = staged.data.train.images
    cut_val(staged.data.train, groups=find_near_duplicates(images, staged.root, data_dir / ".index"))
    staged.discard()


def compare_importing(place: Path, photos: int, rounds: int) -> None:
    """Compare importing with unpacking alone."""
    path = place / "photos.zip"
    zip_of_photos(path, photos)
    ours, theirs = [], []
    for number in range(rounds):
        ours.append(seconds(import_and_cut, path, place / f"data-{number}"))
        theirs.append(seconds(zipfile.ZipFile(path).extractall, place / f"plain-{number}"))
    report(f"import {photos:,} photos", ours, theirs)


def main() -> None:
    """Compare, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--photos", type=int, default=3_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        compare_opening(Path(folder), asked.images, asked.rounds)
        compare_importing(Path(folder), asked.photos, asked.rounds)


if __name__ == "__main__":
    main()
