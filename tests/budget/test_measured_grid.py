"""Which rows of a table a plan's verdicts rest on."""

from dataclasses import replace

from splitlab.atlas.grid import measured_grid
from tests.budget.synthetic_grid import PLANNED, RUNS, made_grid, made_row


def test_rows_of_older_data_are_passed_over():
    old = [type(one)(**{**vars(one), "data_hash": "old", "ap70": 1.0}) for one in (made_row(run) for run in RUNS)]
    grid = measured_grid([*old, *(made_row(run) for run in RUNS)], PLANNED, "ap70")
    assert (len(grid.rows), grid.missing) == (len(RUNS), ())
    assert grid.rows["ap70"].min() > 1


def test_older_rows_that_were_carried_here_later_are_passed_over_too():
    came = [replace(made_row(run), data_hash="old", ap70=1.0, date="2026-11-01") for run in RUNS]
    grid = measured_grid([*(made_row(run) for run in RUNS), *came], PLANNED, "ap70")
    assert (len(grid.rows), grid.missing) == (len(RUNS), ())
    assert grid.rows["ap70"].min() > 1


def test_a_planned_run_is_known_by_its_hash_however_its_settings_are_worded():
    """A setting that is added later is in the words, but at its default not in the hash."""
    again = replace(made_row(RUNS[-1]), settings="quick, and what is new")
    grid = measured_grid([*(made_row(run) for run in RUNS[:-1]), again], PLANNED, "ap70")
    assert (len(grid.rows), grid.missing) == (len(RUNS), ())


def test_a_run_that_is_not_planned_counts_only_where_it_was_trained_alike():
    grid = made_grid(extra=[(68, 139, 0)])
    assert len(grid.extra) == 1
    other = replace(made_row((68, 139, 0)), settings="paper")
    assert measured_grid([*(made_row(run) for run in RUNS), other], PLANNED, "ap70").extra.empty
