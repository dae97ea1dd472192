"""The AP surfaces of the paper's own models, fitted once and kept."""

import math
from functools import cache

from splitlab.budget.fitted_surface import FittedSurface
from splitlab.budget.published import published_splits
from splitlab.budget.results import check_metric
from splitlab.budget.surface_fit import fit_surface
from splitlab.errors import BudgetError


@cache
def published_surface(dataset: str, method: str, metric: str) -> FittedSurface:
    """The surface of a model of Table 2 or 3, such as ("VOC2012", "YOLOv5", "ap70").

    The impossible AP75 of DETR 400/10331 is left out of its fit: it alone would bend the surface by ten AP.

    Raises:
        BudgetError: If the paper trained no such model, or does not report this metric for it.
    """
    check_metric(metric)
    rows = [row for row in published_splits(dataset, method) if not math.isnan(getattr(row, metric))]
    if metric == "ap75":
        rows = [row for row in rows if row.ap75 <= row.ap70]
    if not rows:
        raise BudgetError(f"the paper reports no {metric} for {method} on {dataset}: choose another metric.")
    return fit_surface([row.full for row in rows], [row.weak for row in rows], [getattr(row, metric) for row in rows])
