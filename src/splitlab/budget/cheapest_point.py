"""The cheapest split of an equiscore curve, and the line of equal cost that touches the curve there."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splitlab.budget.annotation_cost import SECONDS_PER_HOUR, Prices, cost_hours, mask_share
from splitlab.budget.equiscore import EquiscoreLaw
from splitlab.errors import BudgetError

# Where the law meets a whole number of boxes, rounding must not buy one more.
_LAST_DIGIT = 1e-9

Limit = Literal["prices", "law", "images"]


@dataclass(frozen=True)
class CheapestPoint:
    """The cheapest whole-image split on or just above an equiscore curve.

    Attributes:
        full: |F|, images.
        weak: |W|, images.
        hours: Its annotation cost.
        mask_share: Share of the cost spent on masks, 0..1; half if only the prices decide.
        decided_by: "prices" at the tangent point; "law" or "images" if that limit stopped short of it.
    """

    full: int
    weak: int
    hours: float
    mask_share: float
    decided_by: Limit


def tangent_full(law: EquiscoreLaw, prices: Prices) -> float:
    """|F| at which the curve touches a line of equal cost, images, whatever the limits.

    On W = k phi0^2 / F the cost cF F + cW W is least where cF F = cW W: half of the money on masks, half on boxes, so
    F = phi0 sqrt(k cW / cF), and W / F is the price of a mask image in box images. It follows from Eq. 5.
    """
    return law.phi0 * math.sqrt(law.k / prices.mask_to_box)


def allowed_full(law: EquiscoreLaw, images: int) -> tuple[int, int]:
    """The least and the largest whole |F| at which the law holds and |F| + |W| does not exceed the images there are.

    Raises:
        BudgetError: If there is none: it says how many images the curve would need.
    """
    low, high = law.valid_full
    area = law.k * law.phi0 * law.phi0
    roomiest = min(max(math.sqrt(area), low), high)
    need = roomiest + area / roomiest
    # F + area / F = images at the two roots of F^2 - images F + area.
    root = math.sqrt(max(images * images / 4 - area, 0))
    least, most = math.ceil(max(low, images / 2 - root)), math.floor(min(high, images / 2 + root))
    if images < need or least > most:
        raise BudgetError(
            f"this curve has no split within {images:,} images: it needs {need:,.0f} of them, and a phi0 of 10 or more."
        )
    return least, most


def cheapest_point(law: EquiscoreLaw, prices: Prices, images: int) -> CheapestPoint:
    """The split of the curve that costs least, among those the law holds for and there are images for.

    Args:
        law: The curve.
        prices: Seconds per image.
        images: Training images there are; |F| + |W| cannot exceed them.

    Raises:
        BudgetError: If no part of the curve is allowed.
    """
    least, most = allowed_full(law, images)
    touch = min(max(tangent_full(law, prices), least), most)
    # The curve's own cost decides, not the cost of whole boxes: rounding |W| up by less than an image would
    # send |F| a few images astray (581 instead of 584 on VOC2012).
    full = min((math.floor(touch), math.ceil(touch)), key=lambda f: cost_hours(f, float(law.weak(f)), prices))
    weak = math.ceil(float(law.weak(full)) - _LAST_DIGIT)
    return CheapestPoint(
        full=full,
        weak=weak,
        hours=cost_hours(full, weak, prices),
        mask_share=mask_share(full, weak, prices),
        decided_by=_decided_by(law, prices, images),
    )


def equal_cost_weak(full: ArrayLike, hours: float, prices: Prices) -> NDArray[np.float64]:
    """|W| that `hours` still buy beside |F| mask images: the line of equal cost; below 0 where the money is spent.

    Args:
        full: |F|, any shape.
        hours: The cost that is equal along the line.
        prices: Seconds per image.
    """
    masks = np.asarray(full, dtype=np.float64)
    return (hours * SECONDS_PER_HOUR - masks * prices.mask_seconds) / prices.box_seconds


def _decided_by(law: EquiscoreLaw, prices: Prices, images: int) -> Limit:
    tangent = tangent_full(law, prices)
    low, high = law.valid_full
    inside = min(max(tangent, low), high)
    if inside + float(law.weak(inside)) > images:
        return "images"
    return "prices" if inside == tangent else "law"
