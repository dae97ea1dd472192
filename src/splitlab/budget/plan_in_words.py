"""A plan in words: what limits it, what else was considered, and what to keep in mind."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from splitlab.budget.cost import MAX_IMAGES, SECONDS_PER_HOUR, ImagePool, Prices
from splitlab.budget.fit import ENOUGH_SPLITS, FittedSurface, SeedLuck
from splitlab.budget.planner import FLAT_LOSS, Plan, SplitForecast, plan_for_hours
from splitlab.budget.surface import Floats
from splitlab.budget.trained_splits import Fall, TrainedSplit
from splitlab.shown_numbers import rounded, shown

_Limit = Literal["hours", "images", "hours and images"]

# Hours are computed from prices by more than one way; the last digits must not count as money left.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class PlanLimit:
    """What ends a plan.

    Attributes:
        by: "hours" if more images would not change the plan; "images" if every image gets masks, so that more hours
            buy nothing; otherwise both.
        hours_left: Hours the best split leaves unspent.
        images_left: Images it leaves without a label.
        spends_from: The least |F| from which on every split spends the hours; with fewer masks every image has a label
            while the hours would still pay for one more mask.
        roomier: The best split for the same hours if there were images without end, where that is another one and both
            limit the plan; else None.
    """

    by: _Limit
    hours_left: float
    images_left: int
    spends_from: int
    roomier: SplitForecast | None


def plan_limit(fitted: FittedSurface, prices: Prices, hours: float, pool: ImagePool, best: SplitForecast) -> PlanLimit:
    """Say what limits a plan.

    Args:
        fitted: The surface the plan goes by.
        prices: Seconds per image.
        hours: Hours to spend on new labels.
        pool: Images there are and labels already paid for.
        best: The best split of `plan_for_hours` for them.

    Raises:
        BudgetError: As `plan_for_hours`.
    """
    roomier = None
    if best.full < pool.images:
        unbounded = plan_for_hours(fitted, prices, hours, ImagePool(MAX_IMAGES, pool.full, pool.weak)).best
        roomier = unbounded if unbounded.full + unbounded.weak > pool.images else None
    by: _Limit = "images" if best.full == pool.images else "hours and images" if roomier else "hours"
    return PlanLimit(
        by=by,
        hours_left=max(hours - best.hours, 0.0),
        images_left=pool.images - best.full - best.weak,
        spends_from=_spends_from(prices, hours, pool),
        roomier=roomier,
    )


def _spends_from(prices: Prices, hours: float, pool: ImagePool) -> int:
    full, weak = pool.affordable(hours, prices)
    left = hours - pool.new_hours(full, weak, prices)
    pays = left >= prices.mask_seconds / SECONDS_PER_HOUR - _ROUNDING
    unspent = np.flatnonzero((full + weak == pool.images) & (full < pool.images) & pays)
    return int(full[unspent[-1]]) + 1 if unspent.size else pool.full


def labels_to_make(best: SplitForecast, pool: ImagePool) -> str:
    """Say what to label, without a full stop; where labels are already paid for, what comes on top of them."""
    if not pool.full and not pool.weak:
        return f"Label {_images(best.full)} with masks and {best.weak:,} with boxes"
    masks, boxes = best.full - pool.full, max(best.weak - pool.weak, 0)
    if not masks and not boxes:
        return f"Label nothing more than the {best.full:,}/{best.weak:,} there are"
    more = f"{masks:,} more image{'s' if masks != 1 else ''}"
    return f"Label {more} with masks and {boxes:,} more with boxes, {best.full:,}/{best.weak:,} in all"


def limit_in_words(limit: PlanLimit, pool: ImagePool) -> str:
    """Say what ends a plan for a budget in hours: the hours, the images, or both."""
    if limit.by == "images":
        return f"Limited by the images: {_all_with_masks(limit, pool)}."
    if limit.by == "hours":
        left = f"{limit.images_left:,} of {_images(pool.images)} stay without a label"
        return f"Limited by the hours: {left if limit.images_left else f'they just label all {pool.images:,} images'}."
    told = f"Limited by the hours and the images: {_labelled(limit, pool)}."
    if limit.roomier is None:
        return told
    split = f"{limit.roomier.full:,}/{limit.roomier.weak:,}"
    return f"{told} With more images the same hours are expected to give {shown(limit.roomier.ap)}, by {split}."


def score_in_words(limit: PlanLimit, best: SplitForecast, pool: ImagePool) -> str:
    """Say what ends a plan for a score: the score alone, or the images, too.

    Args:
        limit: What limits the plan for the hours that the score takes.
        best: The plan's best split.
        pool: Images there are and labels already paid for.
    """
    if not best.hours:
        return "The labels there are reach the score already."
    if limit.by != "hours":
        return f"Limited by the score and the images: with more than {_images(pool.images)} it would cost less."
    return f"Limited by the score: {limit.images_left:,} of {_images(pool.images)} stay without a label."


def unspent_in_words(limit: PlanLimit, pool: ImagePool) -> str:
    """Say which splits leave hours unspent because the images end; empty if none does."""
    if limit.spends_from <= pool.full or limit.by == "images":
        return ""
    return (
        f"With fewer than {limit.spends_from:,} masks every image has a label before the hours are spent, so those "
        "splits cost less."
    )


def other_ways(plan: Plan, hours: float) -> str:
    """Say how wide the flat region is, and what the extremes give; empty if the budget buys one split alone.

    Args:
        plan: The plan.
        hours: Its budget: a split that costs less is told with its own hours.
    """
    told = []
    if plan.fewest_flat.full < plan.most_flat.full:
        told.append(
            f"Any |F| from {plan.fewest_flat.full:,} to {plan.most_flat.full:,} loses at most {FLAT_LOSS:g} AP."
        )
    if plan.fewest_masks != plan.most_masks:
        boxes, masks = _forecast(plan.fewest_masks, hours), _forecast(plan.most_masks, hours)
        told.append(f"The extremes: {boxes}, {masks}.")
    return " ".join(told)


def best_trained_in_words(trained: TrainedSplit, best: SplitForecast, of: str) -> str:
    """Say how the best trained split for the same hours compares with the advice.

    Args:
        trained: What `best_for_hours` found.
        best: The advice.
        of: Whose results they are: "published", "measured" or "own".
    """
    told = f"The best {_split_of(of)} for these hours is {_scored(trained)}."
    gap = rounded(trained.ap) - rounded(best.ap)
    if gap <= 0:
        return told
    place = "above" if trained.ap > best.high else "inside"
    return f"{told} That is {shown(gap)} AP more than expected of the advice, {place} the interval."


def cheapest_trained_in_words(trained: TrainedSplit, best: SplitForecast, of: str) -> str:
    """Say how the cheapest trained split that reached a score compares with the advice; see `best_trained_in_words`."""
    told = f"The cheapest {_split_of(of)} that reached this score is {_scored(trained)}"
    gap = round(best.hours, 1) - round(trained.hours, 1)
    return f"{told}, {shown(gap)} hours less than the advice." if gap > 0 else f"{told}."


def falls_in_words(fallen: Iterable[Fall]) -> list[str]:
    """Say, a sentence each, where boxes lower the score in the results a forecast rests on."""
    return [
        f"In these results more boxes lower the score at {fall.full:,} masks: {shown(fall.ap)} with {fall.weak:,} "
        f"boxes, {shown(fall.more_ap)} with {fall.more_weak:,}, a fall larger than the scatter of single runs. The "
        "forecast cannot show it: its surface only rises with boxes."
        for fall in fallen
    ]


def _split_of(of: str) -> str:
    return "split of your own runs" if of == "own" else f"{of} split"


def _scored(trained: TrainedSplit) -> str:
    runs = "" if trained.runs == 1 else f", mean of {trained.runs} runs"
    return f"{trained.full:,}/{trained.weak:,}: it scored {shown(trained.ap)}{runs} for {trained.hours:,.1f} hours"


def _images(count: int) -> str:
    return f"{count:,} image" if count == 1 else f"{count:,} images"


def _all_with_masks(limit: PlanLimit, pool: ImagePool) -> str:
    every = "the only image" if pool.images == 1 else f"all {pool.images:,} images"
    if pool.full == pool.images:
        return f"{every} ha{'s' if pool.images == 1 else 've'} masks already, so there is nothing left to label"
    left = f"{limit.hours_left:,.1f}"
    return f"masks on {every} take all the hours" if left == "0.0" else f"masks on {every} leave {left} hours unspent"


def _labelled(limit: PlanLimit, pool: ImagePool) -> str:
    if pool.full + pool.weak == pool.images:
        return f"all {pool.images:,} images have a label already, so masks take the place of boxes"
    if limit.images_left:
        return f"all but {limit.images_left:,} of {pool.images:,} images get a label"
    return f"all {pool.images:,} images get a label"


def _forecast(split: SplitForecast, hours: float) -> str:
    # The same digits as the budget's: a split that shows the same hours costs the same.
    cost = "" if f"{split.hours:.1f}" == f"{hours:.1f}" else f" ({split.hours:,.1f} hours)"
    return f"{split.full:,}/{split.weak:,}{cost} gives {shown(split.ap)}"


_WIDE_INTERVAL = 10.0
"""AP from end to end of an interval beyond which a forecast is no ground to spend money on."""


def caveats(fitted: FittedSurface, split: SplitForecast) -> tuple[str, ...]:
    """Why the forecast of a split should not be taken for a promise; empty if nothing speaks against it.

    Args:
        fitted: The surface the forecast came from.
        split: The forecast.
    """
    return (*_borrowed(fitted), *_one_seed(fitted.luck), *_outside(fitted, split), *_wide(split))


def interval_in_words(fitted: FittedSurface) -> str:
    """Say what the 90 % interval of a surface's forecasts is for, to follow "The 90% interval is for "."""
    if fitted.luck is None:
        return "one more model of the same series; a training with your own code and seed may lie further off"
    return "a new training with a new seed"


def _borrowed(fitted: FittedSurface) -> list[str]:
    if not fitted.borrows:
        return []
    known = "one split" if fitted.different_splits == 1 else f"{fitted.different_splits} different splits"
    return [
        f"It rests on {known}: most of the surface's shape is borrowed from the published tables. It takes "
        f"{ENOUGH_SPLITS} splits or more, with different numbers of masks and of boxes, to see the shape of your own."
    ]


def _one_seed(luck: SeedLuck | None) -> list[str]:
    if luck is None or luck.seeds > 1:
        return []
    return [
        "The runs have one seed, or not all of them name one (column seed), so they cannot tell how far a run with "
        "another seed lies off. That part of the interval is borrowed from pairs of seeds that were measured on other "
        "data sets: train one split again with another seed."
    ]


def _outside(fitted: FittedSurface, split: SplitForecast) -> list[str]:
    kinds = [("mask", split.full, fitted.full), ("box", split.weak, fitted.weak)]
    return [
        f"{planned:,} {kind} {'image lies' if planned == 1 else 'images lie'} outside the results, which hold "
        f"{_range(tried)}: the interval is widened. "
        f"A run with {'at most' if planned < tried.min() else 'at least'} {planned:,} would tell."
        for kind, planned, tried in kinds
        if not tried.min() <= planned <= tried.max()
    ]


def _range(images: Floats) -> str:
    least, most = f"{images.min():,.0f}", f"{images.max():,.0f}"
    return least if least == most else f"{least} to {most}"


def _wide(split: SplitForecast) -> list[str]:
    width = split.high - split.low
    if width <= _WIDE_INTERVAL:
        return []
    return [
        f"The interval spans {width:.0f} AP: train a smaller split of the labels you have before you pay for these."
    ]
