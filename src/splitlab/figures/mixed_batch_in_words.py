"""What one fused batch shows of mixed training, in sentences that its numbers write."""

from __future__ import annotations

from collections.abc import Sequence

from splitlab.experiments.fused_batch import MASK_PART, BatchLook, Changes, Scramble
from splitlab.figures.batch_pictures import short_names


def who_feeds_what(look: BatchLook) -> str:
    """Say from how many images each part of the loss learns, and which the mask part does not see. Markdown."""
    full, weak = look.mask_images, len(look.images) - look.mask_images
    blind = look.unmoved(MASK_PART)
    names = short_names(look.images)
    if weak and blind == tuple(range(full, full + weak)):
        nothing = "About the images of W the mask part says exactly nothing."
    else:
        nothing = (
            f"The mask part says exactly nothing about {_listed([names[place] for place in blind]) or 'no image'}."
        )
    return (
        f"This batch holds **{_count(full, 'image')} of F** and **{weak} of W**. {_learnt_by_others(look)}, the **"
        f"{MASK_PART} part from {len(look.images) - len(blind)}**. {nothing}"
    )


def _learnt_by_others(look: BatchLook) -> str:
    total = len(look.images)
    seen = {part: total - len(look.unmoved(part)) for part in look.pulls if part != MASK_PART}
    if set(seen.values()) == {total}:
        return f"The {_listed(list(seen))} parts of the loss learn from all {_count(total, 'image')}"
    told = _listed([f"{part} part from {count}" for part, count in seen.items()])
    return f"Of these {_count(total, 'image')} the model learns: the {told}"


def what_divides(look: BatchLook) -> str:
    """Say what the mask part is divided by, and what dividing it by the batch size would make of it. Markdown."""
    total, full = len(look.images), look.mask_images
    mask = look.per_image[MASK_PART]
    if not full:
        return "Without an image of F there is no mask loss to divide."
    if not look.mask_over_batch or full == total:
        return f"The mask loss is divided by the images of F: {full}. Here that is the batch size."
    return (
        f"The mask loss is divided by the **{_count(full, 'image')} of F**: {mask:.3f}. Divided by all {total}, it "
        f"would be {look.mask_over_batch:.3f}, {mask / look.mask_over_batch:.3g} times smaller."
    )


def what_changed(scramble: Scramble, scrambled: int, changes: Changes) -> str:
    """Say what scrambling masks has changed. Markdown."""
    if not scrambled:
        return "There is no mask of that kind in this batch to scramble. Take another batch."
    masks = _count(scrambled, "mask")
    where = "in the labels and in the batch" if scramble is Scramble.WEAK else "in the batch"
    head = f"{masks} of {'W' if scramble is Scramble.WEAK else 'F'} became coin flips, {where}."
    if changes.are_none:
        return (
            f"{head} **Not one bit changed**: all parts of the loss and all {changes.parameters:,} gradients are equal."
        )
    parts = _listed([f"**{part}**" for part in changes.losses]) or "no part of the loss"
    return (
        f"{head} Changed: {parts}, and {len(changes.gradients):,} of {changes.parameters:,} gradients of the model. "
        "All other parts are equal to the last bit."
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
