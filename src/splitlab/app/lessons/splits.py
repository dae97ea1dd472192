"""Lessons 3 and 4: extreme splits lose, and what more boxes or more masks bring (Observations 1 to 3)."""

from __future__ import annotations

import math
from functools import partial

import pandas as pd

from splitlab.app.lessons.lesson import ScreenView, Verdict, read_lesson
from splitlab.app.lessons.rows import Series, pick_series
from splitlab.app.widgets.sources import claims_of_paper, published
from splitlab.app.widgets.text import as_plain
from splitlab.budget.cost import VOC2012, ImagePool, equal_cost_weak, mask_share
from splitlab.budget.fit import FittedSurface
from splitlab.budget.plan_in_words import PlanLimit, interval_in_words, plan_limit, unspent_in_words
from splitlab.budget.planner import Plan, SplitForecast, budget_line, forecast_split, plan_for_hours
from splitlab.budget.published import TRAINING_IMAGES, published_surface
from splitlab.budget.results import METRICS, SPREAD_COLUMNS, cheaper_and_better
from splitlab.figures.cost_against_ap import SPLIT_GROUP, cost_against_ap, row_key
from splitlab.figures.lesson_scores import Grows, extremes_chart, growing_lines, one_budget, step_bars
from splitlab.shown_numbers import rounded, shown

_POOL = ImagePool(TRAINING_IMAGES["VOC2012"])
_LEAST_SHARE, _MOST_SHARE = 5, 100


def _who_beats_it(view: ScreenView) -> None:
    series = pick_series(view, "extremes_of")
    extremes = _extreme_splits(series.rows, series.metric, series.images)
    view.say(series=as_plain(series.name))
    if extremes.empty:
        view.say("none", splits=len(series.rows))
        return
    names = [_split(full, weak) for full, weak in zip(extremes["full"], extremes["weak"], strict=True)]
    # Start with the most expensive one without boxes.
    start = names[int(extremes["cost_hours"].where(extremes["weak"] == 0, 0).argmax())]
    name = view.pick("extreme", names, start)
    picked = extremes.iloc[names.index(name)]
    view.say(name=name, cost=picked["cost_hours"], ap=shown(picked["ap"]))
    if picked["beaten"]:
        better = _split(int(picked["by_full"]), int(picked["by_weak"]))
        view.say(by_name=better, by_hours=picked["by_hours"], by_ap=shown(picked["by_ap"]))
    else:
        view.say("unbeaten")
    chart = extremes_chart(series.rows, series.metric, extremes, picked, series.axis, filled=series.is_measured)
    view.chart("extremes", chart)
    view.say(beaten=int(extremes["beaten"].sum()), count=len(extremes))


def _extreme_splits(rows: pd.DataFrame, metric: str, images: int) -> pd.DataFrame:
    """Return the extreme splits of one model on one dataset, each with the best split that costs no more.

    Extreme splits have no boxes, or label all images. As in the paper (Sec. 4.3), the cheapest and the most expensive
    of all rows are left out, because they have nothing to be compared with.

    Args:
        rows: Rows of one model on one dataset that report the metric.
        metric: One of `METRICS`.
        images: Number of training images.

    Returns:
        full, weak, cost_hours, ap and beaten, by cost; and by_full, by_weak, by_hours, by_ap of the split that beats
        it, missing if none does.
    """
    inner = rows.sort_values("cost_hours").iloc[1:-1]
    extreme = inner[(inner["weak"] == 0) | (inner["full"] + inner["weak"] == images)]
    columns = {"full": "full", "weak": "weak", "cost_hours": "hours", metric: "ap"}
    found = []
    for _, row in extreme.iterrows():
        better = cheaper_and_better(rows, float(row["cost_hours"]), float(row[metric]), metric).head(1)
        best = {f"by_{name}": better[column].item() for column, name in columns.items() if len(better)}
        found.append({**row[[*columns]].rename({metric: "ap"}), "beaten": not better.empty, **best})
    names = ["full", "weak", "cost_hours", "ap", "beaten", "by_full", "by_weak", "by_hours", "by_ap"]
    return pd.DataFrame(found, columns=names)


def _one_budget(view: ScreenView) -> None:
    hours = float(view.slider("budget", 20, 190, 80, 5))
    percent = view.slider("share", _LEAST_SHARE, _MOST_SHARE, 100, 5)
    chosen, limit = _spend(hours, percent / 100), _limit(hours)
    view.say(hours=f"{hours:g}", percent=percent, ap=shown(chosen.ap), low=shown(chosen.low), high=shown(chosen.high))
    if chosen.full < limit.spends_from:
        view.say("hours_left", images=_POOL.images, cost=chosen.hours)
    view.split("budget_chip", chosen.full, chosen.weak, VOC2012, hours)
    _show_budget(view, "one_budget", chosen, hours, limit)
    view.say(interval=interval_in_words(_fitted()), unspent=unspent_in_words(limit, _POOL))


def _where_it_does_not_hold(view: ScreenView) -> None:
    claim = next(claim for claim in claims_of_paper() if claim.key == "observation-1")
    view.say(statement=claim.statement, verdict=claim.verdict, finding=claim.finding)


def _find_the_middle(view: ScreenView) -> None:
    hours = float(view.slider("to_spend", 30, 150, 60, 5))
    chosen = _spend(hours, view.slider("masks_share", _LEAST_SHARE, _MOST_SHARE, 100, 1) / 100)
    view.say(hours=f"{hours:g}")
    view.split("middle_chip", chosen.full, chosen.weak, VOC2012, hours)
    verdict = _judge_middle(chosen, plan_for_hours(_fitted(), VOC2012, hours, _POOL))
    view.judge(verdict)
    if verdict.right:
        _show_budget(view, "found", chosen, hours, _limit(hours))


def _fitted() -> FittedSurface:
    return published_surface("VOC2012", "YOLOv5", "ap70")


def _limit(hours: float) -> PlanLimit:
    return plan_limit(_fitted(), VOC2012, hours, _POOL, plan_for_hours(_fitted(), VOC2012, hours, _POOL).best)


def _show_budget(view: ScreenView, key: str, chosen: SplitForecast, hours: float, limit: PlanLimit) -> None:
    line = budget_line(_fitted(), VOC2012, hours, _POOL)
    axis = f"expected {METRICS['ap70']}"
    view.chart(key, one_budget(line[line["full"] > 0], chosen, axis, limit.spends_from))


def _spend(hours: float, share: float) -> SplitForecast:
    """Spend a share (0..1) of the hours on masks and the rest on boxes, with VOC2012's prices and images."""
    full = min(max(int(share * VOC2012.masks_for(hours)), 1), _POOL.images)
    weak = int(equal_cost_weak(full, hours, VOC2012))
    return forecast_split(_fitted(), VOC2012, full, max(min(weak, _POOL.images - full), 0), _POOL)


def _judge_middle(chosen: SplitForecast, plan: Plan) -> Verdict:
    """Judge whether a split lies in the flat region of the plan for the same hours."""
    lost = rounded(plan.best.ap) - rounded(chosen.ap)
    if chosen.full < plan.fewest_flat.full:
        return Verdict(False, "too_many_boxes", {"lost": shown(lost)})
    if chosen.full > plan.most_flat.full:
        return Verdict(False, "too_many_masks", {"lost": shown(lost)})
    share = mask_share(chosen.full, chosen.weak, VOC2012)
    flat = {"fewest": plan.fewest_flat.full, "most": plan.most_flat.full, "lost": shown(max(lost, 0))}
    return Verdict(True, "middle", {"split": _split(chosen.full, chosen.weak), "share": f"{share:.0%}", **flat})


def _grow(grows: Grows, view: ScreenView) -> None:
    series = pick_series(view, f"grow_{grows[0]}")
    sizes = [f"{size:,}" for size in sorted(series.rows[grows].unique())]
    if len(sizes) < 2:
        view.say("one_size", series=as_plain(series.name), size=sizes[0])
        return
    reach = int(view.select(f"reach_{grows[0]}", sizes, sizes[1]).replace(",", ""))
    steps = _steps_of(series.rows[series.rows[grows] <= reach], series.metric, grows)
    view.say(series.source, rises=int((steps["gain"] > 0).sum()), steps=len(steps))
    lines = growing_lines(series.rows, series.metric, grows, reach, series.axis, filled=series.is_measured)
    view.chart(f"growing_{grows}", lines)


def _less_each_time(view: ScreenView) -> None:
    series = pick_series(view, "steps_of")
    steps = _steps_of(series.rows, series.metric)
    if steps.empty:
        view.say("no_steps", series=as_plain(series.name))
        return
    full = _pick_size(view, "steps_f", sorted(steps["full"].unique()))
    own = steps[steps["full"] == full]
    first, last = own.iloc[0], own.iloc[-1]
    view.say(series.source, first_boxes=f"{first['weak']:,.0f}", first_gain=f"{first['per_thousand']:+.1f}")
    view.say(score=series.score)
    if len(own) > 1:
        steepness = f"{last['per_thousand']:+.1f}"
        view.say(last_from=f"{last['before']:,.0f}", last_to=f"{last['weak']:,.0f}", last_gain=steepness)
    view.chart("step_bars", step_bars(own, series.score, filled=series.is_measured))


def _few_masks_compete(view: ScreenView) -> None:
    boxes = view.select("beside_200", ["0", "1,000", "3,000", "5,000", "10,531"], "10,531")
    table = published()
    voc = table[table["dataset"] == "VOC2012"]
    own = voc[(voc["group"] == SPLIT_GROUP) & (voc["method"] == "YOLOv5") & (voc["full"] == 200)]
    others = voc[(voc["group"] != SPLIT_GROUP) & voc["ap70"].notna()]
    row = own[own["weak"] == int(boxes.replace(",", ""))].iloc[0]
    below = int((others["ap70"] < row["ap70"]).sum())
    view.say(boxes=boxes, ap=shown(row["ap70"]), below=below, others=len(others))
    view.chart("compete", cost_against_ap(pd.concat([own, others]), "ap70", row_key(row)))


def _find_the_fall(view: ScreenView) -> None:
    series = pick_series(view, "search_in")
    steps = _steps_of(series.rows, series.metric)
    if steps.empty:
        view.say("no_steps")
        return
    own = steps[steps["full"] == _pick_size(view, "search_f", sorted(steps["full"].unique()))]
    step = own[own["weak"] == _pick_size(view, "search_w", own["weak"].tolist())].iloc[0]
    view.judge(_judge_step(step, steps, series))
    reach = int(series.rows["weak"].max())
    lines = growing_lines(series.rows, series.metric, "weak", reach, series.axis, filled=series.is_measured)
    view.chart("falls", lines)


def _steps_of(rows: pd.DataFrame, metric: str, grows: Grows = "weak") -> pd.DataFrame:
    """Return one row for each step to a larger |W| (or |F|) while the other stays the same (Observation 3).

    Args:
        rows: Rows of one model on one dataset; several training runs of a split are averaged.
        metric: Column of the score.
        grows: Column that grows along a step.

    Returns:
        full, weak, `before` (the smaller size), ap_before, ap, gain (AP) and per_thousand (AP gained per 1,000 images).
    """
    fixed = "full" if grows == "weak" else "weak"
    means = rows.groupby([fixed, grows])[metric].mean().reset_index().rename(columns={metric: "ap"})
    earlier = means.groupby(fixed).shift(1)
    steps = means.assign(before=earlier[grows], ap_before=earlier["ap"]).dropna(subset="before")
    gain = steps["ap"] - steps["ap_before"]
    grown = steps[grows] - steps["before"]
    return steps.assign(
        before=steps["before"].astype("int64"), gain=gain, per_thousand=1000 * gain / grown
    ).reset_index(drop=True)


def _judge_step(step: pd.Series, steps: pd.DataFrame, series: Series) -> Verdict:
    """Judge whether a step (one row of `steps`) to more boxes lowers the score by more than seeds differ."""
    before, after = _split(int(step["full"]), int(step["before"])), _split(int(step["full"]), int(step["weak"]))
    scores = {"score": series.score, "ap_before": shown(step["ap_before"]), "ap": shown(step["ap"])}
    falls = int((steps["gain"] <= 0).sum())
    values = {"before": before, "after": after, "falls": falls, "steps": len(steps), **scores}
    if step["gain"] > 0:
        return Verdict(False, "rises" if falls else "rises_always", values)
    fall = rounded(step["ap_before"]) - rounded(step["ap"])
    apart = _seeds_apart(series)
    if not series.is_measured:
        return Verdict(True, "trained_once", values)
    if math.isnan(apart):
        return Verdict(True, "no_seeds", values)
    values |= {"fall": shown(fall), "apart": shown(apart)}
    return Verdict(True, "within_seeds" if fall <= apart else "beyond_seeds", values)


def _seeds_apart(series: Series) -> float:
    """Return the largest difference in AP between training runs of one split; nan if none was trained twice."""
    low, high = SPREAD_COLUMNS[series.metric]
    return float((series.rows[high] - series.rows[low]).max()) if series.is_measured else math.nan


def _pick_size(view: ScreenView, key: str, sizes: list[int]) -> int:
    names = [f"{size:,}" for size in sizes]
    return sizes[names.index(view.pick(key, names, names[0]))]


def _split(full: int, weak: int) -> str:
    return f"{full:,}/{weak:,}"


EXTREME_SPLITS_LOSE = read_lesson(
    "extreme_splits_lose", _who_beats_it, _one_budget, _where_it_does_not_hold, _find_the_middle
)
MORE_WEAK_MORE_FULL = read_lesson(
    "more_weak_more_full",
    partial(_grow, "weak"),
    partial(_grow, "full"),
    _less_each_time,
    _few_masks_compete,
    _find_the_fall,
)
