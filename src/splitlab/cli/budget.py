"""Commands for budgets: plan and equiscore."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from splitlab.budget.cost import ImagePool, Prices, preset
from splitlab.budget.law import PAPER_CURVES, EquiscoreLaw, PaperCurve
from splitlab.budget.mix_or_masks import (
    EqualScore,
    MixOrMasks,
    by_law_in_words,
    by_surface_in_words,
    equal_score,
    mix_or_masks,
)
from splitlab.budget.next_step import RunAdvice, advice_in_words, next_run
from splitlab.budget.plan_answer import PlanAnswer, answer_for_hours, answer_for_score
from splitlab.budget.plan_in_words import caveats, interval_in_words, labels_to_make
from splitlab.budget.planner import SplitForecast, forecast_split, tangent_full
from splitlab.budget.published import FLATTERED, FLATTERED_METHOD, MAIN_METRIC, TRAINING_IMAGES, published_surface
from splitlab.budget.results import PUBLISHED, SHORT_METRICS
from splitlab.budget.trained_splits import Fall, TrainedSplit, results_of
from splitlab.cli.cost import (
    BoxMoneyOption,
    BoxOption,
    DatasetOption,
    MaskMoneyOption,
    MaskOption,
    ObjectsOption,
    PriceOptions,
    PricesOption,
    RateOption,
    money_in_json,
    money_in_words,
)
from splitlab.cli.output import JsonOption, app, out, print_json
from splitlab.errors import BudgetError
from splitlab.shown_numbers import shown

if TYPE_CHECKING:
    from splitlab.budget.fit import FittedSurface
    from splitlab.budget.trained_splits import Results

_ImagesOption = Annotated[int | None, typer.Option(help="Number of training images; by default the dataset's.")]


@app.command(
    epilog="Examples: `splitlab plan --dataset voc2012 --hours 80 --json` · `splitlab plan --score 50` · "
    "`splitlab plan --hours 20 --images 2000 --pilot results.csv --metric ap50` · "
    "`splitlab plan --pilot runs.csv --at 400/5000 --json`"
)
def plan(
    hours: Annotated[float | None, typer.Option(help="The labelling budget in hours.")] = None,
    money: Annotated[float | None, typer.Option(help="Or the budget in money; see --money-per-hour.")] = None,
    score: Annotated[float | None, typer.Option(help="Or the AP to reach, 0 to 100.")] = None,
    at: Annotated[str | None, typer.Option(metavar="F/W", help="Forecast this split, such as 400/5000.")] = None,
    dataset: DatasetOption = "voc2012",
    method: Annotated[str, typer.Option(help="Use the results of YOLOv5 or DETR.")] = "YOLOv5",
    metric: Annotated[str | None, typer.Option(help="ap50, ap70, ap75 or ap50_95.")] = None,
    images: _ImagesOption = None,
    have_full: Annotated[int, typer.Option(help="Images that already have masks.")] = 0,
    have_weak: Annotated[int, typer.Option(help="Images that already have boxes.")] = 0,
    pilot: Annotated[Path | None, typer.Option(help="A CSV of your own runs; see below.")] = None,
    prices: PricesOption = None,
    box_seconds: BoxOption = None,
    mask_seconds: MaskOption = None,
    box_money: BoxMoneyOption = None,
    mask_money: MaskMoneyOption = None,
    instances: ObjectsOption = None,
    money_per_hour: RateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the best split for a budget, or the cheapest for a score, with the expected score (90% interval).

    --at forecasts a split of your own, with or without a plan. --pilot takes a CSV with the columns full, weak, score
    and seed, one line a run, or with --metric the output of `splitlab results --csv` for runs that differ only by split
    and seed. A plan from a pilot also needs --images, the number of photos you have; its interval is for a new run with
    a new seed. Runs without a seed count as runs of the same seed.
    """
    given = PriceOptions(dataset, prices, box_seconds, mask_seconds, box_money, mask_money, instances, money_per_hour)
    own, rate = given.prices(), given.rate()
    name = preset(dataset).name
    if pilot:
        fitted, results = _fitted_pilot(pilot, metric)
    else:
        fitted = published_surface(name, method, metric or MAIN_METRIC[name])
        results = results_of(fitted)
    plans = [budget for budget in (hours, money, score) if budget is not None]
    if len(plans) > 1 or (not plans and at is None):
        raise BudgetError("Give one of --hours, such as --hours 80, --score, such as --score 50, and --at 400/5000.")
    if money is not None:
        hours = _hours_of(money, rate)
    if pilot and images is None and plans:
        raise BudgetError(f"{pilot} does not contain the number of images: add --images, such as --images 2000.")
    split = None if at is None else _split(at)
    if images is None:
        # A pilot's number of images is unknown; those of the split and the labelled ones are enough for a forecast.
        images = max(sum(split), have_full + have_weak) if pilot and split else TRAINING_IMAGES[name]
    pool = ImagePool(images, have_full, have_weak)
    chosen = None if split is None else forecast_split(fitted, own, *split, pool)
    source = "own" if pilot else PUBLISHED
    answer = None
    if hours is not None:
        answer = answer_for_hours(fitted, results, source, own, hours, pool)
    elif score is not None:
        answer = answer_for_score(fitted, results, source, own, score, pool)
    advice = next_run(fitted, own, answer.hours, pool) if pilot and answer else None
    warnings = [FLATTERED] if method == FLATTERED_METHOD and not pilot else []
    warnings += answer.caveats if answer else ()
    warnings += caveats(fitted, chosen) if chosen else ()
    warnings = list(dict.fromkeys(warnings))
    score_splits = equal_score(fitted, answer.plan.best.ap, pool) if answer else None
    by_law = None if pilot else _law_of(name, method, own, images)
    if as_json:
        content = {"at": _rounded(chosen)} if chosen else {}
        content |= _plan_in_json(answer, source) | money_in_json(answer.plan.best.hours, rate) if answer else {}
        content |= _mixing_in_json(own, score_splits, by_law) if score_splits else {}
        content |= {"next_run": {"stop": advice.stops, **_rounded(advice)}} if advice else {}
        print_json({**content, "interval": f"90%, for {interval_in_words(fitted)}", "caveats": warnings})
        return
    lines = [
        *(_plan_in_words(answer, pool, rate) if answer else ()),
        *(_mixing_in_words(own, score_splits, by_law) if score_splits else ()),
        _forecast_in_words(chosen) if chosen else "",
        f"The 90% interval is for {interval_in_words(fitted)}.",
        *(f"Mind: {warning}" for warning in warnings),
        f"The pilot: {advice_in_words(advice).replace('**', '')}" if advice else "",
    ]
    for line in filter(None, lines):
        out.print(line)


def _plan_in_words(answer: PlanAnswer, pool: ImagePool, rate: float | None) -> list[str]:
    best = answer.plan.best
    return [
        f"{labels_to_make(best, pool)} ({best.hours:,.1f} hours to pay): expect AP {shown(best.ap)} "
        f"({shown(best.low)} to {shown(best.high)}).",
        f"The labels take {best.hours:,.1f} hours{money_in_words(best.hours, rate)}." if rate else "",
        answer.ways_told,
        answer.limit_told,
        answer.trained_told,
    ]


def _hours_of(money: float, rate: float | None) -> float:
    if rate is None:
        raise BudgetError("--money needs the money for an hour of labelling, such as --money-per-hour 15.")
    return money / rate


def _law_of(dataset: str, method: str, prices: Prices, images: int) -> tuple[PaperCurve, MixOrMasks] | None:
    """Compare the splits of the paper's curve with masks alone; None if there is no curve, or too few images for it."""
    for curve in PAPER_CURVES:
        if (curve.dataset, curve.method) == (dataset, method):
            with suppress(BudgetError):
                return curve, mix_or_masks(curve.law, prices, images)
    return None


def _mixing_in_words(prices: Prices, score: EqualScore, by_law: tuple[PaperCurve, MixOrMasks] | None) -> list[str]:
    lines = [by_surface_in_words(score, prices.mask_to_box)]
    if by_law is None:
        return lines
    curve, found = by_law
    about = f"{SHORT_METRICS[curve.metric]} about {curve.score:g}"
    return [f"By the equiscore law ({about}), {by_law_in_words(found)}", *lines]


def _mixing_in_json(prices: Prices, score: EqualScore, by_law: tuple[PaperCurve, MixOrMasks] | None) -> dict[str, Any]:
    surface = {
        "pays_above": round(score.pays_above, 3) if isfinite(score.pays_above) else None,
        "masks_alone": score.masks,
        "share_of_masks_alone": round(score.share(prices.mask_to_box), 4),
    }
    mixing = {"price_ratio": round(prices.mask_to_box, 3), "by_surface": surface}
    return {"mixing": {**mixing, "by_law": _law_in_json(by_law[1]) if by_law else None}}


def _law_in_json(found: MixOrMasks) -> dict[str, Any]:
    return {
        "pays_above": round(found.pays_above, 3),
        "pays": found.pays,
        "masks_alone": found.masks,
        "masks_alone_hours": round(found.masks_hours, 2),
    }


def _forecast_in_words(chosen: SplitForecast) -> str:
    return (
        f"{chosen.full:,}/{chosen.weak:,}: expect AP {shown(chosen.ap)} ({shown(chosen.low)} to {shown(chosen.high)}), "
        f"{chosen.hours:,.1f} hours to pay."
    )


@app.command(epilog="Example: `splitlab equiscore --dataset voc2012 --k 1 --phi0 1464 --json`")
def equiscore(
    k: Annotated[float | None, typer.Option(help="The constant of the law; by default the paper's.")] = None,
    phi0: Annotated[float | None, typer.Option(help="The largest |F| used; by default the paper's.")] = None,
    dataset: DatasetOption = "voc2012",
    images: _ImagesOption = None,
    prices: PricesOption = None,
    box_seconds: BoxOption = None,
    mask_seconds: MaskOption = None,
    box_money: BoxMoneyOption = None,
    mask_money: MaskMoneyOption = None,
    instances: ObjectsOption = None,
    money_per_hour: RateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the cheapest split of the equiscore curve |W| = k phi0^2 / |F|."""
    given = PriceOptions(dataset, prices, box_seconds, mask_seconds, box_money, mask_money, instances, money_per_hour)
    own, rate = given.prices(), given.rate()
    paper = next(curve.law for curve in PAPER_CURVES if curve.dataset == preset(dataset).name)
    law = EquiscoreLaw(paper.k if k is None else k, paper.phi0 if phi0 is None else phi0)
    found = mix_or_masks(law, own, TRAINING_IMAGES[preset(dataset).name] if images is None else images)
    cheapest = found.mixed
    if as_json:
        low, high = law.valid_full
        content = {**asdict(cheapest), "tangent_full": tangent_full(law, own), "valid_full": [low, high]}
        mixing = {"price_ratio": round(found.ratio, 3), **_law_in_json(found)}
        print_json({**content, "mixing": mixing, **money_in_json(cheapest.hours, rate)})
    else:
        out.print(
            f"{cheapest.full}/{cheapest.weak}: {cheapest.hours:,.1f} hours{money_in_words(cheapest.hours, rate)}, "
            f"{cheapest.mask_share:.0%} on masks; decided by the {cheapest.decided_by}."
        )
        out.print(f"By the law, {by_law_in_words(found)}")


def _split(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", text, re.ASCII)
    if not found or not int(found[1]):
        raise BudgetError(
            f"--at {text[:40]!r} is not a split with masks: write F/W in images, F at least 1, such as --at 400/5000."
        )
    return int(found[1]), int(found[2])


def _fitted_pilot(path: Path, metric: str | None) -> tuple[FittedSurface, Results]:
    # Imports pandas, which a plan without a pilot does not need.
    from splitlab.budget.pilot import SCORE, fit_pilot, read_pilot

    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BudgetError(f"{path} cannot be read as text ({error}). Give a CSV with full, weak, score.") from error
    runs = read_pilot(text, str(path), metric or SCORE)
    return fit_pilot(runs), runs


def _plan_in_json(answer: PlanAnswer, source: str) -> dict[str, Any]:
    return {
        **_rounded(answer.plan.best),
        "plan": {name: _rounded(split) for name, split in vars(answer.plan).items() if name != "best"},
        "limited_by": answer.limited_by,
        "hours_left": round(answer.limit.hours_left, 2),
        "images_left": answer.limit.images_left,
        "spends_from": answer.limit.spends_from,
        "best_trained": {"source": source, **_rounded(answer.trained)} if answer.trained else None,
        "falls_with_boxes": list(map(_rounded, answer.falls)),
        "notes": list(filter(None, (answer.ways_told, answer.limit_told, answer.trained_told))),
    }


def _rounded(row: SplitForecast | TrainedSplit | Fall | RunAdvice) -> dict[str, Any]:
    return {name: round(value, 2) if isinstance(value, float) else value for name, value in asdict(row).items()}
