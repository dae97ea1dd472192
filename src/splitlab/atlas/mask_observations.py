"""Observations 4 to 7 of the paper (Sec. 4.4) on a measured grid: classes and masks at similar scores."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from splitlab.atlas.contrasts import Weights, all_of, in_words, mean_of, minus, verdict_above, what_it_takes
from splitlab.atlas.grid import SAME_AP, Grid, named
from splitlab.atlas.noise import Contrast, Split
from splitlab.atlas.object_scores import LOCALISED, MASK_IOU, MISCLASSIFIED
from splitlab.atlas.score_observations import left_out, pool_lines, split_name
from splitlab.budget.claims.claim import Claim, Verdict
from splitlab.budget.results import SHORT_METRICS

_CLOSE_IOU = 0.03
"""Mean mask IoUs within this distance count as similar; fixed before anything was measured."""


def equal_scores_look_alike(grid: Grid) -> Claim:
    """Check Observation 4: splits of equal AP have masks of similar IoU."""
    equal, unequal = _pairs(grid)
    statement = (
        f"Observation 4. Models with identical {SHORT_METRICS[grid.metric]} scores produce visually similar "
        f"segmentations. (Here: of two splits within {SAME_AP:g} AP, the one with more masks has on average a mask IoU "
        f"within {_CLOSE_IOU:g} of the other's, and closer than that of the better of two splits further apart.)"
    )
    pairs = f"{len(equal)} pairs with different numbers of masks have equal scores, {len(unequal)} have unequal ones."
    if not equal or not unequal:
        return Claim("observation-4", "4.4", statement, "not measured yet", pairs, grid.runs)
    apart = grid.contrast(mean_of(equal), MASK_IOU)
    closer = mean_of(equal) if apart.value >= 0 else minus({}, mean_of(equal))
    beyond = grid.contrast(minus(mean_of(unequal), closer), MASK_IOU)
    verdict = _verdict_of_alike(apart, beyond)
    take = f" {_open_parts_of_alike(apart, beyond, grid)}" if verdict == "not enough evidence" else ""
    take += left_out(grid, MASK_IOU)
    return Claim(
        key="observation-4",
        section="4.4",
        statement=statement,
        verdict=verdict,
        finding=f"{pairs} More masks at equal scores: {in_words(apart, MASK_IOU)}. A better score: "
        f"{in_words(beyond, MASK_IOU)} beyond that.{take}",
        rows=grid.runs,
    )


def more_boxes_name_better(grid: Grid) -> Claim:
    """Check Observation 5: with more boxes, fewer objects are misclassified."""
    statement = (
        "Observation 5. Training with more weak examples improves a model's ability to locate and classify "
        "objects. (Here: the odds that a localised object is misclassified fall with |W| for every |F|.)"
    )
    return pool_lines(grid, "weak", MISCLASSIFIED, sign=-1).claim("observation-5", "4.4", statement, grid)


def more_boxes_locate_better(grid: Grid) -> Claim:
    """Check Observation 5: with more boxes, more objects are localised."""
    statement = (
        "Observation 5. Training with more weak examples improves a model's ability to locate and classify "
        "objects. (Here: the odds that an object is localised rise with |W| for every |F|.)"
    )
    return pool_lines(grid, "weak", LOCALISED).claim("observation-5-locate", "4.4", statement, grid)


def more_masks_draw_better(grid: Grid) -> Claim:
    """Check Observation 6: with more masks, the masks are better."""
    statement = (
        "Observation 6. A larger size of the F set is expected to result in better mask quality. (Here: the "
        f"mean mask IoU of {_objects(grid)} rises with |F| for every |W|.)"
    )
    return pool_lines(grid, "full", MASK_IOU).claim("observation-6", "4.4", statement, grid)


def middle_is_balanced(grid: Grid) -> Claim:
    """Check Observation 7: of splits with equal scores, the middle one balances mask quality and classification."""
    statement = (
        'Observation 7. The "middle" split appears to be the optimal choice visually, as it strikes a balance between '
        "mask quality and class identification. (Here: of splits of about equal score, the middle one has better masks "
        "than the one with the fewest masks, and misclassifies fewer objects than the one with the most.)"
    )
    sets = _triples(grid)
    if not sets:
        finding = f"No three splits with different numbers of masks lie within {SAME_AP:g} AP."
        return Claim("observation-7", "4.4", statement, "not measured yet", finding, grid.runs)
    draws = grid.contrast(mean_of([{middle: 1.0, fewest: -1.0} for fewest, middle, _ in sets]), MASK_IOU)
    names = grid.contrast(mean_of([{middle: 1.0, most: -1.0} for _, middle, most in sets]), MISCLASSIFIED)
    verdicts = [verdict_above(draws), verdict_above(names.reversed())]
    verdict = all_of(verdicts)
    takes = [
        f"{name}: {what_it_takes(contrast, grid)}"
        for name, contrast, one in zip(("Mask IoU", "Odds"), (draws, names), verdicts, strict=True)
        if verdict == one == "not enough evidence"
    ]
    return Claim(
        key="observation-7",
        section="4.4",
        statement=statement,
        verdict=verdict,
        finding=" ".join(
            [
                f"{len(sets)} sets of three, such as {', '.join(map(split_name, sets[0]))}. The middle compared with "
                f"the fewest masks: {in_words(draws, MASK_IOU)}; with the most masks: "
                f"{in_words(names, MISCLASSIFIED)}.",
                *takes,
            ]
        ),
        rows=grid.runs,
    )


def _triples(grid: Grid) -> list[tuple[Split, Split, Split]]:
    """Return every three splits with different |F| and scores within `SAME_AP`, fewest masks first."""
    known = grid.splits.dropna(subset=[grid.metric, MASK_IOU, MISCLASSIFIED])
    scores = known.set_index(["full", "weak"])[grid.metric]
    return [
        (fewest, middle, most)
        for fewest, middle, most in combinations(sorted(named(known)), 3)
        if fewest[0] < middle[0] < most[0] and np.ptp(scores[[fewest, middle, most]]) <= SAME_AP
    ]


def _pairs(grid: Grid) -> tuple[list[Weights], list[Weights]]:
    """Return the pairs with different |F| as contrasts: more masks minus fewer if equal, else better minus poorer."""
    known = grid.splits.dropna(subset=[grid.metric, MASK_IOU])
    scores = known.set_index(["full", "weak"])[grid.metric]
    equal: list[Weights] = []
    unequal: list[Weights] = []
    for fewer, more in combinations(sorted(named(known)), 2):
        if fewer[0] == more[0]:
            continue
        ahead = float(scores[more] - scores[fewer])
        if abs(ahead) <= SAME_AP:
            equal.append({more: 1.0, fewer: -1.0})
        else:
            sign = 1.0 if ahead > 0 else -1.0
            unequal.append({more: sign, fewer: -sign})
    return equal, unequal


def _verdict_of_alike(apart: Contrast, beyond: Contrast) -> Verdict:
    if apart.low > _CLOSE_IOU or apart.high < -_CLOSE_IOU or beyond.high < 0:
        return "does not hold"
    is_close = apart.low >= -_CLOSE_IOU and apart.high <= _CLOSE_IOU
    return "holds" if is_close and beyond.low > 0 else "not enough evidence"


def _is_close(apart: Contrast) -> bool:
    return apart.low >= -_CLOSE_IOU and apart.high <= _CLOSE_IOU


def _open_parts_of_alike(apart: Contrast, beyond: Contrast, grid: Grid) -> str:
    """Say for each open part of Observation 4 what would decide it."""
    limit = _CLOSE_IOU if apart.value >= 0 else -_CLOSE_IOU
    takes = [] if _is_close(apart) else [f"Equal scores: {what_it_takes(apart, grid, limit)}"]
    return " ".join([*takes, *([] if beyond.low > 0 else [f"A better score: {what_it_takes(beyond, grid)}"])])


def _objects(grid: Grid) -> str:
    return "found objects, adjusted for which were found," if grid.has_records else "found objects"
