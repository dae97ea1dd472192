"""The verdicts of the atlas on tables where each observation holds, fails or drowns in noise by construction."""

import math
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from splitlab.atlas.advice import BUDGETS, _advice, _Counted, advice_was_good, advised_splits, read_advice
from splitlab.atlas.contrasts import half_and_half, what_it_takes
from splitlab.atlas.grid import SAME_AP, equal_score_splits, measured_grid
from splitlab.atlas.law import law_holds, measured_law, surface_predicts
from splitlab.atlas.mask_observations import (
    equal_scores_look_alike,
    middle_is_balanced,
    more_boxes_locate_better,
    more_boxes_name_better,
    more_masks_draw_better,
)
from splitlab.atlas.noise import Contrast
from splitlab.atlas.score_observations import (
    extremes_lose,
    few_masks_compete,
    more_boxes_help,
    more_masks_help,
    pool_lines,
)
from splitlab.atlas.tables import _CHECKS, _OF_MASKS, _measured_claims, atlas_claims
from splitlab.errors import BudgetError
from splitlab.workspace import Workspace
from tests.budget.synthetic_grid import (
    FULL,
    IMAGES,
    PLANNED,
    RUNS,
    SPLITS,
    better_masks,
    fewer_wrong,
    made_grid,
    made_row,
    rising,
)


def flat(_full, _weak):
    return 50.0


def falling(full, weak):
    return 120 - rising(full, weak)


def by_masks_alone(full, _weak):
    return 20 + 12 * np.log10(full)


def by_score(full, weak):
    """A mask IoU that follows the score alone."""
    return 0.4 + 0.006 * rising(full, weak)


def balanced(full, weak):
    """Best in the middle at equal cost: extremes of either kind pay a price."""
    return rising(full, weak) - (8 if weak == 0 or full + weak >= IMAGES else 0)


@pytest.mark.parametrize(
    ("check", "good", "bad", "drowned"),
    [
        (
            extremes_lose,
            {"ap": balanced},
            {"ap": lambda f, w: 2 * rising(f, w) - balanced(f, w)},
            {"ap": balanced, "noise": 9},
        ),
        (few_masks_compete, {"ap": lambda f, w: 40 + w / 40}, {"ap": by_masks_alone}, {"ap": flat, "noise": 9}),
        (more_boxes_help, {"ap": rising}, {"ap": falling}, {"ap": by_masks_alone}),
        (more_masks_help, {"ap": rising}, {"ap": falling}, {"ap": rising, "noise": 12}),
        (
            more_boxes_name_better,
            {"confusion": fewer_wrong},
            {"confusion": lambda f, w: 0.5 - fewer_wrong(f, w)},
            {"confusion": fewer_wrong, "noise": 15},
        ),
        (
            more_masks_draw_better,
            {"iou": better_masks},
            {"iou": lambda f, w: 1.4 - better_masks(f, w)},
            {"iou": better_masks, "width": 0.2},
        ),
        (
            equal_scores_look_alike,
            {"iou": by_score},
            {"iou": lambda f, _w: 0.1 + 0.3 * np.log10(f)},
            {"iou": by_score, "width": 0.1},
        ),
    ],
)
def test_an_observation_that_holds_by_construction_holds_and_one_that_does_not_does_not(check, good, bad, drowned):
    assert check(made_grid(**good)).verdict == "holds"
    assert check(made_grid(**bad)).verdict == "does not hold"
    assert check(made_grid(**drowned)).verdict == "not enough evidence"


def test_equal_scores_say_nothing_where_any_two_splits_draw_alike():
    claim = equal_scores_look_alike(made_grid(iou=lambda _f, _w: 0.8))
    assert claim.verdict == "not enough evidence"
    assert "have unequal ones" in claim.finding


def test_observation_3_names_the_line_that_falls_and_counts_those_that_rise():
    odd = made_grid(ap=lambda full, weak: rising(full, weak) - (full == 100) * weak / 20)
    claim = more_boxes_help(odd)
    assert claim.verdict == "holds but for"
    assert "The other way: 100/0 to 100/700: −" in claim.finding
    assert "Lines that rise by more than noise on their own: 4 of 5" in claim.finding


def test_a_line_that_falls_refutes_what_does_not_rise_on_average():
    some_fall = made_grid(ap=lambda full, weak: 50 + (1 if full < 100 else -1) * weak / 100, noise=0.4)
    assert more_boxes_help(some_fall).verdict == "does not hold"


def test_observation_7_asks_for_both_halves():
    level = {25: 400, 50: 200, 100: 100, 200: 0}

    def equal(full, weak):
        return 60.0 if level.get(full) == weak else 10 * np.log2(full)

    assert middle_is_balanced(made_grid(ap=equal)).verdict == "holds"
    worse = middle_is_balanced(made_grid(ap=equal, iou=lambda f, w: 1.4 - better_masks(f, w)))
    assert worse.verdict == "does not hold"
    open_half = middle_is_balanced(made_grid(ap=equal, confusion=lambda _f, _w: 0.2))
    assert open_half.verdict == "not enough evidence"
    assert "4 sets of three, such as 25/400, 50/200, 100/100." in open_half.finding


def test_equal_scores_are_one_split_for_each_number_of_masks_within_an_ap():
    grid = made_grid()
    found = equal_score_splits(grid.splits, "ap70")
    assert found["full"].is_unique
    assert found["full"].is_monotonic_increasing
    assert found["ap70"].max() - found["ap70"].min() <= 2 * SAME_AP


def hyperbola(k, exponent=1.0):
    """A score whose lines of equal score are |W| = k phi0^2 / |F|^exponent, in units of phi0."""
    return lambda full, weak: 30 + 10 * np.log10(1 + (weak / 400) * (full / 400) ** exponent / k)


@pytest.mark.parametrize("k", [0.1, 0.2])
def test_the_law_is_found_again_where_it_was_put_in(k):
    # Straight pieces between splits read |W| a little off; noise adds to it.
    fitted = measured_law(made_grid(ap=hyperbola(k), noise=0.02))
    at_level = k * (10 ** ((fitted.level - 30) / 10) - 1)
    assert fitted.law.phi0 == 400
    assert fitted.k.value == pytest.approx(at_level, rel=0.15)
    assert fitted.exponent.value == pytest.approx(1, abs=0.25)
    assert fitted.k.low < fitted.k.value < fitted.k.high


def test_another_exponent_is_no_equiscore_law():
    claim = law_holds(made_grid(ap=hyperbola(0.3, exponent=0.2), noise=0.02))
    assert claim.verdict == "does not hold"


def test_noise_leaves_the_law_open_and_no_crossing_leaves_it_unmeasured():
    assert law_holds(made_grid(ap=hyperbola(0.2), noise=1.5)).verdict == "not enough evidence"
    steep = law_holds(made_grid(ap=lambda full, _w: 10.0 + full / 10, noise=0.001))
    assert steep.verdict == "not measured yet"


def test_the_surface_predicts_what_is_smooth_and_is_far_off_what_jumps():
    smooth = surface_predicts(made_grid(noise=0.3))
    assert smooth.verdict == "holds"
    assert "The mean of the other runs of the seed has a mean error of" in smooth.finding
    rng = np.random.default_rng(0)
    jumps = {split: float(rng.choice([20.0, 80.0])) for split in SPLITS}
    jumpy = surface_predicts(made_grid(ap=lambda f, w: jumps[f, w])).finding
    assert float(re.search(r"mean error (\S+) AP70", jumpy)[1]) > 20


def test_a_surface_that_predicts_no_better_than_the_mean_of_the_other_runs_does_not_hold():
    level = surface_predicts(made_grid(ap=flat, noise=2))
    assert level.verdict == "does not hold"
    error, of_mean = (float(number) for number in re.findall(r"mean error (?:of )?(\d+\.\d+)", level.finding))
    assert error >= of_mean


def test_the_advice_rests_on_the_planned_runs_alone():
    grid = made_grid()
    advised = advised_splits(grid)
    assert 1 <= len(advised) <= len(BUDGETS)
    after = made_grid(extra=[(*split, seed) for split in advised for seed in (0, 1)], ap=lambda f, w: rising(f, w))
    assert advised_splits(after) == advised
    for hours in BUDGETS:
        assert _advice(grid, hours).hours <= hours


def test_no_advice_is_trained_before_the_grid_is_whole_or_where_noise_is_unknown():
    assert advised_splits(made_grid(RUNS[:-1])) == ()
    one_seed = [run for run in RUNS if run[2] == 0]
    plan = {name: run for name, run in PLANNED.items() if run[2] == 0}
    assert advised_splits(measured_grid([made_row(run) for run in one_seed], plan, "ap70")) == ()


def test_advice_that_is_followed_is_held_against_its_interval():
    hours = BUDGETS[1]
    advised = _advice(made_grid(), hours)
    split = (advised.full, advised.weak)
    runs = [(*split, 0), (*split, 1)]
    assert advice_was_good(hours, made_grid()).verdict == "not measured yet"
    assert advice_was_good(hours, made_grid(extra=runs)).verdict == "holds"
    off = made_grid(extra=runs, ap=lambda f, w: rising(f, w) - 20 * ((f, w) == split))
    claim = advice_was_good(hours, off)
    assert claim.verdict == "does not hold"
    assert "It reached" in claim.finding
    assert "0 of 2 single runs inside" in claim.finding


def split_of(forecast):
    return forecast.full, forecast.weak


def test_each_single_run_is_held_against_the_interval_and_not_their_mean():
    hours = BUDGETS[1]
    told = _advice(made_grid(), hours)
    off = 0.9 * (told.high - told.low)
    runs = [(*split_of(told), 0), (*split_of(told), 1)]
    rows = [made_row(run) for run in RUNS]
    apart = [replace(made_row(run), ap70=told.ap + sign * off) for run, sign in zip(runs, (1, -1), strict=True)]
    claim = advice_was_good(hours, measured_grid([*rows, *apart], PLANNED, "ap70"))
    assert claim.verdict != "holds"
    assert "0 of 2 single runs inside" in claim.finding


def test_advice_holds_only_where_it_beats_half_and_half():
    hours = BUDGETS[1]
    half = (50, 200)
    told = _advice(made_grid(ap=by_masks_alone), hours)
    runs = [(*split_of(told), 0), (*split_of(told), 1)]
    good = advice_was_good(hours, made_grid(extra=runs, ap=by_masks_alone))
    assert good.verdict == "holds"
    assert f"Compared with the split nearest to half of the hours on each label, {half[0]}/{half[1]} to" in good.finding
    level = made_grid(extra=runs, ap=lambda f, w: told.ap if (f, w) == half else by_masks_alone(f, w))
    assert advice_was_good(hours, level).verdict == "not enough evidence"


@pytest.mark.parametrize(
    ("name", "told", "inside", "verdict"),
    [("embedded", "36.7 to 47.1", "6 of 6", "holds"), ("pets", "62.8 to 75.9", "4 of 6", "not enough evidence")],
)
def test_the_intervals_told_before_the_runs_hold_that_many_single_runs(tmp_path, name, told, inside, verdict):
    claims = {claim.key: claim for claim in atlas_claims(name, "ap70", Workspace(tmp_path, tmp_path))}
    assert f"{inside} single runs" in claims["advice-intervals"].finding
    assert claims["advice-intervals"].verdict == verdict
    assert told in claims["advice-3h"].finding
    assert "before the runs" in claims["advice-3h"].finding


def test_an_interval_that_is_refuted_by_few_runs_is_told_from_one_that_is_not():
    counts = {
        (6, 6): "holds",
        (4, 6): "not enough evidence",
        (3, 6): "does not hold",
        (1, 2): "not enough evidence",
        (0, 2): "does not hold",
    }
    assert {count: _Counted(*count).verdict for count in counts} == counts
    assert _Counted(0, 0).verdict == "not measured yet"


def test_told_advice_that_is_no_table_gets_a_sentence(tmp_path):
    assert read_advice(tmp_path / "advice.csv", "ap70") == {}
    (tmp_path / "advice.csv").write_text("metric,hours\nap70,3\n")
    with pytest.raises(BudgetError, match=r"advice\.csv cannot be read"):
        read_advice(tmp_path / "advice.csv", "ap70")


def test_a_partial_table_gives_no_verdict_and_says_how_many_runs_are_missing():
    claims = _measured_claims(made_grid(RUNS[:-3]))
    assert {claim.verdict for claim in claims} == {"not measured yet"}
    assert all("3 of the 33 planned runs are missing" in claim.finding for claim in claims)
    assert any("So far: holds." in claim.finding for claim in claims)


def test_without_a_second_seed_nobody_knows_what_a_difference_means():
    (claim,) = _measured_claims(made_grid([run for run in RUNS if run[2] == 0]))
    assert claim.verdict == "not measured yet"
    assert "two seeds" in claim.finding
    assert "9 of the 33" in claim.finding


def test_every_claim_has_a_key_of_its_own_and_figures_in_its_finding():
    claims = _measured_claims(made_grid())
    assert len({claim.key for claim in claims}) == len(claims) == len(_CHECKS)
    assert all(any(character.isdigit() for character in claim.finding) for claim in claims)


@settings(max_examples=20, deadline=None)
@given(kept=st.sets(st.sampled_from(RUNS), min_size=1))
def test_any_part_of_a_table_gives_claims_and_never_a_verdict(kept):
    claims = _measured_claims(made_grid(sorted(kept)))
    assert claims
    if len(kept) < len(RUNS):
        assert {claim.verdict for claim in claims} == {"not measured yet"}


def test_tables_of_nothing_but_noise_decide_as_seldom_as_told():
    rng = np.random.default_rng(4)
    rows = [made_row(run, ap=flat, noise=0) for run in RUNS]
    verdicts = Counter()
    for _ in range(150):
        strays = 50 + rng.standard_normal(len(rows))
        table = [replace(one, ap70=float(ap)) for one, ap in zip(rows, strays, strict=True)]
        verdicts[more_boxes_help(measured_grid(table, PLANNED, "ap70")).verdict] += 1
    # 2.5 % and 5 % of 150, and three standard errors.
    assert verdicts["holds"] + verdicts["holds but for"] <= 10
    assert verdicts["does not hold"] <= 16


def test_an_open_question_says_how_many_seeds_would_decide_it():
    finding = more_boxes_help(made_grid(ap=lambda f, w: 50 - w / 300, noise=4)).finding
    seeds, runs = map(int, re.search(r"(\d+) seeds on every split \((\d+) runs\)", finding).groups())
    assert runs == seeds * len(SPLITS)


def test_the_seeds_that_would_decide_a_contrast_decide_it_four_times_in_five():
    weights = {(25, 0): -1.0, (25, 100): 1.0}
    contrast = replace(made_grid(noise=3).contrast(weights, "ap70"), value=4.0)
    seeds = int(re.search(r"(\d+) seeds", what_it_takes(contrast, made_grid()))[1])
    rng = np.random.default_rng(0)

    def decided(count):
        # One contrast per seed, and Student's t with as many degrees of freedom as that many seeds on each split have.
        freedom = contrast.freedom * (count - 1)
        of_seeds = contrast.seed_variance / count
        values = rng.normal(4.0, np.sqrt(of_seeds), 4000)
        errors = np.sqrt(of_seeds * rng.chisquare(freedom, 4000) / freedom)
        return np.mean(values > student.ppf(0.975, freedom) * errors)

    assert seeds > 2
    assert decided(seeds) >= 0.78
    assert decided(seeds - 1) < 0.82


def test_more_test_images_are_asked_for_only_where_seeds_do_not_suffice():
    grid = made_grid()
    by_seeds = Contrast(value=2.8, seed_error=1.0, image_error=0.995, freedom=40, seed_variance=2.0)
    assert re.search(
        r"\d seeds on every split \(\d+ runs\) would", what_it_takes(replace(by_seeds, image_error=0.1), grid)
    )
    assert "and 2 times the test images" in what_it_takes(by_seeds, grid)
    assert "would hardly decide" in what_it_takes(replace(by_seeds, value=0.01), grid)


def test_odds_are_told_as_a_factor():
    finding = more_boxes_name_better(made_grid(confusion=fewer_wrong)).finding
    factor = float(re.search(r"odds of misclassification x ([\d.]+) \(", finding)[1])
    # At every |F| from 30 % to about 16 % misclassified.
    expected = np.mean(
        [np.log(p / (1 - p)) for p in (fewer_wrong(0, 800 - full if full < 400 else 400) for full in FULL)]
    )
    assert factor == pytest.approx(np.exp(expected - np.log(0.3 / 0.7)), rel=0.05)


def test_more_objects_localised_with_boxes_is_a_claim_of_its_own():
    rows = [replace(made_row(run), objects=100, localised=round(40 + 30 * (run[1] > 0))) for run in RUNS]
    assert more_boxes_locate_better(measured_grid(rows, PLANNED, "ap70")).verdict == "holds"
    fewer = [replace(one, localised=110 - one.localised) for one in rows]
    assert more_boxes_locate_better(measured_grid(fewer, PLANNED, "ap70")).verdict == "does not hold"


def test_equal_scores_lie_within_an_ap_of_one_another_and_have_masks_and_classes():
    level = {25: 400, 50: 200, 100: 100}
    nearly = {25: 60.0, 50: 60.8, 100: 61.2}

    def chain(full, weak):
        return nearly[full] if level.get(full) == weak else 10 * np.log2(full) + weak / 1000

    assert middle_is_balanced(made_grid(ap=chain, noise=0.001)).verdict == "not measured yet"
    nearly[100] = 60.9
    assert "1 sets of three" in middle_is_balanced(made_grid(ap=chain, noise=0.001)).finding
    rows = [made_row(run, ap=chain, noise=0.001) for run in RUNS]
    nothing = [replace(one, localised=0, class_confusion=math.nan) if one.full == 25 else one for one in rows]
    assert middle_is_balanced(measured_grid(nothing, PLANNED, "ap70")).verdict == "not measured yet"


def test_half_of_the_cost_on_each_label_costs_as_much_where_images_run_out():
    grid = made_grid()
    cost = grid.splits.set_index(["full", "weak"])["cost_hours"]
    weights = half_and_half(grid, float(cost[400, 0]))
    # 400 masks pay for 324 masks and boxes on the other 476, between rows of 200 and of 400 masks.
    assert set(weights) == {(200, 400), (200, 600), (400, 400)}
    assert sum(weights.values()) == pytest.approx(1)
    assert weights[400, 400] == pytest.approx(np.log(324.4 / 200) / np.log(2), abs=0.01)
    exact = half_and_half(grid, float(cost[100, 0]))
    # Half of it pays for 50 masks, the other half for 315 boxes.
    assert set(exact) == {(50, 200), (50, 400)}
    assert exact[50, 400] == pytest.approx(np.log(365 / 250) / np.log(450 / 250), abs=0.01)
    assert half_and_half(grid, float(cost[25, 0])) is None


def test_splits_whose_models_found_nothing_are_named_and_in_no_pair():
    nothing = {"mask_iou": math.nan, "mask_iou_low": math.nan, "mask_iou_high": math.nan, "found": 0}
    made = [made_row(run, iou=lambda _f, _w: 0.8) for run in RUNS]
    rows = [replace(one, **nothing) if (one.full, one.weak) == (100, 0) else one for one in made]
    grid = measured_grid(rows, PLANNED, "ap70")
    claims = [check(grid) for check in (equal_scores_look_alike, more_masks_draw_better)]
    # With one IoU everywhere, unequal scores look alike as well: nothing is shown.
    assert claims[0].verdict == "not enough evidence"
    assert all(claim.finding.endswith("Left out because they found too few objects: 100/0.") for claim in claims)


def test_where_second_seeds_found_nothing_scores_still_have_verdicts_and_masks_have_none():
    nothing = {"mask_iou": math.nan, "mask_iou_low": math.nan, "mask_iou_high": math.nan}
    rows = [replace(one, **nothing) if one.seed else one for one in map(made_row, RUNS)]
    *known, unknown = _measured_claims(measured_grid(rows, PLANNED, "ap70"))
    assert [claim.key for claim in known] == [check(made_grid()).key for check in _CHECKS if check not in _OF_MASKS]
    assert {claim.key: claim.verdict for claim in known}["observation-3-boxes"] == "holds"
    assert (unknown.key, unknown.verdict) == ("noise", "not measured yet")
    assert unknown.finding.startswith("Observations 4 to 7 are left out")


def test_masks_alone_say_nothing_of_boxes():
    alone = [run for run in RUNS if run[1] == 0]
    grid = measured_grid([made_row((*run[:2], seed)) for run in alone for seed in (0, 1)], PLANNED, "ap70")
    claim = few_masks_compete(grid)
    assert (claim.verdict, claim.finding) == (
        "not measured yet",
        "No few masks with boxes on all other images cost what measured masks alone cost.",
    )
    assert "No split to compare: splits that label all images" in extremes_lose(grid).finding


def test_luck_that_a_seed_brings_to_all_its_splits_hides_nothing_and_moves_nothing():
    plain, lucky = made_grid(), made_grid(luck={1: -12.0})
    assert more_boxes_help(lucky).verdict == more_masks_help(lucky).verdict == "holds"
    for split in SPLITS:
        ours, theirs = plain.change((25, 0), split, "ap70"), lucky.change((25, 0), split, "ap70")
        assert theirs.contrast.value == pytest.approx(ours.contrast.value, abs=1e-6)
        assert theirs.contrast.margin == pytest.approx(ours.contrast.margin, rel=1e-3)


def test_each_line_of_the_grid_is_looked_at_once_and_lines_share_their_doubt():
    grid = made_grid()
    pooled = pool_lines(grid, "weak", "ap70")
    assert [change.start for change in pooled.changes] == [(full, 0) for full in FULL]
    first = pooled.changes[0]
    assert first == grid.change(first.start, first.end, "ap70", len(FULL))
    assert pooled.pooled.value == pytest.approx(np.mean([change.contrast.value for change in pooled.changes]))
