"""Oxford-IIIT Pet: photos of 37 breeds, one animal each, with its mask from a trimap."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from splitlab.data.dataset import (
    Dataset,
    ImageLabels,
    IndexedMask,
    ObjectLabel,
    Problem,
    ProblemKind,
    TrainVal,
    json_hash,
    refuse_nothing_left,
)
from splitlab.data.masks import MaskBoxes, Progress, read_mask_boxes, silent
from splitlab.data.reading import read_name_list
from splitlab.errors import DataError

NAME = "Oxford-IIIT Pet"
_LICENCE = "CC BY-SA 4.0"
_ANIMAL = 1
# 2 is background; 3 is the unclassified band around the animal.
_TRIMAP_VALUES = {_ANIMAL, 2, 3}


def is_pets_folder(folder: Path) -> bool:
    """Return whether the folder has the lists of Oxford-IIIT Pet."""
    return _root_of(folder) is not None


def read_pets_folder(folder: Path, index_dir: Path, progress: Progress = silent) -> TrainVal:
    """Read trainval.txt as train and test.txt as val, in the folder or in oxford-iiit-pet/ below it.

    A photo whose trimap has no animal pixel is left out: it shows an animal, so it is not background. The first reading
    opens every trimap for the boxes, which takes a minute; later ones use an index file. Masks stay on disk. Lines and
    trimaps that cannot be read are in `Dataset.problems`.

    Raises:
        DataError: a list is missing or broken, or none of its images can be read. The message names it.
    """
    root = _root_of(folder)
    if root is None:
        raise DataError(
            f"{folder} has no annotations/trainval.txt, itself or in oxford-iiit-pet/. "
            "Unpack images.tar.gz and annotations.tar.gz there."
        )
    breeds, breed_problems = _breeds(root)
    train, train_problems = _class_ids(root, "trainval.txt", breeds)
    val, val_problems = _class_ids(root, "test.txt", breeds)
    found = read_mask_boxes([_trimap(root, name) for name in (*train, *val)], root, index_dir, progress)
    shown_in = dict(zip((*train, *val), found, strict=True))
    return TrainVal(
        _to_dataset(root, train, shown_in, breeds, [*breed_problems, *train_problems]),
        _to_dataset(root, val, shown_in, breeds, val_problems),
        NAME,
    )


def _root_of(folder: Path) -> Path | None:
    for root in (folder, folder / "oxford-iiit-pet"):
        if (root / "annotations" / "trainval.txt").is_file():
            return root
    return None


def _breeds(root: Path) -> tuple[dict[int, str], list[Problem]]:
    """Return the breed of each class id, by majority of its lines, and the problems of the other lines."""
    path = root / "annotations" / "list.txt"
    class_ids, problems = _read_list(path)
    named: dict[int, Counter[str]] = defaultdict(Counter)
    for name, class_id in class_ids.items():
        named[class_id][_breed_of(name)] += 1
    breeds = {class_id: counts.most_common(1)[0][0] for class_id, counts in sorted(named.items())}
    for class_id, counts in named.items():
        for other in counts.keys() - {breeds[class_id]}:
            what = f"class {class_id} is {breeds[class_id]} and {other}"
            problems.append(Problem(ProblemKind.LABELS_UNREADABLE, str(path), what, "Correct one of them."))
    return breeds, problems


def _read_list(path: Path) -> tuple[dict[str, int], list[Problem]]:
    lines, problems = read_name_list(path)
    class_ids: dict[str, int] = {}
    for words in lines:
        try:
            class_ids[words[0]] = int(words[1])
        except (IndexError, ValueError) as error:
            what = f"a line is not 'NAME CLASS_ID SPECIES BREED_ID' but '{' '.join(words)[:80]}' ({error})"
            problems.append(Problem(ProblemKind.LABELS_UNREADABLE, str(path), what, "Unpack it again."))
    refuse_nothing_left(class_ids, problems)
    return class_ids, problems


def _breed_of(name: str) -> str:
    return name.rpartition("_")[0]


def _class_ids(root: Path, list_name: str, breeds: dict[int, str]) -> tuple[dict[str, int], list[Problem]]:
    path = root / "annotations" / list_name
    class_ids, problems = _read_list(path)
    for name, class_id in list(class_ids.items()):
        if breeds.get(class_id) != _breed_of(name):
            what = f"{name} has class {class_id}, which has another name in list.txt"
            problems.append(Problem(ProblemKind.LABELS_UNREADABLE, str(path), what, "Correct one of them."))
            del class_ids[name]
    refuse_nothing_left(class_ids, problems)
    return class_ids, problems


def _to_dataset(
    root: Path,
    class_ids: dict[str, int],
    shown_in: dict[str, MaskBoxes | Problem],
    breeds: dict[int, str],
    problems: Sequence[Problem],
) -> Dataset:
    shown = {name: _or_other_values(_trimap(root, name), shown_in[name]) for name in class_ids}
    read = {name: found for name, found in shown.items() if isinstance(found, MaskBoxes)}
    problems = [*problems, *(found for found in shown.values() if isinstance(found, Problem))]
    refuse_nothing_left(read, problems)
    class_index = {class_id: index for index, class_id in enumerate(breeds)}
    return Dataset(
        name=NAME,
        class_names=tuple(breeds.values()),
        category_ids=tuple(breeds),
        images=tuple(
            _to_image(root, name, class_index[class_ids[name]], found)
            for name, found in read.items()
            if _ANIMAL in found.boxes
        ),
        source_hash=json_hash([(name, class_ids[name], found.sha256) for name, found in read.items()]),
        licence=_LICENCE,
        problems=tuple(problems),
    )


def _or_other_values(trimap: Path, found: MaskBoxes | Problem) -> MaskBoxes | Problem:
    others = set(found.boxes) - _TRIMAP_VALUES if isinstance(found, MaskBoxes) else None
    if not others:
        return found
    what = f"is not a trimap: it has the value {min(others)}, not 1, 2 and 3 only"
    return Problem(ProblemKind.LABELS_UNREADABLE, str(trimap), what, "Unpack it again.")


def _trimap(root: Path, name: str) -> Path:
    return root / "annotations" / "trimaps" / f"{name}.png"


def _to_image(root: Path, name: str, class_index: int, shown: MaskBoxes) -> ImageLabels:
    mask = IndexedMask(_trimap(root, name), _ANIMAL)
    objects = (ObjectLabel(class_index, shown.boxes[_ANIMAL], mask),)
    return ImageLabels(name, root / "images" / f"{name}.jpg", shown.width, shown.height, objects)
