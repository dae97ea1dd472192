"""Labels and hours so far, plans, forecasts, and the pilot behind them."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from splitlab.budget.cost import ImagePool, Prices
from splitlab.errors import BudgetError, RunError, SettingsError
from splitlab.project.hand_over import start_round
from splitlab.project.incoming import look_at
from splitlab.project.report import report_html
from splitlab.project.rounds import Task
from splitlab.project.standing import (
    BatchSize,
    Measured,
    bases_of,
    batch_size,
    expected_after,
    facts_of,
    interval_of,
    plan_rest,
    standing_of,
)
from splitlab.project.take_back import take
from splitlab.project.training import PilotSettings, pilot_splits, queue_labels, queue_pilot, scores_of
from splitlab.queue.queue import cancel, waiting_runs
from tests.checkpoints import write_checkpoint


def scored(project, run, ap):
    """Give a run the scores of a finished one."""
    spec = run.spec()
    of_masks = dict.fromkeys(("ap50", "ap70", "ap75", "ap50_95"), ap)
    scores = {"mask": of_masks, "box": of_masks, "images": 2}
    (run.path / "weights").rmdir()
    write_checkpoint(
        run.path / "weights", name=run.name, full=spec.data.full, weak=spec.data.weak, seed=spec.seed, scores=scores
    )


def rising(full, weak):
    return 20 + 12 * math.log(full + 0.2 * weak)


def with_pilot(project):
    for run in queue_pilot(project, PilotSettings()):
        data = run.spec().data
        scored(project, run, rising(data.full, data.weak))


def test_hours_are_booked_and_open_photos_are_those_without_the_labels_asked_for(project, export):
    tasks = [Task(20, True, "random"), Task(21, True, "random"), Task(22, False, "random"), Task(23, False, "random")]
    start_round(project, tasks, None, "random")
    assert len(standing_of(project).open_tasks) == 4
    take(project, look_at(project, export(masks=[20], boxes=[21, 22])).new, "export", 0.75)
    standing = standing_of(project)
    assert {task.image_id for task in standing.open_tasks} == {21, 23}
    assert standing.hours_open == pytest.approx(70 / 3600)
    assert (standing.hours_booked, standing.hours_left) == (0.75, pytest.approx(1.25 - 70 / 3600))
    assert standing.pool == ImagePool(28, 11, 2)
    assert standing.ahead == ImagePool(28, 12, 2)  # 21 has boxes already, and 23 gets some


def test_the_pilot_has_four_to_six_splits_of_the_labels_that_exist():
    assert pilot_splits(ImagePool(100, 40, 20)) == ((40, 20), (40, 0), (20, 40), (20, 0), (10, 50), (10, 0))
    assert len(pilot_splits(ImagePool(100, 40, 0))) == 5
    with pytest.raises(SettingsError, match="8 photos with masks"):
        pilot_splits(ImagePool(100, 7, 50))


def test_pilot_runs_are_queued_once(project):
    runs = queue_pilot(project, PilotSettings())
    assert [entry.run for entry in waiting_runs(project.workspace)] == [run.name for run in runs]
    assert len(runs) == 5
    again = queue_pilot(project, PilotSettings(minutes=1))
    assert [run.name for run in again] == [run.name for run in runs]
    assert len(waiting_runs(project.workspace)) == 5


def test_a_pilot_after_new_labels_has_runs_of_its_own_and_is_as_long(project, export):
    first = queue_pilot(project, PilotSettings())
    with pytest.raises(RunError, match="5 runs of 'shapes' wait"):
        take(project, look_at(project, export(masks=[20])).new, "export")
    for run in first:
        cancel(project.workspace, run.name)
    take(project, look_at(project, export(masks=[20, 21])).new, "export")
    second = queue_pilot(project, PilotSettings(minutes=1))
    assert {run.name for run in first}.isdisjoint(run.name for run in second)
    assert {run.spec().steps for run in (*first, *second)} == {first[0].spec().steps}


def test_plans_rest_on_the_paper_until_the_pilot_has_scores(project):
    assert [basis.source for basis in bases_of(project, scores_of(project))] == ["published"]
    assert "other photos than yours" in bases_of(project, scores_of(project))[0].in_words
    with_pilot(project)
    published, own = bases_of(project, scores_of(project))
    assert (published.source, own.source) == ("published", "own")
    assert own.fitted.forecast(10, 0).ap == pytest.approx(rising(10, 0), abs=3)
    standing = standing_of(project)
    wide, narrow = (
        np.ptp(interval_of(basis, plan_rest(project, standing, basis).plan.best)) for basis in (published, own)
    )
    assert narrow < wide / 2
    assert wide > 80


def test_a_batch_takes_its_share_of_the_plan_and_no_more_than_the_hours(project):
    standing = standing_of(project)
    (basis,) = bases_of(project, scores_of(project))
    for prices in (Prices(10, 60), Prices(60, 70), Prices(1, 200)):
        priced = replace(project, settings=replace(project.settings, prices=prices))
        answer = plan_rest(priced, standing, basis)
        for hours in (0.1, 0.25, 1.0, 50.0):
            size = batch_size(priced, standing, answer, hours)
            spent = (size.masks * prices.mask_seconds + size.boxes * prices.box_seconds) / 3600
            assert spent <= hours + 1e-9
            assert size.masks <= answer.plan.best.full - standing.pool.full
            assert size.boxes <= max(answer.plan.best.weak - standing.pool.weak, 0)


def test_a_spent_budget_and_an_empty_batch_are_refused(project):
    standing = replace(standing_of(project), hours_left=0.0)
    (basis,) = bases_of(project, scores_of(project))
    with pytest.raises(BudgetError, match="is spent"):
        plan_rest(project, standing, basis)
    for masks, boxes in ((0, 0), (-1, 3)):
        with pytest.raises(SettingsError, match="at least one photo"):
            BatchSize(masks, boxes)
    answer = plan_rest(project, standing_of(project), basis)
    for hours in (0.0, -1.0, math.nan):
        with pytest.raises(BudgetError):
            batch_size(project, standing_of(project), answer, hours)


def test_forecasts_stand_beside_what_was_measured_and_booked(project, export):
    standing = standing_of(project)
    (basis,) = bases_of(project, scores_of(project))
    expected = expected_after(project, standing, basis, BatchSize(2, 1))
    assert (expected.full, expected.weak, expected.of) == (12, 1, "ap70")
    tasks = [Task(20, True, "random"), Task(21, True, "random"), Task(22, False, "random")]
    start_round(project, tasks, expected, "random")
    take(project, look_at(project, export(masks=[20, 21], boxes=[22])).new, "export", 0.5)
    (run,) = queue_labels(project, "cpu")
    assert (run.spec().data.full, run.spec().data.weak) == (12, 1)
    scored(project, run, 44.4)
    before, after = facts_of(project, standing_of(project), scores_of(project))
    assert (before.measured, before.hours_booked, before.expected) == (None, 0, None)
    assert (after.measured, after.hours_booked, after.expected) == (Measured(12, 1, 44.4), 0.5, expected)
    assert after.hours_planned == pytest.approx(130 / 3600)


def test_the_report_shows_them_and_loads_nothing(project, export):
    test_forecasts_stand_beside_what_was_measured_and_booked(project, export)
    text = report_html(project)
    assert "44.4" in text
    assert "default-src 'none'" in text
    assert "<script" not in text
    assert "other photos than yours" in text


def test_the_report_escapes_names(project):
    path = project.folder / "project.json"
    content = json.loads(path.read_text())
    content["prices"]["name"] = "<script>alert(1)</script>"
    path.write_text(json.dumps(content))
    from splitlab.project.project import open_project

    text = report_html(open_project("shapes", project.workspace))
    assert "&lt;script&gt;" in text
    assert "<script" not in text
