"""Observations 1 to 3 of the paper (Sec. 4.3) on a measured grid: scores at equal cost, and along lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from splitlab.atlas.contrasts import (
    Size,
    Weights,
    all_of,
    along,
    half_and_half,
    in_words,
    lines,
    masks_alone,
    mean_of,
    minus,
    per_doubling,
    verdict_above,
    what_it_takes,
    without_images,
)
from splitlab.atlas.grid import SAME_AP, Grid, named
from splitlab.atlas.noise import Change, Contrast, Split
from splitlab.budget.claims.claim import Claim, Verdict
from splitlab.budget.cost import mask_share

_MOST_ON_MASKS = 0.4
"""A split that labels all images is extreme if masks take at most this share of its cost."""

_BOXES = "splits that label all images and spend 60 % or more on boxes"

_FEW = 1 / 8
"""Few masks are at most this share of the images."""

_SIZES = {"full": "|F|", "weak": "|W|"}
_OTHER: dict[Size, Size] = {"full": "weak", "weak": "full"}
_MOST_NAMED = 6


def split_name(split: Split) -> str:
    """Return a split as the paper writes it."""
    return f"{split[0]}/{split[1]}"


def listed(parts: Iterable[str]) -> str:
    """List some parts, and say how many more there are."""
    names = list(parts)
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def change_in_words(change: Change, score: str) -> str:
    """Describe a change with its interval, such as "25/0 to 25/400: +4.2 AP70 (+2.1 to +6.3)"."""
    return f"{split_name(change.start)} to {split_name(change.end)}: {in_words(change.contrast, score)}"


def extremes_lose(grid: Grid) -> Claim:
    """Check Observation 1: half of the cost on each label beats masks alone, and few masks with all boxes."""
    masks = [split for split in named(grid.splits) if split[1] == 0]
    boxes = [split for split in _all_labelled(grid) if mask_share(*split, grid.prices) <= _MOST_ON_MASKS]
    both = {kind: _compared(grid, splits, half_and_half) for kind, splits in (("masks alone", masks), (_BOXES, boxes))}
    found = {kind: grid.contrast(mean_of([*of.values()]), grid.metric) for kind, of in both.items() if of}
    told = [
        f"Half of the cost on each label, as far as there are images, compared with {kind} "
        f"({listed(map(split_name, both[kind]))}): "
        f"{in_words(contrast, grid.metric)}.{_if_open(contrast, grid)}"
        for kind, contrast in found.items()
    ]
    told += [f"No split to compare: {kind}." for kind in both if kind not in found]
    if found:
        told.append(without_images(next(iter(found.values()))).strip())
    return Claim(
        key="observation-1",
        section="4.3",
        statement="Observation 1. Extreme training data splits, where the absolute majority is either F or W, are "
        "not optimal in terms of labeling cost and performance. (Here: on average, half of the cost on each label "
        "scores more than either extreme at the same cost.)",
        verdict=all_of([*map(verdict_above, found.values())]) if len(found) == len(both) else "not measured yet",
        finding=" ".join(filter(None, told)),
        rows=grid.runs,
    )


def few_masks_compete(grid: Grid) -> Claim:
    """Check Observation 2: few masks with all boxes against masks alone at the same cost."""
    few = [split for split in _all_labelled(grid) if split[0] <= _FEW * grid.images]
    rivals = _compared(grid, few, masks_alone)
    statement = (
        "Observation 2. Even with a small |F|, the model achieves competitive results, provided that |W| is large "
        f"enough. (Here: on average, few masks with all boxes score at most {SAME_AP:g} AP less than masks alone at "
        "the same cost.)"
    )
    if not rivals:
        finding = "No few masks with boxes on all other images cost what measured masks alone cost."
        return Claim("observation-2", "4.3", statement, "not measured yet", finding, grid.runs)
    contrast = grid.contrast(mean_of([*rivals.values()]), grid.metric).reversed()
    return Claim(
        key="observation-2",
        section="4.3",
        statement=statement,
        verdict=verdict_above(contrast, -SAME_AP),
        finding=f"{listed(map(split_name, rivals))}, compared with masks alone at the same cost: "
        f"{in_words(contrast, grid.metric)}.{_if_open(contrast, grid, -SAME_AP)}{without_images(contrast)}",
        rows=grid.runs,
    )


def _all_labelled(grid: Grid) -> list[Split]:
    """Return the splits with boxes that leave no image without a label."""
    return [split for split in named(grid.splits) if split[1] and sum(split) >= grid.images]


def _compared(
    grid: Grid, splits: Sequence[Split], rival: Callable[[Grid, float], Weights | None]
) -> dict[Split, Weights]:
    """Return the contrast from each split to its rival at the same cost, of those that have another split as one."""
    cost = grid.splits.set_index(["full", "weak"])["cost_hours"]
    rivals = {split: rival(grid, float(cost[split])) for split in splits}
    return {
        split: minus(other, {split: 1.0})
        for split, other in rivals.items()
        if other is not None and set(other) != {split}
    }


def _if_open(contrast: Contrast, grid: Grid, limit: float = 0.0) -> str:
    """Say what would decide a contrast that is not decided."""
    is_open = verdict_above(contrast, limit) == "not enough evidence"
    return f" {what_it_takes(contrast, grid, limit)}" if is_open else ""


def more_boxes_help(grid: Grid) -> Claim:
    """Check the first half of Observation 3: more boxes raise the score for every number of masks."""
    statement = "Observation 3. Larger sizes of W result in better performance for any given size of F."
    claim = pool_lines(grid, "weak", grid.metric).claim("observation-3-boxes", "4.3", statement, grid)
    return replace(claim, finding=f"{claim.finding}{_more_about_boxes(grid)}")


def more_masks_help(grid: Grid) -> Claim:
    """Check the second half of Observation 3: more masks raise the score for every number of boxes."""
    statement = "Observation 3. Larger sizes of F lead to better performance regardless of the size of W."
    return pool_lines(grid, "full", grid.metric).claim("observation-3-masks", "4.3", statement, grid)


@dataclass(frozen=True)
class PooledLines:
    """How a score changes as one size grows: on average, and along each line.

    Attributes:
        grows: The size that grows.
        score: The score.
        pooled: The mean change from the smallest to the largest split of all lines; None without lines.
        changes: The change along each line, as one of all lines.
        sign: 1 if the claim is that the score rises, -1 if it falls.
    """

    grows: Size
    score: str
    pooled: Contrast | None
    changes: tuple[Change, ...]
    sign: int

    @property
    def against(self) -> tuple[Change, ...]:
        """The lines that go the other way by more than noise."""
        return tuple(change for change in self.changes if (change.falls if self.sign > 0 else change.rises))

    @property
    def along(self) -> tuple[Change, ...]:
        """The lines that change as claimed by more than noise."""
        return tuple(change for change in self.changes if (change.rises if self.sign > 0 else change.falls))

    @property
    def verdict(self) -> Verdict:
        """The verdict on "it changes that way along every line".

        Noise alone makes it hold with a chance of 2.5 %, and refutes it with a chance of at most 5 %.
        """
        if self.pooled is None:
            return "not measured yet"
        verdict = verdict_above(self.pooled if self.sign > 0 else self.pooled.reversed())
        if self.against:
            return "holds but for" if verdict == "holds" else "does not hold"
        return verdict

    def claim(self, key: str, section: str, statement: str, grid: Grid) -> Claim:
        """Return the claim that the score changes that way along every line; see `Claim`."""
        return Claim(key, section, statement, self.verdict, self._in_words(grid), grid.runs)

    def _in_words(self, grid: Grid) -> str:
        """Give the pooled change, the lines that go the other way, and what would decide an open question."""
        if self.pooled is None:
            return f"No two splits with equal {_SIZES[_OTHER[self.grows]]} are measured."
        told = (
            f"From the smallest {_SIZES[self.grows]} to the largest, mean of {len(self.changes)} lines: "
            f"{in_words(self.pooled, self.score)}. Lines that {'rise' if self.sign > 0 else 'fall'} by more than noise "
            f"on their own: {len(self.along)} of {len(self.changes)}."
        )
        if self.against:
            told += f" The other way: {listed(change_in_words(change, self.score) for change in self.against)}."
        if self.verdict == "not enough evidence":
            told += f" {what_it_takes(self.pooled, grid)}"
        return told + without_images(self.pooled) + left_out(grid, self.score)


def left_out(grid: Grid, score: str) -> str:
    """Name the splits that a claim leaves out because their models found too few objects to have this score."""
    without = named(grid.splits[grid.splits[score].isna()])
    return f" Left out because they found too few objects: {listed(map(split_name, without))}." if without else ""


def pool_lines(grid: Grid, grows: Size, score: str, sign: int = 1) -> PooledLines:
    """Compare the ends of every line along which one size grows, pooled and line by line.

    Args:
        grid: The measured grid.
        grows: The size that grows; the other is fixed.
        score: Column of the score.
        sign: 1 to ask whether it rises, -1 to ask whether it falls.
    """
    found = lines(grid, grows, score)
    pooled = grid.contrast(mean_of([along(line) for line in found]), score) if found else None
    changes = tuple(grid.change(line[0], line[-1], score, len(found)) for line in found)
    return PooledLines(grows, score, pooled, changes, sign)


def _more_about_boxes(grid: Grid) -> str:
    """Say how the gain from boxes depends on |F|, and how it grows among splits with boxes."""
    found = lines(grid, "weak", grid.metric)
    with_boxes = [[split for split in line if split[1]] for line in found]
    slopes = [per_doubling([(split[1], {split: 1.0}) for split in line]) for line in with_boxes if len(line) > 1]
    told = ""
    if len(found) > 1:
        by_masks = grid.contrast(per_doubling([(line[0][0], along(line)) for line in found]), grid.metric)
        told = f" With each doubling of |F| the gain from boxes changes by {in_words(by_masks, grid.metric)}."
    if slopes:
        by_boxes = grid.contrast(mean_of(slopes), grid.metric)
        told += f" Among splits with boxes, each doubling of |W| brings {in_words(by_boxes, grid.metric)}."
    return told
