"""Observations 4 to 7 of the paper (Sec. 4.4) on a measured grid: classes and masks at similar scores."""

from __future__ import annotations

from itertools import combinations

from splitlab.atlas.grid import CONFUSION, MASK_IOU, SAME_AP, Grid, equal_score_splits, named
from splitlab.atlas.noise import Change, Split
from splitlab.atlas.score_observations import change_in_words, lines_along, listed, rises_in_words, split_name
from splitlab.budget.claims.claim import Claim, Verdict
from splitlab.budget.results import SHORT_METRICS

_CLOSE_IOU = 0.03
"""Mean mask IoUs within this distance count as similar; fixed before anything was measured."""

_PERCENT, _IOU = "% misclassified", "mask IoU"


def equal_scores_look_alike(grid: Grid) -> Claim:
    """Check Observation 4: splits of equal AP have masks of similar IoU."""
    pairs = _pairs(grid, equal=True)
    # "All are similar" needs no correction for multiple comparisons: it fails if one pair is not.
    alike = [pair for pair in pairs if grid.change(*pair, MASK_IOU).is_within(_CLOSE_IOU)]
    strict = [grid.change(*pair, MASK_IOU, len(pairs)) for pair in pairs]
    apart = [change for change in strict if abs(change.change) - change.margin > _CLOSE_IOU]
    unlike = _pairs(grid, equal=False)
    unlike_alike = [pair for pair in unlike if grid.change(*pair, MASK_IOU).is_within(_CLOSE_IOU)]
    whole = grid.splits[MASK_IOU]
    differ = f" Different: {listed(change_in_words(change, _IOU, digits=3) for change in apart)}." if apart else ""
    left_out = _left_out(grid, MASK_IOU)
    return Claim(
        key="observation-4",
        section="4.4",
        statement=f"Observation 4. Models with identical {SHORT_METRICS[grid.metric]} scores produce visually similar "
        f"segmentations. (Here: if scores are within {SAME_AP:g} AP, mask IoUs are within {_CLOSE_IOU:g}, and more "
        "often so than for unequal scores.)",
        verdict=_verdict_of_pairs(len(pairs), len(alike), len(apart), _share(unlike_alike, unlike)),
        finding=f"Of {len(pairs)} pairs with different numbers of masks and equal scores, {len(alike)} have mask IoUs "
        f"that close even with noise, and {len(apart)} differ by more than noise. Of {len(unlike)} pairs with unequal "
        f"scores, {len(unlike_alike)} are that close. Over all splits the mask IoU ranges from {whole.min():.3f} to "
        f"{whole.max():.3f}.{differ}{left_out}",
        rows=grid.runs,
    )


def more_boxes_name_better(grid: Grid) -> Claim:
    """Check Observation 5: with more boxes, fewer objects are misclassified."""
    falls = lines_along(grid, "weak", CONFUSION, sign=-1)
    return Claim(
        key="observation-5",
        section="4.4",
        statement="Observation 5. Training with more weak examples improves a model's ability to locate and classify "
        "objects. (Here: the share of localised objects that are misclassified falls with |W| for every |F|.)",
        verdict=falls.verdict,
        finding=rises_in_words(falls, "weak", _PERCENT, 100, up="falls") + _left_out(grid, CONFUSION),
        rows=grid.runs,
    )


def more_masks_draw_better(grid: Grid) -> Claim:
    """Check Observation 6: with more masks, the masks are better."""
    rises = lines_along(grid, "full", MASK_IOU)
    return Claim(
        key="observation-6",
        section="4.4",
        statement="Observation 6. A larger size of the F set is expected to result in better mask quality. (Here: the "
        "mean mask IoU of found objects rises with |F| for every |W|.)",
        verdict=rises.verdict,
        finding=rises_in_words(rises, "full", _IOU, digits=3) + _left_out(grid, MASK_IOU),
        rows=grid.runs,
    )


def middle_is_balanced(grid: Grid) -> Claim:
    """Check Observation 7: of splits with equal scores, the middle one balances mask quality and classification."""
    statement = (
        'Observation 7. The "middle" split appears to be the optimal choice visually, as it strikes a balance between '
        "mask quality and class identification. (Here: of the splits of about equal score, the middle one has better "
        "masks than the one with the fewest masks, and misclassifies fewer objects than the one with the most.)"
    )
    ends = named(equal_score_splits(grid.splits, grid.metric))
    if len(ends) < 3:
        finding = f"Only {len(ends)} numbers of masks reach about the same score ({listed(map(split_name, ends))})."
        return Claim("observation-7", "4.4", statement, "not measured yet", finding, grid.runs)
    fewest, middle, most = ends[0], ends[len(ends) // 2], ends[-1]
    draws = grid.change(fewest, middle, MASK_IOU, 2)
    names = grid.change(most, middle, CONFUSION, 2, sign=-1)
    return Claim(
        key="observation-7",
        section="4.4",
        statement=statement,
        verdict=_verdict_of_both(draws, names),
        finding=f"About equal score: {', '.join(map(split_name, ends))}. {change_in_words(draws, _IOU, digits=3)}; "
        f"fewer by {change_in_words(names, _PERCENT, 100)}.",
        rows=grid.runs,
    )


def _pairs(grid: Grid, *, equal: bool) -> list[tuple[Split, Split]]:
    """Return the pairs of splits with different |F| whose scores are equal, or those whose scores differ."""
    known = grid.splits.dropna(subset=[grid.metric, MASK_IOU])
    scores = known.set_index(["full", "weak"])[grid.metric]
    return [
        (first, second)
        for first, second in combinations(sorted(named(known)), 2)
        if first[0] != second[0] and (abs(scores[first] - scores[second]) <= SAME_AP) == equal
    ]


def _left_out(grid: Grid, score: str) -> str:
    """Name the splits that a claim leaves out because their models found nothing."""
    without = named(grid.splits[grid.splits[score].isna()])
    return f" Left out because they found no object: {listed(map(split_name, without))}." if without else ""


def _share(some: list[tuple[Split, Split]], pairs: list[tuple[Split, Split]]) -> float:
    return len(some) / len(pairs) if pairs else 0.0


def _verdict_of_pairs(pairs: int, alike: int, apart: int, share_of_unequal: float) -> Verdict:
    if not pairs:
        return "not measured yet"
    if apart > pairs / 2:
        return "does not hold"
    if alike / pairs <= share_of_unequal:
        # If splits of unequal scores are as similar, equal scores are not the reason.
        return "not enough evidence"
    if alike == pairs:
        return "holds"
    return "holds but for" if apart and alike > pairs / 2 else "not enough evidence"


def _verdict_of_both(draws: Change, names: Change) -> Verdict:
    if draws.rises and names.rises:
        return "holds"
    return "does not hold" if draws.falls or names.falls else "not enough evidence"
