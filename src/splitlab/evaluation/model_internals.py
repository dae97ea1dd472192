"""How a model makes its masks: attention maps of DETR, prototypes and coefficients of YOLO."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from splitlab.data.images import ImageArray
from splitlab.evaluation.predict import Letterbox, letterbox
from splitlab.geometry import FloatArray
from splitlab.models.contract import DetectSettings, SegmentationModel

_LEAST_SCORE = 0.25
_DRAWS = 100
_Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class TakenApart:
    """The best-scoring object of a photo, in the model's S x S square.

    Attributes:
        square: (S, S, 3) uint8 RGB.
        box: (4,) xyxy, pixels of the square.
        class_index: its predicted class.
        score: 0..1.
        prototypes: (P, h, w).
        coefficients: (P,) of this object.
        mask: (h, w), prototypes times coefficients, inside the box.
        by_chance: (DRAWS, h, w), masks of the same prototypes with random coefficients, worst first.
        chance_ious: (DRAWS,) IoU of those with `mask`, 0..1.
        filled_box_iou: IoU of the filled box with `mask`, 0..1, as a baseline.
    """

    square: ImageArray
    box: FloatArray
    class_index: int
    score: float
    prototypes: FloatArray
    coefficients: FloatArray
    mask: _Mask
    by_chance: _Mask
    chance_ious: FloatArray
    filled_box_iou: float

    @property
    def strongest(self) -> NDArray[np.int64]:
        """The prototypes in order of their contribution to the mask, largest first."""
        spread = self.prototypes.std(axis=(1, 2))
        order: NDArray[np.int64] = np.argsort(-np.abs(self.coefficients) * spread)
        return order


def attention_over(
    model: SegmentationModel, image: ImageArray, size: int, settings: DetectSettings
) -> list[FloatArray] | None:
    """Return an (H, W) map for each detection of `predict`, in its order, scaled to a maximum of 1.

    The arguments are those of `predict`, with one image. None if the model has no attention.
    """
    square, place = letterbox(image, size)
    batch = torch.from_numpy(square)[None].permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        maps = model.attention(batch, settings)
    if maps is None:
        return None
    return [_on_image(map_.float().numpy(), size, place) for map_ in maps[0]]


def take_apart(model: SegmentationModel, image: ImageArray, size: int, seed: int = 0) -> TakenApart | None:
    """Split the mask of a photo's best-scoring object into prototypes and coefficients.

    `image` is (H, W, 3) uint8 RGB, `size` the side of the model's square input, `seed` that of the random coefficients.
    None if nothing scores 0.25 or more, or the model has no prototypes.
    """
    square, _ = letterbox(image, size)
    batch = torch.from_numpy(square)[None].permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        found = {name: tensor[0].float().numpy() for name, tensor in model.outputs(batch).items()}
    if "coefficients" not in found or found["scores"].max() < _LEAST_SCORE:
        return None
    cell, class_index = np.unravel_index(found["scores"].argmax(), found["scores"].shape)
    box, coefficients, prototypes = found["boxes"][cell], found["coefficients"][cell], found["prototypes"]
    inside = _inside(box, size, prototypes.shape[1:])
    drawn = np.random.default_rng(seed).normal(size=(_DRAWS, len(coefficients)))
    mask, by_chance = ((np.tensordot(added, prototypes, 1) > 0) & inside for added in (coefficients, drawn))
    ious = _iou(by_chance, mask)
    order = ious.argsort(kind="stable")
    return TakenApart(
        square=square,
        box=box,
        class_index=int(class_index),
        score=float(found["scores"][cell, class_index]),
        prototypes=prototypes,
        coefficients=coefficients,
        mask=mask,
        by_chance=by_chance[order],
        chance_ious=ious[order],
        filled_box_iou=float(_iou(inside[None], mask)[0]),
    )


def _on_image(cells: FloatArray, size: int, place: Letterbox) -> FloatArray:
    whole = cv2.resize(cells, (size, size), interpolation=cv2.INTER_CUBIC)[place.inside]
    grown = cv2.resize(whole, (place.width, place.height), interpolation=cv2.INTER_LINEAR).clip(0)
    return np.asarray(grown / max(float(grown.max()), 1e-9), np.float32)


def _inside(box: FloatArray, size: int, shape: tuple[int, ...]) -> _Mask:
    """Return (h, w): the cells whose centre is in an xyxy box of the square."""
    rows, columns = ((np.arange(count) + 0.5) * size / count for count in shape)
    left, top, right, bottom = box
    inside: _Mask = ((rows >= top) & (rows <= bottom))[:, None] & ((columns >= left) & (columns <= right))[None, :]
    return inside


def _iou(masks: _Mask, other: _Mask) -> FloatArray:
    """Return (N,) IoU of (N, h, w) masks with an (h, w) one; 0 where both are empty."""
    common, either = (masks & other).sum(axis=(1, 2)), (masks | other).sum(axis=(1, 2))
    ious: FloatArray = (common / np.maximum(either, 1)).astype(np.float32)
    return ious
