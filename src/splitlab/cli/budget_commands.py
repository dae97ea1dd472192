"""Commands that work on numbers: cost, plan, equiscore."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from splitlab.budget.annotation_cost import Prices, cost_hours, mask_share, preset
from splitlab.budget.cheapest_point import cheapest_point, tangent_full
from splitlab.budget.equiscore import PAPER_CURVES, EquiscoreLaw
from splitlab.budget.fitted_surface import FittedSurface
from splitlab.budget.image_pool import ImagePool
from splitlab.budget.pilot import SCORE, read_pilot
from splitlab.budget.plan_answer import PlanAnswer, answer_for_hours, answer_for_score
from splitlab.budget.plan_in_words import labels_to_make
from splitlab.budget.planner import SplitForecast
from splitlab.budget.published import FLATTERED, FLATTERED_METHOD, MAIN_METRIC, TRAINING_IMAGES
from splitlab.budget.published_surface import published_surface
from splitlab.budget.results import PUBLISHED
from splitlab.budget.surface_fit import fit_surface
from splitlab.budget.trained_splits import Fall, TrainedSplit, results_of
from splitlab.cli.output import JsonOption, app, out, print_json
from splitlab.errors import BudgetError
from splitlab.shown_numbers import shown

DatasetOption = Annotated[str, typer.Option(help="Whose prices and results: voc2012 or cityscapes.")]
BoxOption = Annotated[float | None, typer.Option(help="Your own seconds for the boxes of one image.")]
MaskOption = Annotated[float | None, typer.Option(help="Your own seconds for the masks of one image.")]
ObjectsOption = Annotated[
    float | None, typer.Option("--instances-per-image", help="Say so where your seconds are for one object.")
]
ImagesOption = Annotated[int | None, typer.Option(help="Training images there are; the data set's where left out.")]


@app.command(epilog="Example: `splitlab cost --dataset voc2012 --full 400 --weak 5000 --json`")
def cost(
    full: Annotated[int, typer.Option(help="|F|: images with masks.")],
    weak: Annotated[int, typer.Option(help="|W|: images with boxes only.")] = 0,
    dataset: DatasetOption = "voc2012",
    box_seconds: BoxOption = None,
    mask_seconds: MaskOption = None,
    instances: ObjectsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what the labels of a split cost, in hours, and which share of it masks take."""
    prices = _prices(dataset, box_seconds, mask_seconds, instances)
    hours, share = cost_hours(float(full), float(weak), prices), mask_share(full, weak, prices)
    if as_json:
        print_json(
            {"hours": round(hours, 1), "mask_share": round(share, 4), "full": full, "weak": weak, **asdict(prices)}
        )
    else:
        out.print(f"{full}/{weak}: {hours:,.1f} hours, {share:.0%} of them on masks ({prices.name}).", highlight=False)


@app.command(
    epilog="Examples: `splitlab plan --dataset voc2012 --hours 80 --json` · `splitlab plan --score 50` · "
    "`splitlab plan --hours 20 --images 2000 --pilot results.csv --metric ap50`"
)
def plan(
    hours: Annotated[float | None, typer.Option(help="Hours there are for labelling.")] = None,
    score: Annotated[float | None, typer.Option(help="Or the AP to reach, 0 to 100.")] = None,
    dataset: DatasetOption = "voc2012",
    method: Annotated[str, typer.Option(help="Whose results: YOLOv5 or DETR.")] = "YOLOv5",
    metric: Annotated[str | None, typer.Option(help="ap50, ap70, ap75 or ap50_95.")] = None,
    images: ImagesOption = None,
    have_full: Annotated[int, typer.Option(help="Images that have masks already.")] = 0,
    have_weak: Annotated[int, typer.Option(help="Images that have boxes already.")] = 0,
    pilot: Annotated[Path | None, typer.Option(help="A CSV of your own runs; see below.")] = None,
    box_seconds: BoxOption = None,
    mask_seconds: MaskOption = None,
    instances: ObjectsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the split for a budget, or the cheapest one for a score, with the score to expect (90% interval).

    --pilot takes a CSV with the columns full, weak and score, or with --metric what `splitlab results --csv` writes of
    runs that differ by their split alone; say with --images how many photos you have.
    """
    prices = _prices(dataset, box_seconds, mask_seconds, instances)
    name = preset(dataset).name
    fitted = (
        _pilot_surface(pilot, metric or SCORE)
        if pilot
        else published_surface(name, method, metric or MAIN_METRIC[name])
    )
    if pilot and images is None:
        raise BudgetError(f"{pilot} does not tell how many images there are: add --images, such as --images 2000.")
    pool = ImagePool(TRAINING_IMAGES[name] if images is None else images, have_full, have_weak)
    if (hours is None) == (score is None):
        raise BudgetError("Give either --hours, such as --hours 80, or --score, such as --score 50.")
    of, results = ("own", _pilot_runs(pilot, metric or SCORE)) if pilot else (PUBLISHED, results_of(fitted))
    answer = (
        answer_for_hours(fitted, results, of, prices, hours, pool)
        if hours is not None
        else answer_for_score(fitted, results, of, prices, float(score or 0), pool)
    )
    if method == FLATTERED_METHOD and not pilot:
        answer = replace(answer, caveats=(FLATTERED, *answer.caveats))
    if as_json:
        print_json(_plan_in_json(answer, of))
        return
    best = answer.plan.best
    told = [
        f"{labels_to_make(best, pool)} ({best.hours:,.1f} hours to pay): expect AP {shown(best.ap)} "
        f"({shown(best.low)} to {shown(best.high)}).",
        answer.ways_told,
        answer.limit_told,
        answer.trained_told,
        *(f"Mind: {caveat}" for caveat in answer.caveats),
    ]
    for line in filter(None, told):
        out.print(line, highlight=False)


@app.command(epilog="Example: `splitlab equiscore --dataset voc2012 --k 1 --phi0 1464 --json`")
def equiscore(
    k: Annotated[float | None, typer.Option(help="The law's constant; the paper's where left out.")] = None,
    phi0: Annotated[float | None, typer.Option(help="The largest |F| used; the paper's where left out.")] = None,
    dataset: DatasetOption = "voc2012",
    images: ImagesOption = None,
    box_seconds: BoxOption = None,
    mask_seconds: MaskOption = None,
    instances: ObjectsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the cheapest split of the equiscore curve |W| = k phi0^2 / |F|."""
    prices = _prices(dataset, box_seconds, mask_seconds, instances)
    paper = next(curve.law for curve in PAPER_CURVES if curve.dataset == preset(dataset).name)
    law = EquiscoreLaw(paper.k if k is None else k, paper.phi0 if phi0 is None else phi0)
    there_are = TRAINING_IMAGES[preset(dataset).name] if images is None else images
    cheapest = cheapest_point(law, prices, there_are)
    if as_json:
        low, high = law.valid_full
        print_json({**asdict(cheapest), "tangent_full": tangent_full(law, prices), "valid_full": [low, high]})
    else:
        out.print(
            f"{cheapest.full}/{cheapest.weak}: {cheapest.hours:,.1f} hours, {cheapest.mask_share:.0%} on masks; "
            f"decided by the {cheapest.decided_by}.",
            highlight=False,
        )


def _prices(dataset: str, box_seconds: float | None, mask_seconds: float | None, instances: float | None) -> Prices:
    known = preset(dataset)
    if instances is not None:
        if box_seconds is None or mask_seconds is None:
            raise BudgetError("With --instances-per-image give --box-seconds and --mask-seconds for one object.")
        return Prices.per_instance(box_seconds, mask_seconds, instances)
    if box_seconds is None and mask_seconds is None:
        return known
    return Prices(
        known.box_seconds if box_seconds is None else box_seconds,
        known.mask_seconds if mask_seconds is None else mask_seconds,
        "own prices" if None not in (box_seconds, mask_seconds) else f"one price own, one {known.name}'s",
    )


def _pilot_runs(path: Path, score: str) -> pd.DataFrame:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BudgetError(f"{path} cannot be read as text ({error}). Give a CSV with full, weak, score.") from error
    return read_pilot(text, str(path), score)


def _pilot_surface(path: Path, score: str) -> FittedSurface:
    runs = _pilot_runs(path, score)
    return fit_surface(runs["full"], runs["weak"], runs["ap"])


def _plan_in_json(answer: PlanAnswer, of: str) -> dict[str, Any]:
    return {
        **_rounded(answer.plan.best),
        "plan": {name: _rounded(split) for name, split in vars(answer.plan).items() if name != "best"},
        "limited_by": answer.limited_by,
        "hours_left": round(answer.limit.hours_left, 2),
        "images_left": answer.limit.images_left,
        "spends_from": answer.limit.spends_from,
        "best_trained": {"source": of, **_rounded(answer.trained)} if answer.trained else None,
        "falls_with_boxes": list(map(_rounded, answer.falls)),
        "notes": list(filter(None, (answer.ways_told, answer.limit_told, answer.trained_told))),
        "caveats": list(answer.caveats),
    }


def _rounded(told: SplitForecast | TrainedSplit | Fall) -> dict[str, Any]:
    return {name: round(value, 2) if isinstance(value, float) else value for name, value in asdict(told).items()}
