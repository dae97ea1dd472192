import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitlab.budget.law import PAPER_CURVES, EquiscoreLaw, c_of_tau, fit_law
from splitlab.budget.published import method_rows, published_results
from splitlab.errors import BudgetError

laws = st.builds(EquiscoreLaw, k=st.floats(0.05, 5), phi0=st.integers(100, 20_000).map(float))


def fitted(curve):
    splits = [split for split in curve.splits if split not in curve.off_curve]
    return fit_law(*zip(*splits, strict=True), phi0=curve.law.phi0)


def test_the_law_of_voc2012_sends_400_masks_to_5358_boxes():
    # Eq. 5 by hand: 1464^2 / 400 = 2,143,296 / 400.
    assert EquiscoreLaw(k=1, phi0=1464).weak(400) == pytest.approx(5358.24)


@pytest.mark.parametrize("curve", PAPER_CURVES, ids=lambda curve: curve.panel)
def test_the_k_fitted_to_the_points_of_each_panel_of_fig_5_is_the_paper_s_within_a_tenth(curve):
    assert fitted(curve).law.k == pytest.approx(curve.law.k, rel=0.11)


@pytest.mark.parametrize("curve", PAPER_CURVES, ids=lambda curve: curve.panel)
def test_the_splits_of_each_panel_score_about_the_same_in_the_published_table(curve):
    rows = method_rows(published_results(), curve.dataset, curve.method).set_index(["full", "weak"])
    for split in curve.splits:
        distance = abs(rows.loc[split, curve.metric] - curve.score)
        assert (distance > 1) == (split in curve.off_curve)


def test_the_ends_of_the_curve_do_not_bend_the_fit():
    fit = fit_law([400, 800, 1464, 1464], [5000, 3000, 0, 1000])
    assert fit.points["used"].tolist() == [True, True, False, False]
    assert fit.law == fit_law([400, 800], [5000, 3000], phi0=1464).law
    assert fit.law.phi0 == 1464


@given(laws, st.lists(st.floats(0.05, 0.95), min_size=1, max_size=6))
def test_points_on_a_curve_give_back_its_k_and_leave_no_residual(law, taus):
    full = np.array(taus) * law.phi0
    fit = fit_law(full, law.weak(full), phi0=law.phi0)
    assert fit.law.k == pytest.approx(law.k)
    assert fit.points["ratio"].to_numpy() == pytest.approx(1)


@given(laws, st.floats(0.01, 1))
def test_eq_2_holds_with_c_equal_to_k_on_the_whole_hyperbola(law, t):
    full = t * law.phi0
    assert law.weak(full) == pytest.approx(law.k / t * law.phi0)
    assert c_of_tau(full, law.weak(full), law.phi0) == pytest.approx(law.k)


def test_all_points_on_the_paper_s_curves_but_the_ends_lie_where_the_law_is_said_to_hold():
    for curve in PAPER_CURVES:
        low, high = curve.law.valid_full
        for full, _ in curve.splits:
            assert low <= full <= high or full == curve.law.phi0


@pytest.mark.parametrize(("k", "phi0"), [(0, 1464), (1, 0), (float("nan"), 1464), (1, float("inf"))])
def test_a_law_that_cannot_be_is_refused(k, phi0):
    with pytest.raises(BudgetError, match="must be a number above 0"):
        EquiscoreLaw(k, phi0)


def test_a_curve_asked_at_no_mask_says_that_it_never_gets_there():
    with pytest.raises(BudgetError, match="never reaches the axis"):
        EquiscoreLaw(1, 1464).weak([200, 0])


@pytest.mark.parametrize(("full", "weak"), [([], []), ([1464], [0]), ([400, 1464], [0, 1000])])
def test_a_fit_with_nothing_to_rest_on_says_which_split_to_select(full, weak):
    with pytest.raises(BudgetError, match=r"select (at least )?one with"):
        fit_law(full, weak)


def test_points_off_the_curve_are_weighed_by_their_ratio_to_it():
    # c is 1/16 and 1/4: their geometric mean is 1/8, their arithmetic mean 5/32.
    fit = fit_law([100, 100], [25, 100], phi0=200)
    assert c_of_tau([100, 100], [25, 100], 200).tolist() == [0.0625, 0.25]
    assert fit.law.k == pytest.approx(0.125)
    assert np.log(fit.points["ratio"]).sum() == pytest.approx(0)


@given(laws, st.lists(st.tuples(st.floats(0.05, 0.95), st.floats(0.1, 10)), min_size=1, max_size=6))
def test_the_logarithms_of_the_ratios_of_a_fit_sum_to_zero(law, points):
    taus, factors = np.array(points).T
    full = taus * law.phi0
    fit = fit_law(full, law.weak(full) * factors, phi0=law.phi0)
    assert np.log(fit.points["ratio"]).sum() == pytest.approx(0, abs=1e-9)
