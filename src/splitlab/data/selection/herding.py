"""Herding: an order whose every beginning has all traits in the proportions of the whole."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

# A weight is this divided by how often a trait occurs.
_WEIGHTS = 1 << 20


def in_proportion(counts: NDArray[np.int64], rng: np.random.Generator) -> Iterator[int]:
    """Yield the rows of (N, traits) counts, each once, so that every beginning has the traits in proportion.

    Herding (Welling 2009): the next row is the one whose traits are owed most; a rare trait counts as much as a common
    one. At the start up to half of one trait is owed or had, drawn at random, so that seeds differ. Rows with the same
    counts are taken in their order. It is computed with whole numbers, so that every machine gets the same order.
    """
    kinds, kind_of_row = np.unique(counts, axis=0, return_inverse=True)
    waiting: list[deque[int]] = [deque() for _ in kinds]
    for row, kind in enumerate(kind_of_row.reshape(-1).tolist()):
        waiting[kind].append(row)
    rows, totals = len(counts), counts.sum(axis=0)
    weights = np.maximum(_WEIGHTS // np.maximum(totals, 1), 1)
    # Otherwise rows that have many traits would always come first.
    half_squared = rows * (kinds**2 @ weights) // 2
    start = rng.integers(-(rows // 2), rows // 2 + 1, len(totals))
    # What is owed is counted in parts of one row: each step, every trait is owed `totals` more.
    scores = kinds @ ((totals + start) * weights) - half_squared
    growth = kinds @ (totals * weights)
    traits = np.ascontiguousarray(kinds.T)
    left = np.array([len(queue) for queue in waiting])
    for _ in range(rows):
        best = int(np.where(left > 0, scores, np.iinfo(np.int64).min).argmax())
        yield waiting[best].popleft()
        left[best] -= 1
        scores += growth
        for trait in np.flatnonzero(kinds[best]):
            scores -= rows * kinds[best, trait] * weights[trait] * traits[trait]
