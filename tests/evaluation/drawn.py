"""Images whose objects and detections are rectangles, so that every overlap can be worked out by hand."""

from pathlib import Path

import numpy as np

from splitlab.data.dataset import Dataset, ImageLabels, ObjectLabel
from splitlab.evaluation.detections import ImageDetections
from splitlab.geometry import mask_to_rle

SIDE = 100


def rectangle(left, top, right, bottom):
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top:bottom, left:right] = True
    return mask_to_rle(mask)


def label(box, class_index=0, crowd=False):
    return ObjectLabel(class_index, tuple(map(float, box)), rectangle(*box), crowd)


def box_only(box, class_index=0):
    return ObjectLabel(class_index, tuple(map(float, box)), None)


def image(*objects, image_id=0):
    return ImageLabels(image_id, Path("none.jpg"), SIDE, SIDE, tuple(objects))


def dataset(*objects_per_image, classes=("cat", "dog")):
    images = tuple(image(*objects, image_id=10 + number) for number, objects in enumerate(objects_per_image))
    return Dataset("test", classes, tuple(range(1, len(classes) + 1)), images, "hash")


def found(*rows):
    """Detections from (box, score, class_index) rows."""
    return ImageDetections(
        SIDE,
        SIDE,
        np.array([row[0] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float32),
        np.array([row[2] if len(row) > 2 else 0 for row in rows], np.int64),
        tuple(rectangle(*row[0]) for row in rows),
    )


def random_case(seed, images=12, classes=3):
    """A dataset, with crowds and boxes without masks, and detections that hit, shift, mistake, repeat and miss them."""
    rng = np.random.default_rng(seed)
    truth, detections = [], []
    for _ in range(images):
        objects = [_object(rng, classes) for _ in range(rng.integers(0, 6))]
        rows = [_near(known, rng, classes) for known in objects for _ in range(rng.integers(0, 4))]
        rows += [(_box(rng), float(rng.random()), int(rng.integers(classes))) for _ in range(rng.integers(0, 3))]
        truth.append(objects)
        detections.append(found(*sorted(rows, key=lambda row: -row[1])))
    # Every class is there, so that no mean over classes leaves one out.
    truth.append([label((0, 0, 30, 30), index) for index in range(classes)])
    detections.append(found())
    return dataset(*truth, classes=tuple(f"class {index}" for index in range(classes))), detections


def _object(rng, classes):
    box, class_index, kind = _box(rng), int(rng.integers(classes)), rng.random()
    return box_only(box, class_index) if kind > 0.85 else label(box, class_index, crowd=kind < 0.1)


def _box(rng):
    left, top = rng.integers(0, 60, 2)
    return int(left), int(top), int(left + rng.integers(8, 40)), int(top + rng.integers(8, 40))


def _near(known, rng, classes):
    left, top, right, bottom = (int(side) for side in known.box)
    shift = rng.integers(-6, 7, 4)
    left, top = max(left + int(shift[0]), 0), max(top + int(shift[1]), 0)
    right, bottom = max(right + int(shift[2]), left + 1), max(bottom + int(shift[3]), top + 1)
    class_index = known.class_index if rng.random() < 0.7 else int(rng.integers(classes))
    return (left, top, min(right, SIDE), min(bottom, SIDE)), round(float(rng.random()), 4), class_index
