"""A plan in words: what limits it, what else the hours would buy, and what to keep in mind."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from splitlab.budget.cost import MAX_IMAGES, ImagePool, Prices, mask_hours
from splitlab.budget.fit import ENOUGH_SPLITS, FittedSurface
from splitlab.budget.planner import FLAT_LOSS, Plan, SplitForecast, plan_for_hours
from splitlab.budget.seed_luck import SeedLuck
from splitlab.budget.surface import Floats
from splitlab.budget.trained_splits import Fall, TrainedSplit
from splitlab.shown_numbers import rounded, shown

_Limit = Literal["hours", "images", "hours and images"]

_WIDE_INTERVAL = 10.0
"""AP. A forecast with a wider interval is too uncertain to spend money on."""

# A rounding error must not count as unspent hours.
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class PlanLimit:
    """What limits a plan.

    Attributes:
        by: "hours" if more images would not change the plan; "images" if every image gets masks, so that more hours
            buy nothing; otherwise both.
        hours_left: Hours that the best split leaves unspent.
        images_left: Images that it leaves without a label.
        spends_from: The least |F| that spends the hours. With fewer masks, every image has a label while the remaining
            hours would still pay for another mask.
        with_more_images: The best split for the same hours with unlimited images; None if it is the same split.
    """

    by: _Limit
    hours_left: float
    images_left: int
    spends_from: int
    with_more_images: SplitForecast | None


def plan_limit(fitted: FittedSurface, prices: Prices, hours: float, pool: ImagePool, best: SplitForecast) -> PlanLimit:
    """Find out what limits a plan; `best` is the best split of `plan_for_hours` for the same arguments."""
    with_more_images = None
    if best.full < pool.images:
        unbounded = plan_for_hours(fitted, prices, hours, ImagePool(MAX_IMAGES, pool.full, pool.weak)).best
        with_more_images = unbounded if unbounded.full + unbounded.weak > pool.images else None
    return PlanLimit(
        by="images" if best.full == pool.images else "hours and images" if with_more_images else "hours",
        hours_left=max(hours - best.hours, 0.0),
        images_left=pool.images - best.full - max(best.weak, _existing_boxes(best, pool)),
        spends_from=_spends_from(prices, hours, pool),
        with_more_images=with_more_images,
    )


def _existing_boxes(best: SplitForecast, pool: ImagePool) -> int:
    """Return how many images keep the boxes they have; masks go to images without a label first."""
    return min(pool.weak, pool.images - best.full)


def _spends_from(prices: Prices, hours: float, pool: ImagePool) -> int:
    full, weak = pool.affordable(hours, prices)
    left = hours - pool.new_hours(full, weak, prices)
    pays_for_a_mask = left >= mask_hours(1, prices) - _TOLERANCE
    unspent = np.flatnonzero((full + weak == pool.images) & (full < pool.images) & pays_for_a_mask)
    return int(full[unspent[-1]]) + 1 if unspent.size else pool.full


def labels_to_make(best: SplitForecast, pool: ImagePool) -> str:
    """Say what to label, beyond the existing labels; without a full stop."""
    if not pool.full and not pool.weak:
        return f"Label {_images(best.full)} with masks and {best.weak:,} with boxes"
    masks, boxes = best.full - pool.full, max(best.weak - pool.weak, 0)
    if not masks and not boxes:
        return f"No more labels are needed than the existing {best.full:,}/{best.weak:,}"
    more = f"{masks:,} more image{'s' if masks != 1 else ''}"
    return f"Label {more} with masks and {boxes:,} more with boxes, {best.full:,}/{best.weak:,} in total"


def limit_in_words(limit: PlanLimit, pool: ImagePool) -> str:
    """Say what limits a plan for a budget: the hours, the images, or both."""
    if limit.by == "images":
        return f"Limited by the images: {_all_with_masks(limit, pool)}."
    if limit.by == "hours":
        left = f"{limit.images_left:,} of {_images(pool.images)} stay without a label"
        all_labelled = f"they are just enough to label all {pool.images:,} images"
        return f"Limited by the hours: {left if limit.images_left else all_labelled}."
    text = f"Limited by the hours and the images: {_labelled(limit, pool)}."
    if limit.with_more_images is None:
        return text
    split = f"{limit.with_more_images.full:,}/{limit.with_more_images.weak:,}"
    return (
        f"{text} With more images, the same hours are expected to give {shown(limit.with_more_images.ap)} with {split}."
    )


def without_boxes_in_words(fitted: FittedSurface, best: SplitForecast, pool: ImagePool) -> str:
    """Say that a plan leaves boxes out because they lower the score; empty if it does not."""
    kept, scores = _existing_boxes(best, pool), fitted.surface.ap(best.full, [0, pool.images - best.full])
    if best.weak or not (kept or scores[1] < scores[0]):
        return ""
    left_out = f" Leave the existing boxes of {_images(kept)} out of the training." if kept else ""
    return (
        f"Beside {best.full:,} masks, boxes are expected to lower the score: runs of equal length then show each mask "
        f"less often. Longer runs with boxes may differ.{left_out}"
    )


def score_in_words(limit: PlanLimit, best: SplitForecast, pool: ImagePool) -> str:
    """Say what limits a plan for a score: the score alone, or the images too."""
    if not best.hours:
        return "The existing labels already reach the score."
    if limit.by != "hours":
        return f"Limited by the score and the images: with more than {_images(pool.images)} it would cost less."
    return f"Limited by the score: {limit.images_left:,} of {_images(pool.images)} stay without a label."


def unspent_in_words(limit: PlanLimit, pool: ImagePool) -> str:
    """Say which splits leave hours unspent because every image has a label; empty if none does."""
    if limit.spends_from <= pool.full or limit.by == "images":
        return ""
    return (
        f"With fewer than {limit.spends_from:,} masks, every image has a label before the hours are spent, so those "
        "splits cost less."
    )


def other_ways(plan: Plan, hours: float) -> str:
    """Describe the flat region and the extremes of a plan; empty if its `hours` buy only one split."""
    sentences = []
    if plan.fewest_flat.full < plan.most_flat.full:
        sentences.append(
            f"Any |F| from {plan.fewest_flat.full:,} to {plan.most_flat.full:,} loses at most {FLAT_LOSS:g} AP."
        )
    if plan.fewest_masks != plan.most_masks:
        boxes, masks = _forecast(plan.fewest_masks, hours), _forecast(plan.most_masks, hours)
        sentences.append(f"The extremes: {boxes}, {masks}.")
    return " ".join(sentences)


def best_trained_in_words(trained: TrainedSplit, best: SplitForecast, of: str) -> str:
    """Compare the best trained split for the same hours with the recommended split.

    `of` is the source of the results: "published", "measured" or "own".
    """
    text = f"The best {_split_of(of)} for these hours is {_scored(trained)}."
    gap = rounded(trained.ap) - rounded(best.ap)
    if gap <= 0:
        return text
    place = "above" if trained.ap > best.high else "inside"
    return f"{text} That is {shown(gap)} AP more than expected of the recommended split, {place} its interval."


def cheapest_trained_in_words(trained: TrainedSplit, best: SplitForecast, of: str) -> str:
    """Compare the cheapest trained split that reached a score with the recommended split."""
    text = f"The cheapest {_split_of(of)} that reached this score is {_scored(trained)}"
    gap = round(best.hours, 1) - round(trained.hours, 1)
    return f"{text}, {shown(gap)} hours less than the recommended split." if gap > 0 else f"{text}."


def falls_in_words(fitted: FittedSurface, fallen: Iterable[Fall]) -> list[str]:
    """Return a sentence for each |F| at which boxes lower the score in the underlying results."""
    return [
        f"In these results, more boxes lower the score at {fall.full:,} masks: {shown(fall.ap)} with {fall.weak:,} "
        f"boxes, {shown(fall.more_ap)} with {fall.more_weak:,}. This drop is larger than the noise of single runs. "
        f"{_forecast_of(fitted, fall)}"
        for fall in fallen
    ]


def _forecast_of(fitted: FittedSurface, fall: Fall) -> str:
    before, after = fitted.surface.ap(fall.full, [fall.weak, fall.more_weak])
    if after < before:
        return f"The forecast falls too, from {shown(before)} to {shown(after)}."
    return "The forecast does not show it: after the first boxes, its surface rises with their number."


def caveats(fitted: FittedSurface, split: SplitForecast) -> tuple[str, ...]:
    """Return the reasons why the forecast of a split may be unreliable, a sentence each; empty if there are none."""
    return (*_borrowed(fitted), *_one_seed(fitted.luck), *_outside(fitted, split), *_wide(split))


def interval_in_words(fitted: FittedSurface) -> str:
    """Say what the 90% interval of a forecast is for, to follow "The 90% interval is for "."""
    if fitted.luck is None:
        return "one more model of the same series; a model trained with your own code and seed may differ more"
    return "a new training run with a new seed"


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
        return f"{every} already ha{'s' if pool.images == 1 else 've'} masks, so nothing is left to label"
    left = f"{limit.hours_left:,.1f}"
    return f"masks on {every} take all the hours" if left == "0.0" else f"masks on {every} leave {left} hours unspent"


def _labelled(limit: PlanLimit, pool: ImagePool) -> str:
    if pool.full + pool.weak == pool.images:
        return f"all {pool.images:,} images already have a label, so masks replace boxes"
    if limit.images_left:
        return f"all but {limit.images_left:,} of {pool.images:,} images get a label"
    return f"all {pool.images:,} images get a label"


def _forecast(split: SplitForecast, hours: float) -> str:
    # Splits whose cost rounds to the budget are shown without their hours.
    cost = "" if f"{split.hours:.1f}" == f"{hours:.1f}" else f" ({split.hours:,.1f} hours)"
    return f"{split.full:,}/{split.weak:,}{cost} gives {shown(split.ap)}"


def _borrowed(fitted: FittedSurface) -> list[str]:
    if not fitted.borrows:
        return []
    known = "one split" if fitted.different_splits == 1 else f"{fitted.different_splits} different splits"
    return [
        f"The forecast is based on {known}, so most of the surface's shape comes from the published tables. At least "
        f"{ENOUGH_SPLITS} splits with different numbers of masks and boxes are needed to fit your own shape."
    ]


def _one_seed(luck: SeedLuck | None) -> list[str]:
    if luck is None or luck.seeds > 1:
        return []
    return [
        "The runs have one seed, or some of them have none (column seed), so they do not show how much a run with "
        "another seed differs. That part of the interval comes from other datasets: train one split again with "
        "another seed."
    ]


def _outside(fitted: FittedSurface, split: SplitForecast) -> list[str]:
    kinds = [("mask", split.full, fitted.full), ("box", split.weak, fitted.weak)]
    return [
        f"{planned:,} {kind} {'image is' if planned == 1 else 'images are'} outside the range of the results "
        f"({_range(tried)}), so the interval is wider. "
        f"A run with {'at most' if planned < tried.min() else 'at least'} {planned:,} would narrow it."
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
        f"The interval is {width:.0f} AP wide: train a smaller split of your existing labels before you pay for more."
    ]
