"""True scores of made-up projects as functions of F and W (images), AP 0..100, for benchmarks of the planner.

Shapes in `HELD_BACK` are not looked at while anything is tuned. Those in `FALL` lose AP with more boxes somewhere: in
"lost views" and "lost views, steep" because runs have equal steps, so that a mixed batch shows each mask less often.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from splitlab.budget.surface import ApSurface, Floats

Truth = Callable[[Floats, Floats], Floats]

_STEPS, _BATCH, _MASKS_IN_MIXED = 480, 16, 6


def _views(full: Floats, weak: Floats) -> Floats:
    """How often a run of fixed length shows each mask."""
    return _STEPS * np.where(weak > 0, _MASKS_IN_MIXED, _BATCH) / full


SHAPES: Mapping[str, Truth] = {
    "power laws": lambda f, w: 70 - 90 * (f + 5) ** -0.35 - 60 * (f + w + 10) ** -0.35,
    "saturating": lambda f, w: 20 + 35 * (1 - np.exp(-f / 120)) + 18 * (1 - np.exp(-w / 250)),
    "not monotone in W": lambda f, w: 25 + 9 * np.log(f / 25) + 0.04 * w * np.exp(1 - w / 250) - w / 400,
    "interaction": lambda f, w: 30 + 7 * np.log(f / 20) + 12 * (1 - np.exp(-w / 150)) * np.exp(-f / 150),
    "lost views": lambda f, w: 35 + 8 * np.log(f / 25) + 2 * np.log1p(w / 50) - 20 * _views(f, w) ** -0.5,
    "lost views, strong": lambda f, w: 30 + 9 * np.log(f / 25) + np.log1p(w / 50) - 80 / _views(f, w),
}
HELD_BACK: Mapping[str, Truth] = {
    "the surface's own": lambda f, w: ApSurface(-0.5, -1.2, -0.9, 5.0, 0.3).ap(f, w),
    "two steps": lambda f, w: 35 + 25 / (1 + (f / 74) ** -2.0) + 8 / (1 + ((f + w) / 245) ** -2.0),
    "boxes hurt": lambda f, w: 30 + 8.5 * np.log(f / 20) - 4 * np.log1p(w / 100) + 6.0 * ((w > 0) & (f < 60)),
    "near the top": lambda f, w: 95 - 45 * (f + 10) ** -0.25 - 60 * (f + w + 10) ** -0.5,
    "the scarcer counts": lambda f, w: 20 + 8 * np.minimum(np.log(f / 8), np.log((f + w + 40) / 22)),
    "lost views, steep": lambda f, w: 70 - 150 * (f + 40) ** -0.6 - 8 * (f + w + 30) ** -0.1 - 25 / _views(f, w),
}
FALL = ("not monotone in W", "lost views", "lost views, strong", "boxes hurt", "lost views, steep")
