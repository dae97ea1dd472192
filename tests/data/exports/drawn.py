"""Small datasets that tests of exports draw."""

from dataclasses import replace

import cv2
import numpy as np
from PIL import Image

from splitlab.data.dataset import Dataset, ImageLabels, LabelState, ObjectLabel, TrainVal
from splitlab.data.exports.objects import FoundObject
from splitlab.data.masks import read_mask
from splitlab.geometry import mask_to_rle, rle_to_mask, rle_to_xyxy


def objects_of(dataset):
    return [
        [(o.class_index, np.round(o.box, 3).tolist(), o.mask and read_mask(o.mask), o.is_crowd) for o in image.objects]
        for image in dataset.images
    ]


def blob(rng, side=120):
    """A random shape of one or more parts, cut by the image's edges."""
    noise = cv2.GaussianBlur(rng.normal(size=(side, side)), (0, 0), float(rng.uniform(6, 12)))
    return noise > np.quantile(noise, rng.uniform(0.6, 0.9))


def without_holes(mask):
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros(mask.shape, np.uint8), contours, -1, 1, -1).astype(bool)


def one_image(tmp_path, objects, image_id=1, side=120, name="photo.png"):
    path = tmp_path / "photos" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side)).save(path)
    image = ImageLabels(image_id, path, side, side, tuple(objects))
    dataset = Dataset("drawn", ("a", "b"), (1, 2), (image,), "hash", "CC0-1.0")
    return TrainVal(dataset, dataset)


def masked(mask, class_index=0, **changes):
    rle = mask_to_rle(mask)
    return ObjectLabel(class_index, tuple(rle_to_xyxy(rle).tolist()), rle, **changes)


SIDES = (120, 80)  # width, height


def several(tmp_path):
    """Train: masks and a box, a disc, nothing labelled, background. Val: a box. None is square, one is in a folder."""
    shapes = [placed(seed, left, top) for seed, left, top in ((1, 5, 30), (2, 60, 10), (6, 33, 21))]
    boxed = ObjectLabel(1, (10.25, 20.5, 50.75, 60.0), None)
    train = [
        photo(tmp_path, "one", [masked(shapes[0]), masked(shapes[1], 1), boxed]),
        photo(tmp_path, "town/two", [masked(shapes[2])]),
        photo(tmp_path, "three", [], LabelState.NONE),
        photo(tmp_path, "four", []),
    ]
    names = ("square thing", "b<&>\"'")
    parts = [
        Dataset("drawn", names, (0, 7), tuple(images), "hash", "CC0-1.0")
        for images in (train, [photo(tmp_path, "five", [boxed])])
    ]
    return TrainVal(*parts)


def placed(seed, left, top):
    """A random shape of at most 48 pixels on each side, somewhere in a photo."""
    mask = np.zeros(SIDES[::-1], bool)
    mask[top : top + 48, left : left + 48] = without_holes(blob(np.random.default_rng(seed), 48))
    return mask


def photo(tmp_path, image_id, objects, state=LabelState.WHOLE):
    path = tmp_path / "photos" / f"{image_id}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", SIDES).save(path)
    return ImageLabels(image_id, path, *SIDES, tuple(objects), state)


def found(data, score=0.75):
    """The same objects as a model finds them, each with less certainty than the one before."""
    return TrainVal(*(_found(dataset, score) for dataset in (data.train, data.val)))


def _found(dataset, score):
    images = [
        replace(
            image,
            state=LabelState.NONE,
            objects=tuple(
                FoundObject(o.class_index, o.box, o.mask, score=score - place / 8)
                for place, o in enumerate(image.objects)
            ),
        )
        for image in dataset.images
    ]
    return replace(dataset, images=tuple(images))


def without_val(data):
    return replace(data, val=replace(data.val, images=()))


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


def mask_of(label):
    return rle_to_mask(read_mask(label.mask))
