"""Read a pilot, which is a table of your own training runs, and test how well it predicts runs it has not seen."""

import csv
import io
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from splitlab.budget.cost import MAX_IMAGES
from splitlab.budget.fit import FittedSurface, fit_surface
from splitlab.budget.results import METRICS, ways_of_training
from splitlab.errors import BudgetError

SCORE, _SEED = "score", "seed"
_UNKNOWN_SEED = -1
"""Seed of all runs if at least one is unknown; they count as runs of one seed."""

_SEED_DIGITS = 19  # of 2^63, the first number too large for a seed

# Optional columns in which all runs must agree.
_KIND = ("source", "dataset", "method", "settings")


def read_pilot(text: str, name: str = "the CSV", score: str = SCORE) -> pd.DataFrame:
    """Read the runs of a pilot: a header line, then one line per trained model.

    Args:
        text: Content of the CSV. Columns other than full, weak, the score and seed are ignored. A seed cell may be
            empty, as `splitlab results --csv` writes it for a mean over several seeds.
        name: Name of the file, for messages.
        score: Column of the score, such as "ap50" in the output of `splitlab results --csv`.

    Returns:
        A table with the columns full, weak (images) and ap (0..100), and seed if the file has it, for `fit_pilot`. If a
        seed cell is empty, every run gets the seed `_UNKNOWN_SEED`.

    Raises:
        BudgetError: If a column is missing, a cell is invalid, or the runs differ by more than split and seed.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True, skipinitialspace=True)
    try:
        _check_header(name, list(reader.fieldnames or []), score)
        rows = [(row, f"{name}, line {reader.line_num}") for row in reader]
    except csv.Error as error:
        # Only the inner reader counts the line that fails.
        place = f"{name}, line {reader.reader.line_num}"
        raise BudgetError(f"{place}: not a CSV ({error}). Save it as comma-separated text.") from error
    if not rows:
        raise BudgetError(f"{name} has a header but no runs: add one line for each trained model.")
    runs = [_run(row, place, score) for row, place in rows]
    table = pd.DataFrame(runs)
    _check_alike(name, table.assign(**{of: [row.get(of) or "" for row, _ in rows] for of in _KIND}))
    if table["ap"].max() <= 1:
        raise BudgetError(f"{name}, column {score}: all scores are 1 or less; give AP from 0 to 100, such as 53.5.")
    return table.assign(seed=seeds_or_unknown(table[_SEED])) if _SEED in table else table


def fit_pilot(runs: pd.DataFrame) -> FittedSurface:
    """Fit the AP surface to the runs of a pilot, to forecast new runs with a new seed.

    Args:
        runs: Columns full, weak (images), ap (0..100) and optionally seed. Without it, all runs count as one seed.
    """
    seed = seeds_or_unknown(runs[_SEED]) if _SEED in runs else np.full(len(runs), _UNKNOWN_SEED)
    return fit_surface(runs["full"], runs["weak"], runs["ap"], seed)


def seeds_or_unknown(seed: pd.Series) -> pd.Series:
    """Return the seeds if all are known, else `_UNKNOWN_SEED` for every run.

    An unknown seed may equal one of the known ones. Counted as a new seed, it would show differences between seeds that
    were never measured, and the interval for a new seed would be too narrow.
    """
    some_unknown = bool((seed.isna() | (seed == _UNKNOWN_SEED)).any())
    return seed.mask(seed.notna(), _UNKNOWN_SEED).fillna(_UNKNOWN_SEED) if some_unknown else seed


def _check_header(name: str, header: list[str], score: str) -> None:
    missing = [column for column in ("full", "weak", score) if column not in header]
    if not missing:
        return
    metrics = [column for column in header if column in METRICS]
    rename = f" Use --metric {metrics[0]} on the command line, or rename that column to {SCORE}." if metrics else ""
    raise BudgetError(
        f"{name}, line 1: column {missing[0]} is missing. The first line must name full, weak, {score}, "
        f"separated by commas; it reads {','.join(header)!r}.{rename}"
    )


def _check_alike(name: str, runs: pd.DataFrame) -> None:
    """Raise an error for runs of several kinds, whose differences would be attributed to their splits."""
    runs = runs.assign(settings=ways_of_training(runs))
    for column in _KIND:
        kinds = sorted(runs[column].unique())
        if len(kinds) > 1:
            shown = " and ".join(repr(kind) for kind in kinds[:2])
            raise BudgetError(
                f"{name}, column {column}: {len(kinds)} kinds of runs, such as {shown}. A plan needs runs that differ "
                "by split and seed alone: keep the lines of one kind. `splitlab results --sweep NAME` writes those of "
                "one sweep."
            )


def _run(row: dict[str, str | None], place: str, score_column: str) -> dict[str, float]:
    full, weak, score = (_number(row, column, place) for column in ("full", "weak", score_column))
    for column, images, least in (("full", full, 1), ("weak", weak, 0)):
        if images < least or not images.is_integer():
            raise BudgetError(f"{place}, column {column}: {images:g} is not a whole number of at least {least}.")
        if images > MAX_IMAGES:
            raise BudgetError(f"{place}, column {column}: {images:g} images are too many; give at most {MAX_IMAGES:,}.")
    if not 0 <= score <= 100:
        raise BudgetError(f"{place}, column {score_column}: {score:g} is not an AP between 0 and 100.")
    run = {"full": int(full), "weak": int(weak), "ap": score}
    return {**run, _SEED: _seed(row, place)} if _SEED in row else run


def _seed(row: dict[str, str | None], place: str) -> int:
    cell = (row[_SEED] or "").strip()
    if not cell:
        return _UNKNOWN_SEED
    # Not by float, which rounds whole numbers beyond 2^53.
    if cell.isascii() and cell.isdigit() and len(cell) <= _SEED_DIGITS and int(cell) < 2**63:
        return int(cell)
    seed = _number(row, _SEED, place)
    if not (0 <= seed < 2**63 and seed.is_integer()):
        raise BudgetError(f"{place}, column {_SEED}: {seed:g} is not a seed. Write a whole number, 0 or more.")
    return int(seed)


def _number(row: dict[str, str | None], column: str, place: str) -> float:
    cell = (row[column] or "").strip()
    if not cell:
        raise BudgetError(f"{place}, column {column}: the cell is empty. Write a number, or delete the line.")
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BudgetError(f"{place}, column {column}: {cell!r} is not a number.")
    return number


@dataclass(frozen=True)
class LeaveOneOut:
    """Forecasts of each split by a surface fitted to all other splits.

    Attributes:
        rows: One row per result: full, weak, ap, mean_of_others (the baseline forecast), expected, low, high, error
            (expected - ap), inside, extrapolates.
        level: Level of the intervals.
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
        """Mean absolute error, AP, of the baseline: the mean score of the other splits' results with the same seed."""
        return float((self.rows["mean_of_others"] - self.rows["ap"]).abs().mean())

    @property
    def coverage(self) -> float:
        """Share of the left-out results inside their interval, 0..1; should be about `level`."""
        return float(self.rows["inside"].mean())


def leave_one_out(fitted: FittedSurface, level: float = 0.9) -> LeaveOneOut:
    """Leave out each split in turn with all its repetitions, fit to the others and forecast it.

    The forecast is for the seed of the left-out result, so the intervals do not count differences between seeds.

    Raises:
        BudgetError: If there are fewer than two different splits.
    """
    seed = None if fitted.luck is None else fitted.luck.of_run
    rows = pd.DataFrame({"full": fitted.full, "weak": fitted.weak, "ap": fitted.ap, _SEED: seed})
    splits = [left_out for _, left_out in rows.groupby(["full", "weak"])]
    if len(splits) < 2:
        raise BudgetError("cannot leave out the only split: at least two different splits with a score are needed.")
    forecasts = pd.concat([_forecast(left_out, rows.drop(left_out.index), level) for left_out in splits]).sort_index()
    inside = forecasts["ap"].between(forecasts["low"], forecasts["high"])
    return LeaveOneOut(forecasts.assign(error=forecasts["expected"] - forecasts["ap"], inside=inside), level)


def _forecast(left_out: pd.DataFrame, rest: pd.DataFrame, level: float) -> pd.DataFrame:
    seed = None if rest[_SEED].isna().any() else rest[_SEED]
    fitted = fit_surface(rest["full"], rest["weak"], rest["ap"], seed)
    forecast = fitted.forecast_of_seed(left_out["full"], left_out["weak"], left_out[_SEED], level)
    return left_out.drop(columns=_SEED).assign(
        mean_of_others=left_out[_SEED].map(rest.groupby(_SEED)["ap"].mean()).fillna(rest["ap"].mean()),
        expected=forecast.ap,
        low=forecast.low,
        high=forecast.high,
        extrapolates=forecast.extrapolates,
    )
