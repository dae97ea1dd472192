"""Make proposals for the boxes of a dataset, in a new folder or one in which the work was stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from splitlab.assist.maker import Example, MadeMask, MaskMaker, TeachableMaker
from splitlab.assist.predicted_iou import (
    LEAST_EXAMPLES,
    IouModel,
    Numbers,
    Reliability,
    calibrate,
    clues,
    mask_iou,
)
from splitlab.assist.proposals import ABOUT, LABELS, About, Proposals, State, read_proposals, write_labels
from splitlab.data.dataset import Box, Dataset, ImageLabels, ObjectLabel, TrainVal
from splitlab.data.exports.coco import export_coco
from splitlab.data.formats.coco.files import read_labels
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.images import load_labelled
from splitlab.data.masks import read_mask
from splitlab.errors import DataError, ImageError, SettingsError
from splitlab.geometry import FloatArray, Rle, rle_area, rle_fits, rle_to_mask
from splitlab.io import Progress, holding, no_progress

_MADE, _LOCK = "made.jsonl", ".assist-work.lock"
_MOST_EXAMPLES = 2000


@dataclass(frozen=True)
class ProposeSettings:
    """What a maker may learn from.

    Attributes:
        learn_from: masks of F at most that are used to teach the maker and to calibrate predicted IoU.
        seed: draws them.
    """

    learn_from: int = 60
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.learn_from <= _MOST_EXAMPLES or self.seed < 0:
            raise SettingsError(
                f"learn_from is {self.learn_from} and seed {self.seed}: give 0 to {_MOST_EXAMPLES:,} masks, and a seed "
                "of 0 or more."
            )


def propose(
    data: TrainVal, maker: MaskMaker, folder: Path, settings: ProposeSettings, progress: Progress = no_progress
) -> Proposals:
    """Make a mask for every box of train that has none.

    The folder becomes a COCO dataset of its own (see `proposals`); the dataset's files stay as they are. If the work is
    stopped, the same call goes on after the last image; if it is finished, it only reads the result.

    Args:
        data: images with masks are F: the maker learns from them if it can, and predicted IoU is calibrated on them.
            With fewer than 12 masks it is not predicted.
        maker: makes the masks.
        folder: new, empty, or one that this work began.
        settings: what is learnt from.
        progress: called while the photos are placed, while the maker learns, and after each image.

    Raises:
        DataError: every object has a mask, the folder holds something else, or a mask or photo of F cannot be read.
        RunError: the folder cannot be written, or another process is working on it.
    """
    targets = [label for image in data.train.images for label in image.targets if label.mask is None]
    if not targets:
        raise DataError(
            f"No object of '{data.train.name}' has a box without a mask. To try it out on a dataset with masks, give a "
            "split with --split: the images of W count as boxes only."
        )
    about = About(maker.name, data.train.name, data.train.source_hash, settings.learn_from, settings.seed)
    if (folder / ABOUT).exists():
        known = About.read(folder)
        if not known.is_same_work(about):
            raise DataError(
                f"{folder} holds proposals of another maker, dataset or setting ({known.maker} for '{known.source}', "
                f"{known.learnt_from} masks, seed {known.seed}). Choose another folder with --out."
            )
        if known.finished:
            return read_proposals(folder)
    else:
        export_coco(data, folder, progress)
        about.write(folder)
    with holding(folder / _LOCK, f"Another process makes proposals in {folder}. Wait for it to end."):
        _make_all(maker, folder, about, progress)
    return read_proposals(folder)


def _make_all(maker: MaskMaker, folder: Path, about: About, progress: Progress) -> None:
    dataset = read_coco_folder(folder).train
    _, content = read_labels(folder / LABELS)
    boxes = _boxes_of(content)
    made = _read_made(folder / _MADE, dataset)
    examples = _examples(dataset, about.learnt_from, about.seed, progress)
    taught, model, reliability = _learn(maker, examples, progress)
    notes: list[str] = []
    seconds: list[float] = []
    with (folder / _MADE).open("a") as file:
        file.write("\n")  # ends a line that was cut short
        for done, (image_id, numbered) in enumerate(boxes.items(), start=1):
            if image_id not in made:
                image = dataset.by_id[image_id]
                try:
                    photo = load_labelled(image)
                except (ImageError, DataError) as error:
                    notes.append(str(error))
                    continue
                started = time.process_time()
                found = _make_image(taught, model, photo, numbered)
                seconds += [(time.process_time() - started) / len(numbered)] * len(numbered)
                made[image_id] = found
                file.write(json.dumps({"image": image_id, "found": found}) + "\n")
                file.flush()
            progress("make masks", done, len(boxes))
    _finish(folder, content, made)
    known = replace(about, reliability=reliability, finished=True, notes=tuple(notes))
    replace(known, seconds_per_object=float(np.median(seconds)) if seconds else 0.0).write(folder)
    (folder / _MADE).unlink()


def _boxes_of(content: dict[str, Any]) -> dict[int, list[tuple[int, Box]]]:
    """Return the boxes without masks with the numbers of their annotations, by image; as our export wrote them."""
    boxes: dict[int, list[tuple[int, Box]]] = {}
    for annotation in content["annotations"]:
        if annotation.get("box_only") == 1 and not annotation["iscrowd"]:
            left, top, width, height = annotation["bbox"]
            box = left, top, left + width, top + height
            boxes.setdefault(annotation["image_id"], []).append((annotation["id"], box))
    return boxes


def _examples(dataset: Dataset, most: int, seed: int, progress: Progress) -> list[Example]:
    """Draw objects of F: first one of each image, then a second one, and so on."""
    rng = np.random.default_rng(seed)
    images = [image for image in dataset.images if image.can_be_full and image.targets]
    shuffled = [images[place] for place in rng.permutation(len(images))]
    ordered = sorted(
        ((turn, place, label) for place, image in enumerate(shuffled) for turn, label in enumerate(image.targets)),
        key=lambda entry: entry[:2],
    )[:most]
    found = []
    for done, (_, place, label) in enumerate(ordered, start=1):
        if (example := _example(shuffled[place], label)) is not None:
            found.append(example)
        progress("read drawn masks", done, len(ordered))
    return found


def _example(image: ImageLabels, label: ObjectLabel) -> Example | None:
    mask = None if label.mask is None else read_mask(label.mask)
    if mask is None or rle_area(mask) == 0:
        return None
    return Example(load_labelled(image), np.array(label.box, np.float32), rle_to_mask(mask))


def _learn(
    maker: MaskMaker, examples: Sequence[Example], progress: Progress
) -> tuple[MaskMaker, IouModel | None, Reliability | None]:
    """Teach a maker, and calibrate predicted IoU on masks that it made of objects that it had not learnt."""
    if isinstance(maker, TeachableMaker) and len(examples) >= maker.least_examples:
        taught = maker.taught(examples, progress)
        maker, made = taught.maker, taught.made
    elif len(examples) >= LEAST_EXAMPLES:
        made = list(_made_anew(maker, examples, progress))
    if len(examples) < LEAST_EXAMPLES:
        return maker, None, None
    seen = np.array([clues(example.photo, one) for example, one in zip(examples, made, strict=True)])
    real = np.array([real_iou(one, example) for example, one in zip(examples, made, strict=True)])
    return maker, *calibrate(seen, real)


def _made_anew(maker: MaskMaker, examples: Sequence[Example], progress: Progress) -> Iterator[MadeMask]:
    for done, example in enumerate(examples, start=1):
        yield maker.make(example.photo, example.box[None])[0]
        progress("compare with drawn masks", done, len(examples))


def real_iou(made: MadeMask, example: Example) -> float:
    """Return the IoU of a made mask with the drawn one, which may reach beyond the box."""
    whole = np.zeros(example.mask.shape, bool)
    left, top, right, bottom = made.region
    whole[top:bottom, left:right] = made.mask
    return mask_iou(whole, example.mask)


_Found = dict[str, Any]
"""A proposal in `made.jsonl`."""
_FOUND_KEYS = {"number", "counts", "confidence", "predicted_iou"}


def _make_image(
    maker: MaskMaker, model: IouModel | None, photo: Any, numbered: Sequence[tuple[int, Box]]
) -> list[_Found]:
    boxes: FloatArray = np.array([box for _, box in numbered], np.float32)
    found = []
    for (number, _), made in zip(numbered, maker.make(photo, boxes), strict=True):
        seen: Numbers = clues(photo, made)
        predicted = None if model is None else round(float(model.predict(seen[None])[0]), 4)
        mask = made.to_rle(*photo.shape[:2])
        if rle_area(mask) > 0:
            entry = {"number": number, "counts": mask["counts"], "confidence": round(float(seen[0]), 4)}
            found.append({**entry, "predicted_iou": predicted})
    return found


def _read_made(path: Path, dataset: Dataset) -> dict[int, list[_Found]]:
    """Return what was made before the work was stopped; a line that was cut short is made anew."""
    made: dict[int, list[_Found]] = {}
    if path.exists():
        for line in path.read_text(errors="replace").splitlines():
            try:
                entry = json.loads(line)
                image = dataset.by_id[entry["image"]]
                if all(set(one) == _FOUND_KEYS for one in entry["found"]) and all(
                    rle_fits(one["counts"], image.height, image.width) for one in entry["found"]
                ):
                    made[entry["image"]] = entry["found"]
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
    return made


def _badness(found: _Found) -> float:
    best: float = found["confidence"] if found["predicted_iou"] is None else found["predicted_iou"]
    return -best


def _finish(folder: Path, content: dict[str, Any], made: dict[int, list[_Found]]) -> None:
    """Write the proposals into the labels."""
    by_number = {one["number"]: one for found in made.values() for one in found}
    ranked = sorted(by_number.values(), key=_badness)
    rank_of = {one["number"]: rank for rank, one in enumerate(ranked, start=1)}
    sizes = {image["id"]: [image["height"], image["width"]] for image in content["images"]}
    for annotation in content["annotations"]:
        if (one := by_number.get(annotation["id"])) is None:
            continue
        mask: Rle = {"size": sizes[annotation["image_id"]], "counts": one["counts"]}
        annotation.update(
            segmentation=mask,
            area=rle_area(mask),
            state=str(State.PROPOSED),
            rank=rank_of[annotation["id"]],
            confidence=one["confidence"],
            predicted_iou=one["predicted_iou"],
            seconds=0.0,
        )
    write_labels(folder, content)
