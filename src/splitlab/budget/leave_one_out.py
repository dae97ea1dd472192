"""How well an AP surface predicts a split it has not seen, and whether its intervals are honest."""

from dataclasses import dataclass

import pandas as pd

from splitlab.budget.fitted_surface import FittedSurface
from splitlab.budget.surface_fit import fit_surface
from splitlab.errors import BudgetError


@dataclass(frozen=True)
class LeaveOneOut:
    """What a surface, fitted to all other splits, says of each split.

    Attributes:
        rows: One row for each result: full, weak, ap, mean_of_others (what a guess without a surface would be),
            expected, low, high, error (expected - ap), inside, extrapolates.
        level: The level of the intervals.
    """

    rows: pd.DataFrame
    level: float

    @property
    def mean_error(self) -> float:
        """Mean absolute error, AP."""
        return float(self.rows["error"].abs().mean())

    @property
    def worst_error(self) -> float:
        """Largest absolute error, AP."""
        return float(self.rows["error"].abs().max())

    @property
    def mean_error_of_mean(self) -> float:
        """Mean absolute error, AP, of the naive rival: the mean score of all other splits' results."""
        return float((self.rows["mean_of_others"] - self.rows["ap"]).abs().mean())

    @property
    def coverage(self) -> float:
        """Share of the left-out results that fall inside their interval, 0..1; honest if about `level`."""
        return float(self.rows["inside"].mean())


def leave_one_out(fitted: FittedSurface, level: float = 0.9) -> LeaveOneOut:
    """Leave out each split in turn (with all its repetitions), fit to the others and forecast it.

    Seeds are left aside, so the intervals are those of one more result of the same series.

    Args:
        fitted: The surface whose results are left out.
        level: Level of the intervals, such as 0.9.

    Raises:
        BudgetError: If there are fewer than two different splits.
    """
    rows = pd.DataFrame({"full": fitted.full, "weak": fitted.weak, "ap": fitted.ap})
    splits = [left_out for _, left_out in rows.groupby(["full", "weak"])]
    if len(splits) < 2:
        raise BudgetError("one split alone cannot be left out: at least two different splits with a score are needed.")
    forecasts = pd.concat([_forecast(left_out, rows.drop(left_out.index), level) for left_out in splits]).sort_index()
    inside = forecasts["ap"].between(forecasts["low"], forecasts["high"])
    return LeaveOneOut(forecasts.assign(error=forecasts["expected"] - forecasts["ap"], inside=inside), level)


def _forecast(left_out: pd.DataFrame, rest: pd.DataFrame, level: float) -> pd.DataFrame:
    forecast = fit_surface(rest["full"], rest["weak"], rest["ap"]).forecast(left_out["full"], left_out["weak"], level)
    return left_out.assign(
        mean_of_others=rest["ap"].mean(),
        expected=forecast.ap,
        low=forecast.low,
        high=forecast.high,
        extrapolates=forecast.extrapolates,
    )
