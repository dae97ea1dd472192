"""Lists of class names: reading them, restricting a dataset to some classes, matching the names of two datasets."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from splitlab.data.dataset import Dataset, ImageId, ImageLabels, LabelState, TrainVal
from splitlab.data.formats.voc import CLASS_NAMES
from splitlab.errors import DataError, SettingsError


def names_in(text: str) -> tuple[str, ...]:
    """Read class names; a name that has a comma stands in double quotes. No names from an empty text."""
    line: list[str] = next(csv.reader(io.StringIO(text), skipinitialspace=True), [])
    return tuple(name.strip() for name in line if name.strip())


def asked_names(text: str | None) -> tuple[str, ...]:
    """Read the class names that somebody asked for; no names where nobody did (None).

    Raises:
        SettingsError: a text was given that names no class.
    """
    names = names_in(text or "")
    if text is not None and not names:
        raise SettingsError("--classes names no class. Name some, such as --classes cat,dog, or leave it out for all.")
    return names


def in_one_line(names: Iterable[str]) -> str:
    """Write class names so that `names_in` reads them back."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(names)
    return text.getvalue()


# What stands where a number means no class.
UNUSED = "N/A"

_VOC = tuple(CLASS_NAMES)
_COCO = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
_COCO_GAPS = frozenset({0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83})


def _by_coco_ids() -> tuple[str, ...]:
    names = iter(_COCO)
    return tuple(UNUSED if number in _COCO_GAPS else next(names) for number in range(91))


TABLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "voc20": _VOC,
        # VOC's ids begin with 1. DETR's code has 20 classes for any data but COCO's, the paper's VOC among them; the
        # number of the last class then also means "nothing".
        "voc20-ids": (UNUSED, *_VOC[:-1]),
        "voc21": (UNUSED, *_VOC),
        "coco80": _COCO,
        "coco91": _by_coco_ids(),
    }
)
"""Names by number, `UNUSED` where a number means no class."""


def fitting_tables(count: int) -> list[str]:
    """Return the names of the tables with so many numbers."""
    return [name for name, names in TABLES.items() if len(names) == count]


def of_classes(data: TrainVal, class_names: Sequence[str]) -> TrainVal:
    """Return the data set with these classes alone, in its own order; objects of others are left out.

    Train keeps the images that show one of the classes. Val keeps all its images, so that a class found where it is not
    counts as wrong: a class's AP is what it is on the whole data set.
    Equal classes, in whatever order, give an equal `source_hash`, which is not that of the whole.

    Raises:
        DataError: the data set lacks one of the classes, none is named, or no image shows one.
    """
    names = _in_own_order(data.train, class_names)
    train = only_classes(data.train, names)
    shown = _keep(train, _showing(train, data.train.name))
    return replace(data, train=shown, val=only_classes(data.val, names))


def of_classes_with_background(data: TrainVal, class_names: Sequence[str]) -> TrainVal:
    """Do what `of_classes` does, but keep the training images that show none of the classes, as background.

    The paper's few-shot W holds such images (Sec. 4.6). Images that nobody labelled may show the classes and are left
    out, as are those that show them as crowds alone. The training set has a `source_hash` of its own.

    Raises:
        DataError: as `of_classes`.
    """
    names = _in_own_order(data.train, class_names)
    train = only_classes(data.train, names)
    empty = (image for image in train.images if not image.objects)
    background = {image.image_id for image in empty if image.state == LabelState.WHOLE}
    kept = _keep(train, _showing(train, data.train.name) | background)
    content = json.dumps([train.source_hash, "background"])
    kept = replace(kept, source_hash=hashlib.sha256(content.encode()).hexdigest())
    return replace(data, train=kept, val=only_classes(data.val, names))


def _showing(view: Dataset, name: str) -> set[ImageId]:
    """Return the images that show a class of a view of the data set of this name."""
    shown = {image.image_id for image in view.images if image.targets}
    if not shown:
        raise DataError(f"No image of '{name}' shows {', '.join(view.class_names)}. Choose other classes.")
    return shown


def _keep(dataset: Dataset, image_ids: set[ImageId]) -> Dataset:
    def kept(pool: Iterable[ImageId]) -> tuple[ImageId, ...]:
        return tuple(image_id for image_id in pool if image_id in image_ids)

    return replace(
        dataset,
        images=tuple(image for image in dataset.images if image.image_id in image_ids),
        few_shot_pool=kept(dataset.few_shot_pool),
        paper_pools=tuple(map(kept, dataset.paper_pools)),
    )


def masks_of_classes(data: TrainVal, class_names: Sequence[str]) -> TrainVal:
    """Return the data set whose train images have masks of these classes alone, and boxes of all (partly supervised).

    The masks of other classes are taken out, and their objects are told to do without: an image may stand in F as
    soon as its masks of these classes are there. Splits of the whole data set fit: `source_hash` stays. So does val.

    Raises:
        DataError: the data set lacks one of the classes, or none is named.
    """
    names = _in_own_order(data.train, class_names)
    known = {data.train.class_names.index(name) for name in names}
    images = tuple(_masks_of(image, known) for image in data.train.images)
    return replace(data, train=replace(data.train, images=images))


def _in_own_order(dataset: Dataset, class_names: Sequence[str]) -> tuple[str, ...]:
    unknown = [name for name in class_names if name not in dataset.class_names]
    if unknown or not class_names:
        missing = f"no class '{unknown[0]}'" if unknown else "no class without a name"
        raise DataError(f"'{dataset.name}' has {missing}. Choose among {', '.join(dataset.class_names)}.")
    return tuple(name for name in dataset.class_names if name in class_names)


def only_classes(dataset: Dataset, names: tuple[str, ...]) -> Dataset:
    """Return a subset with all its images and the objects of some of its classes alone, numbered in that order.

    Args:
        dataset: the subset.
        names: some of its classes, in its order.
    """
    places = [dataset.class_names.index(name) for name in names]
    new_index = {place: index for index, place in enumerate(places)}
    return replace(
        dataset,
        # Of another name, so that no table takes its scores for scores of the whole.
        name=f"{dataset.name} ({', '.join(names)})",
        class_names=names,
        category_ids=tuple(dataset.category_ids[place] for place in places),
        images=tuple(_renumbered(image, new_index) for image in dataset.images),
        source_hash=hashlib.sha256(json.dumps([dataset.source_hash, names]).encode()).hexdigest(),
    )


def _renumbered(image: ImageLabels, new_index: dict[int, int]) -> ImageLabels:
    kept = (label for label in image.objects if label.class_index in new_index)
    return replace(image, objects=tuple(replace(label, class_index=new_index[label.class_index]) for label in kept))


def _masks_of(image: ImageLabels, known: set[int]) -> ImageLabels:
    objects = (
        label if label.class_index in known else replace(label, mask=None, is_box_only=True) for label in image.objects
    )
    return replace(image, objects=tuple(objects))


# Singular, and written as `_letters` gives them; each group goes by its first name.
_SYNONYMS = (
    ("airplane", "aeroplane", "plane"),
    ("motorcycle", "motorbike"),
    ("tv", "tvmonitor", "television"),
    ("couch", "sofa"),
    ("person", "people", "human"),
    ("pottedplant", "houseplant"),
    ("cellphone", "mobilephone"),
    ("hairdrier", "hairdryer"),
    ("donut", "doughnut"),
    ("refrigerator", "fridge"),
    ("microwave", "microwaveoven"),
    ("mouse", "computermouse"),
    ("keyboard", "computerkeyboard"),
    ("remote", "remotecontrol"),
    ("truck", "lorry"),
)
_FIRST_OF = {name: group[0] for group in _SYNONYMS for name in group}
# A plural of fewer letters is more likely a short word of its own, such as "bus".
_SHORTEST_PLURAL = 4


def same_classes(names: Sequence[str], others: Sequence[str]) -> list[int | None]:
    """Find for each name the class that means the same, by its place in `others`.

    The very name comes first, then one of the same letters and digits, then a plural or a synonym. None where nothing
    fits, or where two fit equally well.
    """
    by_form = [_places_by_form(others, forms) for forms in _FORMS]
    return [_find(name, by_form) for name in names]


def _find(name: str, by_form: Sequence[dict[str, set[int]]]) -> int | None:
    if name == UNUSED:
        return None
    for forms, places in zip(_FORMS, by_form, strict=True):
        found = set[int]().union(*(places.get(form, ()) for form in forms(name)))
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def _places_by_form(names: Sequence[str], forms: Callable[[str], set[str]]) -> dict[str, set[int]]:
    places: dict[str, set[int]] = defaultdict(set)
    for place, name in enumerate(names):
        for form in forms(name):
            places[form].add(place)
    return dict(places)


def _itself(name: str) -> set[str]:
    return {name}


def _letters(name: str) -> set[str]:
    folded = unicodedata.normalize("NFKC", name).casefold()
    return {letters} if (letters := "".join(letter for letter in folded if letter.isalnum())) else set()


def _meanings(name: str) -> set[str]:
    return {_FIRST_OF.get(form, form) for letters in _letters(name) for form in (letters, *_singulars(letters))}


def _singulars(letters: str) -> Iterator[str]:
    """Yield what `letters` may be the plural of: English has no rule that tells."""
    if len(letters) < _SHORTEST_PLURAL or not letters.endswith("s"):
        return
    yield letters.removesuffix("s")
    if letters.endswith(("ses", "xes", "zes", "ches", "shes")):
        yield letters.removesuffix("es")
    if letters.endswith("ies"):
        yield letters.removesuffix("ies") + "y"


_FORMS: tuple[Callable[[str], set[str]], ...] = (_itself, _letters, _meanings)
