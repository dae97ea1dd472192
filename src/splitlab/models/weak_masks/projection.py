"""Masks from boxes by projection and colour, after BoxInst.

Tian, Shen, Wang, Chen: BoxInst: High-Performance Instance Segmentation with Box Annotations, CVPR 2021,
arXiv 2012.02310. The numbers are those of the authors' code (AdelaiDet, configs/BoxInst).
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as nnf
from torch import Tensor

from splitlab.models.weak_masks.windows import SIDE, Windows

_THETA, _TAU, _DILATION = 2.0, 0.3, 2
# The first 10,000 of 90,000 iterations.
_WARMUP = 1 / 9
# One of each two opposite neighbours: down, right, and both diagonals.
_SHIFTS = ((_DILATION, 0), (0, _DILATION), (_DILATION, _DILATION), (_DILATION, -_DILATION))
_EPSILON = 1e-5
_COLOUR_STRIDE = 4
# From sRGB to CIE XYZ relative to the white point D65.
_XYZ_OF_RGB = (
    (0.412453 / 0.950456, 0.357580 / 0.950456, 0.180423 / 0.950456),
    (0.212671, 0.715160, 0.072169),
    (0.019334 / 1.088754, 0.119193 / 1.088754, 0.950227 / 1.088754),
)


def pairwise_weight(done: float) -> float:
    """Return the weight of the pairwise term: rises linearly from 0 to 1 in the first ninth of the run.

    Args:
        done: the share of the run's steps that are done.
    """
    return min(done / _WARMUP, 1.0)


def projection_losses(logits: Tensor, windows: Windows, objects: Tensor) -> Tensor:
    """Return (M,) how far each mask is from filling its box, Eq. 2 and 3 of the paper.

    With the probabilities m of a mask and the box b (1 inside, 0 in the ring):

        L = D(max over rows of m, max over rows of b) + D(max over columns of m, max over columns of b)
        D(p, q) = 1 - 2 sum(p q) / (sum(p²) + sum(q²))

    So each row and column of the box has some of the object, and those of the ring have none.

    Args:
        logits: (M, SIDE, SIDE) of masks in their windows.
        windows: of the objects.
        objects: (M,) int64, the window of each mask.
    """
    chance = logits.sigmoid() * windows.seen[objects]
    inside = windows.inside.float()
    rows, columns = inside.amax(dim=2)[objects], inside.amax(dim=1)[objects]
    return _dice(chance.amax(dim=2), rows) + _dice(chance.amax(dim=1), columns)


def _dice(chance: Tensor, wanted: Tensor) -> Tensor:
    shared = (chance * wanted).sum(dim=1)
    return 1 - 2 * shared / (chance.square().sum(dim=1) + wanted.square().sum(dim=1) + _EPSILON)


def similar_pairs(images: Tensor, windows: Windows) -> Tensor:
    """Return (N, 4, SIDE, SIDE) the weights of pairs of cells in the pairwise term, Eq. 6 and 7 of the paper.

    Two cells two steps apart are a pair if their colours are alike: exp(-|c - c'| / theta) >= tau, in CIELAB of the
    image averaged over 4 x 4 pixels. A pair weighs as many as it has cells in the box. The second cell of a pair is
    `_SHIFTS` away from the first, at whose place the weight stands.

    Args:
        images: (B, 3, S, S) RGB, 0..1.
        windows: of the objects.
    """
    colours = windows.cut(_lab(nnf.avg_pool2d(images.float(), _COLOUR_STRIDE)))
    inside, seen = windows.inside.float(), windows.seen
    weights = []
    for shift in _SHIFTS:
        first, second = _places(shift)
        apart = (colours[(..., *first)] - colours[(..., *second)]).norm(dim=1)
        alike = (torch.exp(-apart / _THETA) >= _TAU) & seen[(..., *first)] & seen[(..., *second)]
        weight = torch.zeros_like(inside)
        weight[(..., *first)] = alike * (inside[(..., *first)] + inside[(..., *second)])
        weights.append(weight)
    return torch.stack(weights, dim=1)


def pairwise_losses(logits: Tensor, pairs: Tensor, objects: Tensor) -> Tensor:
    """Return (M,) the mean of -log P over the pairs of each mask, Eq. 4 and 5 of the paper.

    P = m m' + (1 - m)(1 - m') is the probability that two cells have one label. In logits a, -log P is
    softplus(a) + softplus(a') - softplus(a + a'). The paper averages over the pairs of all masks; here a mask counts as
    much as another one, as in the other parts.

    Args:
        logits: (M, SIDE, SIDE) of masks in their windows.
        pairs: (N, 4, SIDE, SIDE) of `similar_pairs`.
        objects: (M,) int64, the window of each mask.
    """
    single = nnf.softplus(logits)
    total = logits.new_zeros(len(logits))
    for number, shift in enumerate(_SHIFTS):
        first, second = _places(shift)
        weight = pairs[(slice(None), number, *first)][objects]
        joint = nnf.softplus(logits[(..., *first)] + logits[(..., *second)])
        differ = single[(..., *first)] + single[(..., *second)] - joint
        total = total + (weight * differ).sum(dim=(1, 2))
    return total / pairs.sum(dim=(1, 2, 3)).clamp(min=1)[objects]


@lru_cache(maxsize=len(_SHIFTS))
def _places(shift: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the rows and columns of the first and of the second cells of all pairs with this shift."""
    down, right = shift
    first = slice(0, SIDE - down), slice(max(-right, 0), SIDE - max(right, 0))
    return first, (slice(down, SIDE), slice(max(right, 0), SIDE + min(right, 0)))


def _lab(images: Tensor) -> Tensor:
    """Convert (B, 3, h, w) sRGB, 0..1, to CIELAB: L 0..100."""
    linear = torch.where(images > 0.04045, ((images + 0.055) / 1.055).clamp(min=0) ** 2.4, images / 12.92)
    xyz = torch.einsum("xc,bchw->bxhw", images.new_tensor(_XYZ_OF_RGB), linear)
    cubic = torch.where(xyz > 0.008856, xyz.clamp(min=1e-6) ** (1 / 3), 7.787 * xyz + 16 / 116)
    x, y, z = cubic.unbind(dim=1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)
