"""Lessons 1 and 2: what a label costs, and what box-only images teach."""

from __future__ import annotations

import pandas as pd

from splitlab.app.lessons.lesson import ScreenView, Verdict, read_lesson
from splitlab.app.lessons.rows import as_hours, measured_alike, measured_splits, say_measured, your_hours
from splitlab.app.lessons.scenes import SCENES, scene_pictures, show_mixed_batch
from splitlab.app.widgets.sources import published
from splitlab.app.widgets.text import as_plain
from splitlab.budget.cost import PRESETS, VOC2012, Prices, box_hours, cost_hours, prices_for
from splitlab.budget.fit import FittedSurface
from splitlab.budget.published import method_rows, published_surface
from splitlab.budget.results import METRICS, check_metric, ways_of_training
from splitlab.figures.lesson_scores import pair_slopes
from splitlab.figures.lessons import price_bars, split_hours
from splitlab.figures.palette import FULL_HUE, WEAK_HUE
from splitlab.shown_numbers import rounded, shown

_LEAST_MASKS = 100
_MOST_LEFT_HOURS = 1.0
# Expected scores within this many AP count as equal; two training runs of one split differ by more.
_EQUAL_AP = 0.3
_TRAINED = ((400, 5000), (800, 3000), (1464, 0))
_AS_FULL, _AS_WEAK = "in F, with masks", "in W, with boxes"
_MODEL = ["source", "dataset", "method", "way", "full"]
_FEW_MASKS, _MANY_MASKS = 400, 1464


def _two_labels(view: ScreenView) -> None:
    pictures = scene_pictures(int(view.select("picture", range(1, SCENES + 1), 1)))
    for key, picture, hue, seconds in (
        ("with_masks", pictures.as_full, FULL_HUE, VOC2012.mask_seconds),
        ("with_boxes", pictures.as_weak, WEAK_HUE, VOC2012.box_seconds),
    ):
        place, label = view.slot(key)
        place.image(picture, width="stretch")
        style = f"border-left:.5rem solid {hue};padding-left:.6rem;font-size:1.25rem"
        place.html(f'<div style="{style}">{label}: {seconds:,.0f}</div>')


def _dear_and_cheap(view: ScreenView) -> None:
    dataset = view.choose("prices_of", list(PRESETS))
    prices = PRESETS[dataset]
    view.say(dataset=dataset, ratio=prices.mask_to_box)
    view.say(mask_seconds=prices.mask_seconds, box_seconds=prices.box_seconds)
    view.chart("price_bars", price_bars(prices))


def _a_split_has_a_price(view: ScreenView) -> None:
    full, weak = view.slider("masks", 0, 1500, 300, 50), view.slider("boxes", 0, 10000, 2000, 250)
    measured = measured_alike("ap70")
    paper = method_rows(published(), "VOC2012", "YOLOv5").set_index(["full", "weak"], drop=False)
    bars = [your_hours(full, weak, VOC2012, "yours"), as_hours(paper.loc[list(_TRAINED)]), as_hours(measured)]
    view.chart("split_hours", split_hours(pd.concat(bars, ignore_index=True)))
    say_measured(view, measured)


def _spend_it_all(view: ScreenView) -> None:
    hours = view.slider("purse", 20, 80, 40, 5)
    full, weak = view.slider("give_masks", 0, 600, 0, 10), view.slider("give_boxes", 0, 8000, 0, 50)
    view.say(hours=hours, least_masks=_LEAST_MASKS)
    view.split("spent", full, weak, VOC2012, hours)
    view.judge(_judge_spending(full, weak, float(hours), VOC2012))


def _judge_spending(full: int, weak: int, hours: float, prices: Prices) -> Verdict:
    """Judge whether a split uses up the hours, with enough mask images."""
    cost = cost_hours(float(full), float(weak), prices)
    if full < _LEAST_MASKS:
        return Verdict(False, "too_few_masks", {"full": full})
    if cost > hours:
        # More digits if the excess would be shown as 0.0 hours.
        digits = 1 if round(cost, 1) > hours else 3
        over = round(cost, digits) - hours
        return Verdict(False, "too_much", {"cost": f"{cost:,.{digits}f}", "over": f"{over:,.{digits}f}"})
    if hours - cost > _MOST_LEFT_HOURS:
        more = int(prices.boxes_for(hours - cost))
        return Verdict(False, "too_little", {"cost": cost, "left": hours - round(cost, 1), "more": more})
    seconds = {"mask_seconds": prices.mask_seconds, "box_seconds": prices.box_seconds}
    return Verdict(True, "spent", {"full": full, "weak": weak, "cost": cost, **seconds})


def _what_an_image_tells(view: ScreenView) -> None:
    has_masks = view.choose("seen_as", [_AS_FULL, _AS_WEAK]) == _AS_FULL
    pictures = scene_pictures(2)
    view.slot("scene")[0].image(pictures.as_full if has_masks else pictures.as_weak, width="stretch")
    view.say(outline="**yes**" if has_masks else "no")


def _mixed_training(view: ScreenView) -> None:
    with view.slot("fused_batch")[0]:
        show_mixed_batch()


def _paper_gains() -> pd.DataFrame:
    return _weak_gains(method_rows(published(), "VOC2012", "YOLOv5"), "ap70")


def _only_boxes_added(view: ScreenView) -> None:
    pairs = _paper_gains()
    full = view.select("with_masks", sorted(pairs["full"].unique().tolist()), _FEW_MASKS)
    pairs = pairs[pairs["full"] == full]
    # The largest number of boxes depends on |F|: all images without masks.
    amount = view.select("boxes_added", ["1,000", "3,000", "5,000", "all"], "5,000")
    weak = pairs["weak"].max() if amount == "all" else int(amount.replace(",", ""))
    pair = pairs[pairs["weak"] == weak]
    view.say(full=full, weak=weak, gain=_gain(pair.iloc[0]), hours=f"{pair['hours'].item():.0f}")
    view.chart("published_pair", pair_slopes(pair, METRICS["ap70"]))


def _measured_here_too(view: ScreenView) -> None:
    best = _few_to_many_masks(_weak_gains(measured_splits("ap70"), "ap70"))
    paper = _paper_gains()
    full = view.select("beside", sorted(paper["full"].unique().tolist()), _FEW_MASKS)
    say_measured(view, best)
    if not best.empty:
        listed = [
            f"{as_plain(row['dataset'])}: {row['full']:,} masks, {row['weak']:,} boxes added, "
            f"**{_gain(row)} AP** for {row['hours']:.1f} hours"
            for _, row in best.iterrows()
        ]
        view.say(pairs="; ".join(listed))
    pairs = pd.concat([paper[(paper["full"] == full) & (paper["weak"] == 5000)], best])
    view.chart("both_pairs", pair_slopes(pairs, METRICS["ap70"]))


def _gain(pair: pd.Series) -> str:
    return f"{rounded(pair['together']) - rounded(pair['alone']):+.1f}"


def _weak_gains(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return one row for each split with boxes whose masks were also trained on alone, in the same way.

    Args:
        table: A results table; several training runs of a split are averaged.
        metric: One of `METRICS`; rows without it are left out.

    Returns:
        Columns source, dataset, method, way, full, weak, alone and together (AP without and with the boxes), and hours
        (cost of the boxes); sorted by |F|, then |W|, within each model.

    Raises:
        BudgetError: The metric is unknown.
    """
    check_metric(metric)
    scored = table[(table["group"] == "split") & table[metric].notna()]
    scored = scored.assign(way=ways_of_training(scored))
    means = scored.groupby([*_MODEL, "weak"], sort=False)[metric].mean().reset_index()
    alone = means[means["weak"] == 0].drop(columns="weak").rename(columns={metric: "alone"})
    pairs = means[means["weak"] > 0].rename(columns={metric: "together"}).merge(alone, on=_MODEL)
    priced = zip(pairs["weak"], pairs["dataset"], strict=True)
    hours = [box_hours(float(weak), prices_for(dataset)) for weak, dataset in priced]
    return pairs.assign(hours=hours).sort_values([*_MODEL, "weak"], ignore_index=True)


def _few_to_many_masks(gains: pd.DataFrame) -> pd.DataFrame:
    """Return at most three rows of gains, with few, some and many masks, each with the most boxes for them."""
    if gains.empty:
        return gains
    best = gains.loc[gains.groupby(["dataset", "method", "way", "full"])["weak"].idxmax()]
    return best.iloc[sorted({0, len(best) // 2, len(best) - 1})]


def _boxes_instead_of_masks(view: ScreenView) -> None:
    weak = view.slider("instead", 0, 10_000, 500, 100)
    hours = cost_hours(float(_MANY_MASKS), 0.0, VOC2012)
    view.say(all_masks=_MANY_MASKS, hours=hours)
    view.split("replacement", _FEW_MASKS, weak, VOC2012, hours)
    fitted = published_surface("VOC2012", "YOLOv5", "ap70")
    view.judge(_judge_replacement((_FEW_MASKS, weak), (_MANY_MASKS, 0), fitted, VOC2012))


def _judge_replacement(split: tuple[int, int], goal: tuple[int, int], fitted: FittedSurface, prices: Prices) -> Verdict:
    """Judge whether a split (|F|, |W|) is expected to score about as much as the goal."""
    ap, wanted = (float(fitted.surface.ap(*sizes)) for sizes in (split, goal))
    spent, saved_from = (round(cost_hours(float(full), float(weak), prices), 1) for full, weak in (split, goal))
    names = {"split": f"{split[0]:,}/{split[1]:,}", "goal": f"{goal[0]:,}/{goal[1]:,}"}
    values = {**names, "ap": shown(ap), "wanted": shown(wanted), "saved": saved_from - spent}
    if abs(ap - wanted) <= _EQUAL_AP:
        return Verdict(True, "equal", values)
    return Verdict(False, "too_few" if ap < wanted else "too_many", values)


WHAT_A_LABEL_COSTS = read_lesson(
    "what_a_label_costs", _two_labels, _dear_and_cheap, _a_split_has_a_price, _spend_it_all
)
WHAT_WEAK_LABELS_BUY = read_lesson(
    "what_weak_labels_buy", _what_an_image_tells, _mixed_training, _only_boxes_added, _measured_here_too,
    _boxes_instead_of_masks,
)  # fmt: skip
