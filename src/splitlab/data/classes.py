"""Class names: reading lists of them, restricting a dataset to some classes, matching the names of two datasets."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from splitlab.data.dataset import Dataset, ImageId, ImageLabels, LabelState, TrainVal, json_hash
from splitlab.data.formats.voc import CLASS_NAMES
from splitlab.errors import DataError, SettingsError

# In place of a name where a number means no class.
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

# Singular, in the form that `_letters` returns; the first name represents the group.
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
# Shorter words that end in s are rarely plurals: "bus".
_SHORTEST_PLURAL = 4


def names_in(text: str) -> tuple[str, ...]:
    """Parse comma-separated class names; names that contain a comma are in double quotes."""
    line: list[str] = next(csv.reader(io.StringIO(text), skipinitialspace=True), [])
    return tuple(name.strip() for name in line if name.strip())


def asked_names(text: str | None) -> tuple[str, ...]:
    """Parse the class names given to `--classes`; empty for None.

    Raises:
        SettingsError: the text has no class name.
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


def fitting_tables(count: int) -> list[str]:
    """Return the names of the tables with `count` classes."""
    return [name for name, names in TABLES.items() if len(names) == count]


def of_classes(data: TrainVal, class_names: Sequence[str]) -> TrainVal:
    """Restrict a dataset to some classes, in its own order; objects of other classes are left out.

    Train keeps the images that show one of the classes. Val keeps all images, so that false detections count and a
    class's AP equals its AP on the whole dataset. Equal classes in any order give an equal `source_hash`, which differs
    from that of the whole.

    Raises:
        DataError: a class does not exist, none is given, or no image shows one.
    """
    names = _in_own_order(data.train, class_names)
    train = only_classes(data.train, names)
    shown = _keep(train, _showing(train, data.train.name))
    return replace(data, train=shown, val=only_classes(data.val, names))


def of_classes_with_background(data: TrainVal, class_names: Sequence[str]) -> TrainVal:
    """Do what `of_classes` does, but keep training images that show none of the classes, as background.

    The paper's few-shot W has such images (Sec. 4.6). Unlabelled images may show the classes and are left out, and so
    are images that show them only as crowds. The training set has a `source_hash` of its own.

    Raises:
        DataError: as `of_classes`.
    """
    names = _in_own_order(data.train, class_names)
    train = only_classes(data.train, names)
    empty = (image for image in train.images if not image.objects)
    background = {image.image_id for image in empty if image.state == LabelState.WHOLE}
    kept = _keep(train, _showing(train, data.train.name) | background)
    kept = replace(kept, source_hash=json_hash([train.source_hash, "background"]))
    return replace(data, train=kept, val=only_classes(data.val, names))


def masks_of_classes(data: TrainVal, class_names: Sequence[str]) -> TrainVal:
    """Remove the masks of all other classes from the training images (partial supervision); all boxes stay.

    Objects of the other classes do not need masks any more: an image may be in F as soon as its masks of these classes
    are known. Val and `source_hash` stay, so splits of the whole dataset fit.

    Raises:
        DataError: a class does not exist, or none is given.
    """
    names = _in_own_order(data.train, class_names)
    known = {data.train.class_names.index(name) for name in names}
    images = tuple(_masks_of(image, known) for image in data.train.images)
    return replace(data, train=replace(data.train, images=images))


def only_classes(dataset: Dataset, names: tuple[str, ...]) -> Dataset:
    """Return a subset with all images and only the objects of the classes `names`, given in its own order."""
    places = [dataset.class_names.index(name) for name in names]
    new_index = {place: index for index, place in enumerate(places)}
    return replace(
        dataset,
        # Another name, so that no table mixes its scores with those of the whole.
        name=f"{dataset.name} ({', '.join(names)})",
        class_names=names,
        category_ids=tuple(dataset.category_ids[place] for place in places),
        images=tuple(_renumbered(image, new_index) for image in dataset.images),
        source_hash=json_hash([dataset.source_hash, names]),
    )


def same_classes(names: Sequence[str], others: Sequence[str]) -> list[int | None]:
    """Find for each name the index in `others` of the class with the same meaning.

    Exact names come first, then equal letters and digits, then plurals and synonyms. None where nothing fits, or where
    two fit equally well.
    """
    by_form = [_places_by_form(others, forms) for forms in _FORMS]
    return [_find(name, by_form) for name in names]


def _by_coco_ids() -> tuple[str, ...]:
    names = iter(_COCO)
    return tuple(UNUSED if number in _COCO_GAPS else next(names) for number in range(91))


TABLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "voc20": _VOC,
        # VOC's ids start at 1. DETR's code uses 20 classes for all data but COCO's, including the paper's VOC; the
        # number of the last class then also means "nothing".
        "voc20-ids": (UNUSED, *_VOC[:-1]),
        "voc21": (UNUSED, *_VOC),
        "coco80": _COCO,
        "coco91": _by_coco_ids(),
    }
)
"""Class names by number; `UNUSED` where a number means no class."""


def _in_own_order(dataset: Dataset, class_names: Sequence[str]) -> tuple[str, ...]:
    unknown = [name for name in class_names if name not in dataset.class_names]
    if unknown or not class_names:
        missing = f"no class '{unknown[0]}'" if unknown else "no class without a name"
        raise DataError(f"'{dataset.name}' has {missing}. Choose among {', '.join(dataset.class_names)}.")
    return tuple(name for name in dataset.class_names if name in class_names)


def _keep(dataset: Dataset, image_ids: set[ImageId]) -> Dataset:
    def kept(pool: Iterable[ImageId]) -> tuple[ImageId, ...]:
        return tuple(image_id for image_id in pool if image_id in image_ids)

    return replace(
        dataset,
        images=tuple(image for image in dataset.images if image.image_id in image_ids),
        few_shot_pool=kept(dataset.few_shot_pool),
        paper_pools=tuple(map(kept, dataset.paper_pools)),
    )


def _showing(view: Dataset, name: str) -> set[ImageId]:
    """Return the images that show a class of a view of the dataset of this name."""
    shown = {image.image_id for image in view.images if image.targets}
    if not shown:
        raise DataError(f"No image of '{name}' shows {', '.join(view.class_names)}. Choose other classes.")
    return shown


def _masks_of(image: ImageLabels, known: set[int]) -> ImageLabels:
    objects = (
        label if label.class_index in known else replace(label, mask=None, is_box_only=True) for label in image.objects
    )
    return replace(image, objects=tuple(objects))


def _renumbered(image: ImageLabels, new_index: dict[int, int]) -> ImageLabels:
    kept = (label for label in image.objects if label.class_index in new_index)
    return replace(image, objects=tuple(replace(label, class_index=new_index[label.class_index]) for label in kept))


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


_FORMS: tuple[Callable[[str], set[str]], ...] = (_itself, _letters, _meanings)


def _find(name: str, by_form: Sequence[dict[str, set[int]]]) -> int | None:
    if name == UNUSED:
        return None
    for forms, places in zip(_FORMS, by_form, strict=True):
        found = set[int]().union(*(places.get(form, ()) for form in forms(name)))
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def _singulars(letters: str) -> Iterator[str]:
    """Yield what `letters` may be the plural of; English has no exact rule."""
    if len(letters) < _SHORTEST_PLURAL or not letters.endswith("s"):
        return
    yield letters.removesuffix("s")
    if letters.endswith(("ses", "xes", "zes", "ches", "shes")):
        yield letters.removesuffix("es")
    if letters.endswith("ies"):
        yield letters.removesuffix("ies") + "y"
