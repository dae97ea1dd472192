"""The IoU that a machine-made mask will have, predicted from what can be seen of it; calibrated on masks of F."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from splitlab.assist.maker import OBJECT, MadeMask
from splitlab.data.images import ImageArray
from splitlab.errors import DataError
from splitlab.geometry import FloatArray, MaskArray

LEAST_EXAMPLES = 12
"""Fewer masks of F calibrate nothing."""
_PARTS = 3
_RIDGE = 3.0
_CLUE_SIDE = 96
_UNSURE_BELOW, _UNSURE_ABOVE = 0.25, 0.75

Numbers = NDArray[np.float64]


def mask_iou(first: MaskArray, second: MaskArray) -> float:
    """Return the IoU of two masks of one size; 0 if both are empty."""
    either = int((first | second).sum())
    return int((first & second).sum()) / either if either else 0.0


def clues(photo: ImageArray, made: MadeMask) -> Numbers:
    """Return what a made mask shows of its quality, (8,).

    How sure its pixels are, the share of the box that is unsure, how full the box is, the gaps between the mask and the
    sides of the box, how much steeper the photo is along the outline, the share of the largest part, the maker's own
    agreement, and the size of the box in doublings of its side.
    """
    left, top, right, bottom = made.region
    if right <= left or bottom <= top or not made.mask.any():
        return np.array([0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    probability = _reduced(made.probability)
    mask = probability > OBJECT
    sure = float(np.abs(probability - OBJECT)[mask].mean() * 2) if mask.any() else 0.0
    unsure = float(((probability > _UNSURE_BELOW) & (probability < _UNSURE_ABOVE)).mean())
    parts = cv2.connectedComponentsWithStats(mask.astype(np.uint8))[2][1:, cv2.CC_STAT_AREA]
    main = float(parts.max() / parts.sum()) if len(parts) else 0.0
    grey = cv2.cvtColor(_reduced(photo[top:bottom, left:right]), cv2.COLOR_RGB2GRAY)
    size = float(np.log2((right - left) * (bottom - top)) / 2)
    return np.array([sure, unsure, mask.mean(), _gap(mask), _edge_agreement(grey, mask), main, made.agreement, size])


@dataclass(frozen=True)
class Third:
    """One third of the calibration objects, by predicted IoU.

    Attributes:
        objects: in it.
        predicted: their mean predicted IoU, each from the other folds.
        real: their mean real IoU.
    """

    objects: int
    predicted: float
    real: float


@dataclass(frozen=True)
class Reliability:
    """How far predicted IoU can be trusted, by cross-validation on F.

    Attributes:
        objects: masks of F that it was calibrated on.
        thirds: from the lowest predicted IoU to the highest.
        mean_error: mean absolute difference of a single object's predicted and real IoU.
    """

    objects: int
    thirds: tuple[Third, ...]
    mean_error: float

    @property
    def largest_gap(self) -> float:
        """The largest difference of the means in a third."""
        return max(abs(third.predicted - third.real) for third in self.thirds)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain content."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Any) -> Reliability:
        """Read what `to_json` wrote. Raise TypeError, KeyError or ValueError for anything else."""
        thirds = tuple(
            Third(int(third["objects"]), float(third["predicted"]), float(third["real"])) for third in content["thirds"]
        )
        return cls(int(content["objects"]), thirds, float(content["mean_error"]))


@dataclass(frozen=True)
class IouModel:
    """Ridge regression from clues to IoU.

    Attributes:
        centre, spread: of each clue in the calibration, (8,).
        weights: per spread, (8,).
        mean: the mean IoU in the calibration.
    """

    centre: Numbers
    spread: Numbers
    weights: Numbers
    mean: float

    @classmethod
    def fit(cls, seen: Numbers, ious: Numbers) -> IouModel:
        """Fit it to (N, 8) clues and (N,) real IoUs."""
        centre, spread = seen.mean(axis=0), seen.std(axis=0) + 1e-6
        scaled = (seen - centre) / spread
        mean = float(ious.mean())
        normal = scaled.T @ scaled + _RIDGE * np.eye(scaled.shape[1])
        return cls(centre, spread, np.linalg.solve(normal, scaled.T @ (ious - mean)), mean)

    def predict(self, seen: Numbers) -> Numbers:
        """Return the predicted IoU, 0..1, for (N, 8) clues."""
        # Clues far beyond those of the calibration would predict anything.
        scaled = ((seen - self.centre) / self.spread).clip(-3, 3)
        return np.asarray((scaled @ self.weights + self.mean).clip(0, 1))


def calibrate(seen: Numbers, ious: Numbers) -> tuple[IouModel, Reliability]:
    """Fit a model, and judge it by leaving out one object at a time.

    Args:
        seen: (N, 8) clues of masks that a maker made of objects of F from which it had not learnt.
        ious: (N,) their real IoU.

    Raises:
        DataError: there are fewer than `LEAST_EXAMPLES` objects.
    """
    if len(ious) < LEAST_EXAMPLES:
        raise DataError(f"{len(ious)} masks of F are too few to calibrate on. Draw at least {LEAST_EXAMPLES}.")
    kept = ~np.eye(len(ious), dtype=bool)
    predicted = np.array(
        [IouModel.fit(seen[row], ious[row]).predict(seen[[place]])[0] for place, row in enumerate(kept)]
    )
    return IouModel.fit(seen, ious), judge(predicted, ious)


def judge(predicted: FloatArray | Numbers, real: FloatArray | Numbers) -> Reliability:
    """Compare (N,) predicted IoU with (N,) real IoU, in three equal parts by the predicted one."""
    order = np.argsort(predicted, kind="stable")
    thirds = tuple(
        Third(len(part), float(predicted[part].mean()), float(real[part].mean()))
        for part in np.array_split(order, _PARTS)
        if len(part)
    )
    return Reliability(len(order), thirds, float(np.abs(predicted - real).mean()))


def _reduced(values: Any) -> Any:
    height, width = values.shape[:2]
    size = min(width, _CLUE_SIDE), min(height, _CLUE_SIDE)
    return cv2.resize(values, size, interpolation=cv2.INTER_AREA)


def _gap(mask: MaskArray) -> float:
    """Return the share of the box's sides between the mask and the box: a mask of a tight box touches all four."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return 1.0
    height, width = mask.shape
    return float((rows[0] + height - 1 - rows[-1]) / height + (columns[0] + width - 1 - columns[-1]) / width) / 2


def _edge_agreement(grey: ImageArray, mask: MaskArray) -> float:
    """Return how much steeper the photo is along the outline than elsewhere in the box, -1..1."""
    steep = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    outline = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    if not outline.any() or outline.all():
        return 0.0
    on, off = float(steep[outline].mean()), float(steep[~outline].mean())
    return (on - off) / (on + off) if on + off else 0.0
