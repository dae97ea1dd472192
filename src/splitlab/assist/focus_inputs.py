"""What the mask head reads of a square: tokens, how they compare to those outside the box, place and colour."""

from __future__ import annotations

import cv2
import numpy as np

from splitlab.assist.focus_network import CELLS, Seen
from splitlab.data.images import ImageArray
from splitlab.geometry import FloatArray, MaskArray

MARGIN = 0.15
"""How much wider than the box the square is on each side, in sides of the box."""
_CORE = 0.3
_NEAREST_OUTSIDE, _NEAREST_INSIDE, _NEAREST_COLOURS = 5, 8, 3


def head_inputs(square: ImageArray, seen: Seen) -> FloatArray:
    """Return the inputs of one square, (16, 16, 798) float32.

    The ring around the box is known to be background, and its core is mostly object: each cell's tokens are compared
    with both, by cosine similarity.
    """
    colours = cv2.cvtColor(cv2.resize(square, (CELLS, CELLS), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    lab = colours.astype(np.float32) / 255
    compared = [channel for tokens in seen.layers for channel in _compared(tokens)]
    outside = np.linalg.norm(lab[:, :, None] - lab[_RING][None, None], axis=-1)
    compared.append(np.sort(outside, axis=-1)[..., :_NEAREST_COLOURS].mean(axis=-1))
    return np.concatenate([*seen.layers[1:], np.stack(compared, axis=-1), _PLACES, lab], axis=-1).astype(np.float32)


def inside_square(side: int) -> MaskArray:
    """Return which pixels of a square of `side` pixels are in the box, (S, S)."""
    in_box = _depth(side) > 0
    return np.asarray(in_box[:, None] & in_box)


def _compared(tokens: FloatArray) -> list[FloatArray]:
    centred = tokens - tokens.mean(axis=(0, 1))
    unit = centred / np.maximum(np.linalg.norm(centred, axis=-1, keepdims=True), 1e-6)
    to_ring, to_core = np.sort(unit @ unit[_RING].T, axis=-1), np.sort(unit @ unit[_IN_CORE].T, axis=-1)
    return [
        *(to_ring[..., -1], to_ring[..., -_NEAREST_OUTSIDE:].mean(axis=-1), to_ring.mean(axis=-1)),
        *(to_core[..., -1], to_core[..., -_NEAREST_INSIDE:].mean(axis=-1), to_core.mean(axis=-1)),
    ]


def _across(side: int) -> FloatArray:
    """Return the place of each pixel across the box, 0..1, negative or above 1 outside it."""
    return ((np.arange(side) + 0.5) / side * (1 + 2 * MARGIN) - MARGIN).astype(np.float32)


def _depth(side: int) -> FloatArray:
    across = _across(side)
    return np.minimum(across, 1 - across)


def _places() -> FloatArray:
    x, y = np.meshgrid(2 * _across(CELLS) - 1, 2 * _across(CELLS) - 1)
    depth = np.minimum(_depth(CELLS)[:, None], _depth(CELLS)[None])
    near_edge = np.minimum(depth, 0.1)
    return np.stack([x, y, x * x, y * y, (x * y) ** 2, depth, near_edge, np.hypot(x, y)], axis=-1).astype(np.float32)


_RING = ~inside_square(CELLS)
_IN_CORE = np.asarray((_depth(CELLS) > _CORE)[:, None] & (_depth(CELLS) > _CORE))
_PLACES = _places()
