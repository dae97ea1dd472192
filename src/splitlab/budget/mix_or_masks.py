"""Mix masks with boxes, or draw masks only? For one score, the price ratio decides."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from splitlab.budget.cost import ImagePool, Prices, mask_hours
from splitlab.budget.fit import FittedSurface
from splitlab.budget.law import EquiscoreLaw
from splitlab.budget.planner import CheapestPoint, allowed_full, cheapest_point
from splitlab.budget.surface import Floats
from splitlab.errors import BudgetError
from splitlab.shown_numbers import shown

# So many numbers of masks are tried between none and all that the score needs.
_TRIED = 2000
# Where half of phi0 is no whole image, the ratio is a little above 4k.
_ROUNDING = 1.02


@dataclass(frozen=True)
class MixOrMasks:
    """Whether a mixed split costs less than phi0 images with masks and none with boxes, by the equiscore law.

    Attributes:
        ratio: The price ratio: how many images with boxes cost as much as one with masks.
        pays_above: The ratio above which mixing pays: 4k, or more if the number of images rules out the middle of the
            curve.
        masks: phi0 rounded, the images of masks alone.
        masks_hours: What these cost, hours.
        mixed: The cheapest mixed split of the curve.
        k: The law's k.
    """

    ratio: float
    pays_above: float
    masks: int
    masks_hours: float
    mixed: CheapestPoint
    k: float

    @property
    def pays(self) -> bool:
        """Whether mixing pays at this ratio."""
        return self.ratio > self.pays_above


def mix_or_masks(law: EquiscoreLaw, prices: Prices, images: int) -> MixOrMasks:
    """Compare the mixed splits of an equiscore curve with masks alone.

    With r the price ratio and F = tau phi0, a split on W = k phi0^2 / F costs less than phi0 masks if r > k / (tau (1 -
    tau)). Over tau the right side is least at tau = 1/2, inside the range of the law, where it is 4k. Hence above 4k
    some split pays, and up to 4k none does. It follows from Eq. 5 for any phi0 and any prices; the paper does not state
    it. Masks alone score the same only if c(1) = 0 (Eq. 3), and between 0.55 phi0 and phi0 the law says nothing.

    Args:
        law: k and phi0.
        prices: Seconds per image.
        images: Number of training images, the limit of |F| + |W|.

    Raises:
        BudgetError: If the curve has no mixed split within so many images.
    """
    tau = _nearest_allowed(law, images, law.phi0 / 2) / law.phi0
    masks = round(law.phi0)
    return MixOrMasks(
        ratio=prices.mask_to_box,
        # If masks alone are more than the images there are, mixing is the only way.
        pays_above=law.k / (tau * (1 - tau)) if law.phi0 <= images else 0.0,
        masks=masks,
        masks_hours=mask_hours(float(masks), prices),
        mixed=cheapest_point(law, prices, images),
        k=law.k,
    )


def share_by_law(law: EquiscoreLaw, images: int, ratio: float) -> float:
    """Return the cost of the cheapest mixed split of the curve as a share of masks alone, at a price ratio.

    It is 2 sqrt(k / ratio) where the tangent point is allowed, and 1 at the ratio above which mixing pays.

    Raises:
        BudgetError: If the curve has no mixed split within so many images.
    """
    full = _nearest_allowed(law, images, law.phi0 * math.sqrt(law.k / ratio))
    return (full + float(law.weak(full)) / ratio) / law.phi0


def _nearest_allowed(law: EquiscoreLaw, images: int, full: float) -> float:
    least, most = allowed_full(law, images)
    return min(max(full, least), most)


def by_law_in_words(found: MixOrMasks) -> str:
    """Say whether to mix at this price ratio, above which ratio that pays, and what both ways cost.

    To follow "By the equiscore law, ".
    """
    ratio, above = _told_apart(found.ratio, found.pays_above)
    k4 = shown(4 * found.k)
    start = "4k" if found.pays_above <= 4 * found.k * _ROUNDING else f"4k = {k4}, raised by the number of images"
    if not found.pays_above:
        return (
            f"masks alone would need {found.masks:,} images, more than there are. The cheapest mixed split, "
            f"{_split(found.mixed)}, takes {found.mixed.hours:,.1f} hours."
        )
    alone = f"{found.masks:,} images with masks alone take {found.masks_hours:,.1f} hours"
    mixed = f"the cheapest mixed split, {_split(found.mixed)}, takes {found.mixed.hours:,.1f}"
    if found.pays:
        return f"at your price ratio of {ratio}, mix: that pays above {above} ({start}). {alone}; {mixed}."
    return (
        f"at your price ratio of {ratio}, draw masks only: mixing begins to pay above {above} ({start}). {alone}; "
        f"{mixed}."
    )


def _told_apart(ratio: float, above: float) -> tuple[str, str]:
    """Format two ratios with as few decimals, from one on, as tell them apart."""
    digits = 1 if shown(ratio) != shown(above) else 3
    return shown(ratio, digits), shown(above, digits)


def _split(point: CheapestPoint) -> str:
    return f"{point.full:,}/{point.weak:,}"


@dataclass(frozen=True, eq=False)
class EqualScore:
    """The splits of one expected score on an AP surface, from the fewest masks to masks alone; none is rounded.

    Attributes:
        ap: The expected score, 0..100.
        full: |F|, rising, shape (N,); the last one needs no new boxes.
        weak: The |W| beside each.
        pool: The images and the labels they already have, which cost nothing.
    """

    ap: float
    full: Floats
    weak: Floats
    pool: ImagePool

    @property
    def masks(self) -> int:
        """|F| of masks alone, in whole images."""
        return math.ceil(float(self.full[-1]))

    @property
    def pays_above(self) -> float:
        """The price ratio above which boxes begin to pay: some split then costs less than masks alone.

        Infinite if no split with new boxes has this score within the images.
        """
        if self.full.size == 1:
            return math.inf
        return float(np.min(self._boxes[:-1] / (self.full[-1] - self.full[:-1])))

    def share(self, ratio: float) -> float:
        """Return the cost of the cheapest split as a share of the cost of masks alone, at a price ratio."""
        costs = ratio * (self.full - self.pool.full) + self._boxes
        return float(costs.min() / costs[-1])

    @property
    def _boxes(self) -> Floats:
        return np.maximum(self.weak - self.pool.weak, 0.0)


def equal_score(fitted: FittedSurface, ap: float, pool: ImagePool) -> EqualScore | None:
    """Find the splits whose expected score is `ap`, for the comparison with masks alone.

    Of the numbers of masks up to masks alone, 2,000 are tried, evenly spaced.

    Returns:
        The splits; None if the existing labels reach the score already.

    Raises:
        BudgetError: If the score is not between 0 and 100, or out of reach with these images.
    """

    def missing(full: float) -> float:
        return ap - float(fitted.surface.ap(full, min(pool.weak, pool.images - full)))

    if missing(pool.full) <= 0:
        return None
    if missing(pool.images) > 0:
        raise BudgetError(f"a score of {ap:g} is out of reach with masks on all {pool.images:,} images: ask for less.")
    # With no new boxes, the score rises with the masks.
    alone = float(brentq(missing, pool.full, pool.images))
    full = np.linspace(pool.full, alone, _TRIED)
    weak = np.append(fitted.surface.weak_for(ap, full[:-1]), min(pool.weak, pool.images - alone))
    within = full + weak <= pool.images
    within[-1] = True
    return EqualScore(ap, full[within], weak[within], pool)


def by_surface_in_words(found: EqualScore, ratio: float) -> str:
    """Say above which price ratio boxes begin to pay by the surface, and what they save at this one."""
    masks = f"{found.masks:,} images with masks alone"
    if math.isinf(found.pays_above):
        return f"By the AP surface, only {masks} reach AP {shown(found.ap)} within {found.pool.images:,} images."
    mine, above = _told_apart(ratio, found.pays_above)
    text = f"By the AP surface, boxes begin to pay above a price ratio of {above}"
    if ratio <= found.pays_above:
        return f"{text}: at yours of {mine}, {masks} are the cheapest way to AP {shown(found.ap)}."
    saved = 1 - found.share(ratio)
    return (
        f"{text}: at yours of {mine}, the cheapest split of AP {shown(found.ap)} costs {saved:.1%} less than {masks}."
    )
