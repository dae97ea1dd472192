"""The folder of proposals: a COCO dataset whose boxes have machine-made masks, and a person's answers to them.

- `annotations/instances_train.json`: an object with a proposal has the mask as its `segmentation`, `predicted_iou`,
  `confidence`, `rank`, `state`, and `seconds` once it was answered. While it is not accepted, `box_only` is 1, so that
  SplitLab's readers take it for a box: images whose proposals are all accepted can be in F, the others only in W.
- `assist.json`: who made them, from what, and how far `predicted_iou` can be trusted.
- `images/`, and `annotations/instances_val.json` if there is one: as in any export.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from splitlab.assist.predicted_iou import Reliability
from splitlab.data.dataset import Box, EntryError, ImageId, ImageLabels
from splitlab.data.formats.coco.files import read_labels
from splitlab.data.formats.coco.objects import read_object
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.errors import DataError
from splitlab.geometry import Rle, rle_area
from splitlab.io import holding, plain_json, write_bytes, write_json

ABOUT, LABELS = Path("assist.json"), Path("annotations", "instances_train.json")
_LOCK = ".assist.lock"
_PATIENCE_SECONDS = 10.0
_MOST_SECONDS = 3600.0
_ODD = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


class State(StrEnum):
    """A person's answer to a proposal."""

    PROPOSED = "proposed"
    """Not looked at yet."""
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    """Its mask is to be drawn by hand; until then the object has a box only."""
    REDRAWN = "redrawn"
    """A person drew the mask."""

    @property
    def has_mask(self) -> bool:
        """Whether the object counts as one with a mask."""
        return self in (State.ACCEPTED, State.REDRAWN)


@dataclass(frozen=True)
class Proposal:
    """The mask proposed for one box.

    Attributes:
        number: id of the annotation.
        image: its image; `image.objects` are all objects of the photo.
        class_name: of the object.
        box: xyxy, pixels.
        mask: as proposed, or as redrawn.
        confidence: how sure the maker is of the mask's pixels, 0..1.
        predicted_iou: 0..1; None if it was not calibrated.
        state: the answer.
        seconds: the time a person took to answer; 0 if nobody has.
    """

    number: int
    image: ImageLabels
    class_name: str
    box: Box
    mask: Rle
    confidence: float
    predicted_iou: float | None
    state: State
    seconds: float


@dataclass(frozen=True)
class About:
    """How proposals were made.

    Attributes:
        maker: its name.
        source: name of the dataset.
        source_hash: of the labels that the proposals were made for.
        learnt_from: masks of F that the maker learnt from, or that its predicted IoU was calibrated on.
        seed: of their choice.
        reliability: of `predicted_iou`; None if there were too few masks to calibrate on.
        seconds_per_object: of one processor, to make one mask.
        finished: whether all boxes have a proposal.
        notes: sentences about what was left out.
    """

    maker: str
    source: str
    source_hash: str
    learnt_from: int
    seed: int
    reliability: Reliability | None = None
    seconds_per_object: float = 0.0
    finished: bool = False
    notes: tuple[str, ...] = ()

    def is_same_work(self, other: About) -> bool:
        """Return whether both describe the same proposals, finished or not."""
        mine, others = ((about.maker, about.source_hash, about.learnt_from, about.seed) for about in (self, other))
        return mine == others

    def write(self, folder: Path) -> None:
        """Write it. Raise RunError if the folder cannot be written."""
        write_json(folder / ABOUT, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> About:
        """Read it. Raise DataError if the folder has no proposals, or the file is broken."""
        path = folder / ABOUT
        try:
            content = plain_json(path.read_bytes())
            reliability = content["reliability"]
            return cls(
                str(content["maker"]),
                str(content["source"]),
                str(content["source_hash"]),
                int(content["learnt_from"]),
                int(content["seed"]),
                None if reliability is None else Reliability.from_json(reliability),
                float(content["seconds_per_object"]),
                content["finished"] is True,
                tuple(map(str, content["notes"])),
            )
        except FileNotFoundError as error:
            raise DataError(
                f"{folder} holds no proposals. Make some: splitlab assist DATA --maker grabcut --out {folder}"
            ) from error
        except (OSError, RecursionError, *_ODD) as error:
            raise DataError(f"{path}: cannot be read ({error!r:.200}). Make the proposals again.") from error


@dataclass(frozen=True)
class Proposals:
    """The proposals of a folder, best predicted IoU first; without one, best confidence first."""

    folder: Path
    about: About
    ranked: tuple[Proposal, ...]

    @property
    def counts(self) -> Counter[State]:
        """The number of proposals in each state."""
        return Counter(proposal.state for proposal in self.ranked)

    @property
    def rejected_share(self) -> float:
        """The share of the answered proposals that were not accepted, 0..1; 0 if none was answered."""
        counts = self.counts
        answered = len(self.ranked) - counts[State.PROPOSED]
        return 1 - counts[State.ACCEPTED] / answered if answered else 0.0

    @property
    def look_seconds(self) -> list[float]:
        """The seconds a person took to accept or reject, of each answer that was timed."""
        looked = (State.ACCEPTED, State.REJECTED)
        return [proposal.seconds for proposal in self.ranked if proposal.state in looked and proposal.seconds > 0]


def proposal_folders(data: Path) -> list[str]:
    """Return the names of the folders of proposals among the datasets of a workspace."""
    return sorted(path.parent.name for path in data.glob(f"[!.]*/{ABOUT}")) if data.is_dir() else []


def read_proposals(folder: Path) -> Proposals:
    """Read a folder of proposals.

    Raises:
        DataError: it holds none, they are not finished, or a file is broken.
    """
    about = About.read(folder)
    if not about.finished:
        raise DataError(
            f"The proposals in {folder} are not finished. Run the same splitlab assist command again to go on."
        )
    dataset = read_coco_folder(folder).train
    path = folder / LABELS
    _, content = read_labels(path)
    index_of: dict[ImageId, int] = dict(zip(dataset.category_ids, range(len(dataset.class_names)), strict=True))
    found = []
    for annotation in content["annotations"]:
        if isinstance(annotation, dict) and "state" in annotation:
            try:
                image = dataset.by_id[annotation["image_id"]]
                label, _ = read_object({**annotation, "box_only": 0}, index_of, image.height, image.width, path)
                if isinstance(label.mask, dict):
                    name = dataset.class_names[label.class_index]
                    found.append(_proposal(annotation, image, name, label.box, label.mask))
            except (EntryError, *_ODD) as error:
                raise DataError(
                    f"{path}: a proposal cannot be read ({error!r:.200}). Make the proposals again."
                ) from error
    return Proposals(folder, about, tuple(sorted(found, key=_order)))


def answer(folder: Path, number: int, state: State, seconds: float = 0.0, drawn: Rle | None = None) -> None:
    """Keep a person's answer to a proposal.

    Args:
        folder: of the proposals.
        number: of the proposal.
        state: the answer.
        seconds: the time it took.
        drawn: the mask that a person drew, for `State.REDRAWN`.

    Raises:
        DataError: there is no such proposal, or the redrawn mask is missing or empty.
        RunError: another answer is being written, or the folder cannot be written.
    """
    if (state == State.REDRAWN) != (drawn is not None and rle_area(drawn) > 0):
        raise DataError("A redrawn proposal needs a mask of at least one pixel, and no other answer has one.")
    with holding(folder / _LOCK, f"{folder} is in use by another process. Try again.", _PATIENCE_SECONDS):
        _, content = read_labels(folder / LABELS)
        asked = [
            one
            for one in content["annotations"]
            if isinstance(one, dict) and one.get("id") == number and "state" in one
        ]
        if len(asked) != 1:
            raise DataError(f"{folder} has {len(asked)} proposals with the number {number}. Open the page again.")
        _set_answer(asked[0], state, min(max(seconds, 0.0), _MOST_SECONDS), drawn)
        write_labels(folder, content)


def write_labels(folder: Path, content: Mapping[str, Any]) -> None:
    """Write the labels of a folder of proposals in one step. Raise RunError if that fails."""
    write_bytes(folder / LABELS, json.dumps(content, allow_nan=False).encode())


def _set_answer(annotation: dict[str, Any], state: State, seconds: float, drawn: Rle | None) -> None:
    made: Rle = annotation.pop("made", None) or annotation["segmentation"]
    mask = made
    if drawn is not None:
        annotation["made"], mask = made, drawn
    annotation.update(state=str(state), seconds=round(seconds, 3), segmentation=mask, area=rle_area(mask))
    if state.has_mask:
        annotation.pop("box_only", None)
    else:
        annotation["box_only"] = 1


def _proposal(annotation: dict[str, Any], image: ImageLabels, class_name: str, box: Box, mask: Rle) -> Proposal:
    predicted = annotation["predicted_iou"]
    numbers = [float(annotation["confidence"]), float(annotation["seconds"]), float(predicted or 0)]
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{numbers} are not all numbers")
    return Proposal(
        number=int(annotation["id"]),
        image=image,
        class_name=class_name,
        box=box,
        mask=mask,
        confidence=numbers[0],
        predicted_iou=None if predicted is None else float(np.clip(numbers[2], 0, 1)),
        state=State(annotation["state"]),
        seconds=numbers[1],
    )


def _order(proposal: Proposal) -> tuple[float, int]:
    best = proposal.confidence if proposal.predicted_iou is None else proposal.predicted_iou
    return -best, proposal.number
