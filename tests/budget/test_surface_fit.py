import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitlab.atlas.rows import read_rows
from splitlab.budget.fit import fit_surface
from splitlab.budget.pilot import leave_one_out
from splitlab.budget.published import method_rows, published_results, published_surface
from splitlab.budget.surface import ApSurface
from splitlab.errors import BudgetError
from splitlab.workspace import _MEASURED

YOLO_VOC, YOLO_CITY, DETR_VOC = ("VOC2012", "YOLOv5"), ("Cityscapes", "YOLOv5"), ("VOC2012", "DETR")
BARS = [(*YOLO_VOC, "ap70", 0.49), (*YOLO_CITY, "ap50_95", 0.58), (*DETR_VOC, "ap70", 0.97)]


def published(dataset, method, metric, where=None):
    rows = method_rows(published_results(), dataset, method)
    rows = rows if where is None else rows.query(where)
    return rows["full"], rows["weak"], rows[metric]


@pytest.mark.parametrize(("dataset", "method", "metric", "bar"), BARS)
def test_a_left_out_published_row_is_predicted_better_than_the_bar(dataset, method, metric, bar):
    result = leave_one_out(fit_surface(*published(dataset, method, metric)))
    assert result.mean_error < bar


def test_of_the_left_out_published_rows_about_nine_in_ten_lie_inside_their_90_percent_interval():
    tables = [
        *((d, m, metric) for d, m, metric, _ in BARS),
        (*YOLO_VOC, "ap50"),
        (*YOLO_CITY, "ap50"),
        (*DETR_VOC, "ap50"),
    ]
    inside = np.concatenate([leave_one_out(fit_surface(*published(*table))).rows["inside"] for table in tables])
    assert len(inside) == 94
    assert 0.86 <= inside.mean() <= 0.96


def test_a_wider_level_covers_more_and_half_the_rows_lie_in_a_50_percent_interval_or_somewhat_more():
    fitted = fit_surface(*published(*YOLO_VOC, "ap70"))
    assert 0.35 <= leave_one_out(fitted, level=0.5).coverage <= 0.75
    assert leave_one_out(fitted, level=0.99).coverage == 1


@pytest.mark.parametrize(("dataset", "method", "metric", "bar"), BARS)
@pytest.mark.parametrize(("known", "unknown"), [("full <= 800", "full > 800"), ("weak <= 1000", "weak > 1000")])
def test_whole_rows_of_the_table_beyond_the_data_lie_in_the_widened_interval(
    dataset, method, metric, bar, known, unknown
):
    full, weak, ap = published(dataset, method, metric, unknown)
    forecast = fit_surface(*published(dataset, method, metric, known)).forecast(full, weak)
    assert forecast.extrapolates.all()
    assert ((ap >= forecast.low) & (ap <= forecast.high)).mean() >= 0.9


@pytest.mark.parametrize(("dataset", "method", "metric", "bar"), BARS)
@pytest.mark.parametrize("runs", [1, 2, 3])
def test_one_to_three_runs_borrow_a_shape_that_covers_the_rest_of_their_table(dataset, method, metric, bar, runs):
    full, weak, ap = (column.to_numpy() for column in published(dataset, method, metric))
    rng = np.random.default_rng(7)
    inside = []
    for _ in range(20):
        chosen = rng.permutation(ap.size)
        fitted = fit_surface(full[chosen[:runs]], weak[chosen[:runs]], ap[chosen[:runs]])
        assert fitted.borrows
        rest = chosen[runs:]
        forecast = fitted.forecast(full[rest], weak[rest])
        inside.extend((ap[rest] >= forecast.low) & (ap[rest] <= forecast.high))
    assert np.mean(inside) >= 0.9


def test_results_that_lie_on_a_surface_give_that_surface_back():
    true = ApSurface(-0.5, -1.2, -0.9, 6.0, 0.2)
    full, weak = (axis.ravel() for axis in np.meshgrid([50, 200, 800, 3000], [0, 500, 2000, 8000, 30_000]))
    fitted = fit_surface(full, weak, true.ap(full, weak))
    assert np.abs(fitted.residuals).max() < 0.2
    assert fitted.surface.ap(400, 5000) == pytest.approx(true.ap(400, 5000), abs=0.1)


def test_without_evidence_a_forecast_does_not_fall_with_boxes():
    for runs in ([(100, 0, 40)], [(100, 300, 40)], [(50, 100, 30), (100, 100, 37)]):
        surface = fit_surface(*zip(*runs, strict=True), [0] * len(runs)).surface
        assert surface.ap(400, 1) >= surface.ap(400, 0)


def test_published_results_do_not_fall_whatever_they_are():
    assert fit_surface([100, 100, 400, 400], [0, 400, 0, 400], [40, 42, 60, 50]).surface.mixing_loss == 0


@pytest.mark.parametrize("metric", ["ap70", "ap75"])
def test_the_loss_by_boxes_predicts_left_out_splits_of_embedded_better(metric):
    rows = [row for row in read_rows(_MEASURED / "embedded.csv") if row.seed == 0]
    columns = [[getattr(row, name) for row in rows] for name in ("full", "weak", metric, "seed")]
    falling, rising = leave_one_out(fit_surface(*columns)), leave_one_out(fit_surface(*columns[:3]))
    assert falling.mean_error < rising.mean_error
    assert fit_surface(*columns).surface.ap(400, 400) < fit_surface(*columns).surface.ap(400, 0)


def test_a_left_out_run_is_forecast_for_its_own_seed():
    full, weak, ap = [100, 200, 400, 100, 200, 400], [0, 100, 0, 0, 100, 0], [30, 40, 50, 24, 34, 44]
    left = leave_one_out(fit_surface(full, weak, ap, [0, 0, 0, 1, 1, 1])).rows
    difference = left["expected"].to_numpy()[:3] - left["expected"].to_numpy()[3:]
    assert (difference > 3).all()


@given(
    st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 20_000), st.floats(0, 100)), min_size=1, max_size=8),
    st.integers(0, 20_000),
    st.integers(0, 50_000),
)
@settings(max_examples=40)
def test_whatever_the_results_a_forecast_is_in_order_and_bounded(results, full, weak):
    fitted = fit_surface(*zip(*results, strict=True))
    forecast = fitted.forecast(full, weak)
    assert 0 <= forecast.low <= forecast.ap <= forecast.high <= 100
    assert fitted.surface.ap(full + 10, weak) >= forecast.ap - 1e-9
    assert fitted.surface.ap(full, weak + 10) >= forecast.ap - 1e-9


def test_the_interval_grows_with_the_distance_from_the_data():
    fitted = fit_surface(*published(*YOLO_VOC, "ap70"))
    forecast = fitted.forecast([400, 100, 30, 10], 5000)
    assert forecast.extrapolates.tolist() == [False, True, True, True]
    widths = forecast.high - forecast.low
    assert (np.diff(widths) > 1).all()


def test_a_repeated_run_narrows_the_interval_and_is_left_out_together_with_its_twin():
    rows = [(200, 0, 34.5), (200, 5000, 46.8), (800, 0, 44.3), (800, 5000, 53.5), (400, 1000, 43.0)]
    once, twice = (fit_surface(*zip(*table, strict=True)) for table in (rows, [*rows, *rows]))
    assert np.ptp([twice.forecast(400, 3000).low, twice.forecast(400, 3000).high]) < np.ptp(
        [once.forecast(400, 3000).low, once.forecast(400, 3000).high]
    )
    assert leave_one_out(twice).mean_error > 2 * np.abs(twice.residuals).mean()


def test_a_change_to_where_one_stands_is_none_and_a_change_back_is_the_same_with_the_other_sign():
    fitted = fit_surface(*published(*YOLO_VOC, "ap70"))
    assert fitted.change((400, 5000), (400, 5000)) == (0, 0, 0)
    there, low, high = fitted.change((400, 5000), (800, 5000))
    back, back_low, back_high = fitted.change((800, 5000), (400, 5000))
    assert 0 < low < there < high
    assert (back, back_low, back_high) == pytest.approx((-there, -high, -low))
    assert there == pytest.approx(53.5 - 49.9, abs=1)


def test_rows_without_a_score_are_left_out():
    full, weak, ap = ([200, 400, 800], [0, 1000, 3000], [34.5, np.nan, 50.2])
    assert fit_surface(full, weak, ap).full.tolist() == [200, 800]


@pytest.mark.parametrize(
    ("results", "message"),
    [
        (([], [], []), "at least one split with a score"),
        (([400], [0], [np.nan]), "at least one split with a score"),
        (([0], [5000], [20]), "full = 0"),
        (([400], [-1], [20]), "weak = -1"),
        (([400], [0], [101]), r"outside 0\.\.100"),
    ],
)
def test_results_that_cannot_be_fitted_say_what_is_wrong(results, message):
    with pytest.raises(BudgetError, match=message):
        fit_surface(*results)


def test_one_split_alone_cannot_be_left_out():
    with pytest.raises(BudgetError, match="at least two different splits"):
        leave_one_out(fit_surface([400, 400], [0, 0], [38, 39]))


@pytest.mark.parametrize("level", [0, 1, 90])
def test_a_level_that_is_no_share_is_refused(level):
    with pytest.raises(BudgetError, match=r"such as 0\.9"):
        fit_surface([400], [0], [38]).forecast(400, 0, level)


def test_the_impossible_ap75_does_not_bend_the_published_surface_of_detr():
    with_misprint = leave_one_out(fit_surface(*published(*DETR_VOC, "ap75"))).mean_error
    without = leave_one_out(published_surface(*DETR_VOC, "ap75")).mean_error
    assert without < 1 < with_misprint


def test_a_published_surface_is_fitted_once():
    assert published_surface(*YOLO_VOC, "ap70") is published_surface(*YOLO_VOC, "ap70")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ((*YOLO_CITY, "ap70"), "reports no ap70"),
        (("Cityscapes", "DETR", "ap50"), "no F/W splits of DETR"),
        ((*YOLO_VOC, "ap90"), "unknown metric"),
    ],
)
def test_a_surface_the_paper_has_no_figures_for_is_refused(key, message):
    with pytest.raises(BudgetError, match=message):
        published_surface(*key)
