"""Which split of the labels there are to train next, so that a plan can be trusted more."""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from splitlab.budget.fitted_surface import FittedSurface
from splitlab.errors import BudgetError
from splitlab.shown_numbers import shown

_SHARES = (1.0, 0.75, 0.5, 0.25, 0.125, 0.0)


@dataclass(frozen=True)
class RunAdvice:
    """The training that narrows a forecast most; it needs no new label.

    Attributes:
        full: |F| to train on, images.
        weak: |W| to train on, images.
        width_now: Width of the 90% interval of the plan today, AP.
        width_then: Width to expect once the run is known, AP.
    """

    full: int
    weak: int
    width_now: float
    width_then: float


def next_run(fitted: FittedSurface, planned: tuple[int, int], labels: tuple[int, int]) -> RunAdvice:
    """The split of the labels there are whose training narrows the interval of a planned split most.

    Each split not yet trained is tried with the score expected of it, and with a seed that was trained before; images
    with masks may serve as box images.

    Args:
        fitted: The surface fitted to the runs so far.
        planned: The split (F, W) that the plan forecasts.
        labels: Images labelled so far with masks and with boxes only.

    Raises:
        BudgetError: If the labels hold no mask, or every split of them has been trained.
    """
    trained = set(zip(fitted.full.tolist(), fitted.weak.tolist(), strict=True))
    untried = sorted(_splits_of(*labels) - trained)
    if not untried:
        raise BudgetError(
            f"no split of the {labels[0]} mask and {labels[1]} box images is left to train: label more first."
        )
    widths = [_width(_with_run(fitted, *split), planned) for split in untried]
    best = int(np.argmin(widths))
    return RunAdvice(*untried[best], width_now=_width(fitted, planned), width_then=widths[best])


def advice_in_words(advice: RunAdvice, fitted: FittedSurface) -> str:
    """Say which run to train next; where the runs have one seed, that a second seed comes first."""
    told = (
        f"**{advice.full:,}/{advice.weak:,}**. It would narrow the interval of this plan from "
        f"{shown(advice.width_now)} to about {shown(advice.width_then)} AP."
    )
    if fitted.luck is None or fitted.luck.seeds > 1:
        return f"The run that would tell most: {told}"
    return (
        "First train one of your splits again with another seed: no run of the same seed can show how far "
        f"seeds lie apart. Among new splits with the same seed, the run that would tell most: {told}"
    )


def _splits_of(full: int, weak: int) -> set[tuple[int, int]]:
    splits = set()
    for mask_share, box_share in product(_SHARES, _SHARES):
        masks = int(full * mask_share)
        splits.add((masks, int((full + weak - masks) * box_share)))
    return {split for split in splits if split[0] > 0}


def _with_run(fitted: FittedSurface, full: int, weak: int) -> FittedSurface:
    luck = fitted.luck and fitted.luck.with_run_of_first_seed()
    of_seed = 0.0 if luck is None else luck.of_runs[-1]
    return replace(
        fitted,
        full=np.append(fitted.full, full),
        weak=np.append(fitted.weak, weak),
        ap=np.append(fitted.ap, fitted.surface.ap(full, weak) + of_seed),
        luck=luck,
    )


def _width(fitted: FittedSurface, planned: tuple[int, int]) -> float:
    forecast = fitted.forecast(*planned)
    return float(forecast.high - forecast.low)
