"""Tables and sentences of a comparison: errors by split, scores, observations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from splitlab.atlas.tables import settings_of
from splitlab.budget.results import METRICS
from splitlab.data.dataset import Dataset
from splitlab.evaluation.comparison import ComparedModel, Comparison, difference_in_words
from splitlab.evaluation.matches import ERRORS, NO_MATCH
from splitlab.evaluation.scores import Estimate
from splitlab.figures.palette import compared_grey, full_ramp

_SIZE_AXES = (("full", "|F|, images with masks"), ("weak", "|W|, images with boxes"))
_MEASURES = (
    ("class_confusion", "misclassified<br>objects", ".0%"),
    ("mask_iou", "mask IoU of<br>found objects", ".2f"),
)


@dataclass(frozen=True)
class SplitMistakes:
    """One model with its split, `class_confusion_rate` and `mean_mask_iou`.

    `trained` describes its network and how it was trained, except for split and seed.
    """

    name: str
    trained: str
    full: int
    weak: int
    class_confusion: Estimate
    mask_iou: Estimate


def mistakes_by_split(models: Sequence[SplitMistakes]) -> go.Figure:
    """Draw the share of misclassified objects (top) and the mean mask IoU (bottom) against |F| (left) and |W| (right).

    Bars are 95 % intervals over images. Models without such objects are left out.
    """
    # In plotly.js 3, shared axes with a fixed range break the range of the others, so each axis has its own.
    figure = make_subplots(2, 2, shared_yaxes="rows", horizontal_spacing=0.04, vertical_spacing=0.1)
    for row, (measure, title, number) in enumerate(_MEASURES, start=1):
        for column, (size, size_title) in enumerate(_SIZE_AXES, start=1):
            figure.add_trace(_marks(models, measure, size, number), row, column)
            last = size_title if row == len(_MEASURES) else None
            figure.update_xaxes(
                title=last, range=_span([getattr(model, size) for model in models]), row=row, col=column
            )
        figure.update_yaxes(title=title, tickformat=number, row=row, col=1)
    figure.update_layout(
        height=560, margin={"l": 10, "r": 10, "t": 20, "b": 10}, showlegend=False, clickmode="event+select",
        uirevision="keep", hoverlabel={"align": "left"},
    )  # fmt: skip
    return figure


def _span(sizes: Sequence[int]) -> list[float]:
    """Leave space for marks at 0 and for names to the right of the last mark."""
    largest = max(sizes, default=0) or 1
    return [-0.06 * largest, 1.6 * largest]


def _marks(models: Sequence[SplitMistakes], measure: str, size: str, number: str) -> go.Scatter:
    shown = [(model, getattr(model, measure)) for model in models if getattr(model, measure).value is not None]
    ramp = full_ramp([model.full for model in models])
    return go.Scatter(
        x=[getattr(model, size) for model, _ in shown], y=[estimate.value for _, estimate in shown],
        error_y={
            "array": [estimate.high - estimate.value for _, estimate in shown],
            "arrayminus": [estimate.value - estimate.low for _, estimate in shown],
            "color": compared_grey(0),
            "thickness": 1.2,
        },
        mode="markers+text", text=[model.name for model, _ in shown], textposition="middle right",
        customdata=[[model.name, estimate.low, estimate.high, estimate.objects] for model, estimate in shown],
        marker={"size": 11, "color": [ramp[model.full] for model, _ in shown]}, unselected={"marker": {"opacity": 1}},
        cliponaxis=False,
        hovertemplate=f"<b>%{{customdata[0]}}</b>: %{{y:{number}}}<br>95 % interval %{{customdata[1]:{number}}} to "
        f"%{{customdata[2]:{number}}}, %{{customdata[3]:,}} objects<extra></extra>",
    )  # fmt: skip


MEANS = {
    "class_confusion": "misclassified objects",
    "mask_iou": "mask IoU of found objects",
    "boundary_iou": "boundary IoU of found objects",
}
_NOTHING = "nothing"


def all_tables(comparison: Comparison) -> dict[str, pd.DataFrame]:
    """Return the tables of a comparison by name: models, classes, errors, confusion, objects and images.

    Args:
        comparison: as `compare` returns it.
    """
    return {
        "models": model_table(comparison),
        "classes": pd.concat(
            [class_table(comparison, metric).assign(metric=metric) for metric in METRICS], ignore_index=True
        ),
        "errors": _error_kind_table(comparison),
        "confusion": _of_all(comparison, _confusion_table),
        "objects": _of_all(comparison, _object_table),
        "images": _image_table(comparison),
    }


def model_table(comparison: Comparison) -> pd.DataFrame:
    """Return a row per model: what it is, AP of masks and boxes, and its means with 95 % intervals."""
    return pd.DataFrame([_model_row(model) for model in comparison.models])


def class_table(comparison: Comparison, metric: str) -> pd.DataFrame:
    """Return a row per class and one for the mean: mask AP and box AP of each model, 0..100."""
    names = list(comparison.dataset.class_names)
    columns: dict[str, Any] = {"class": [*names, "mean"]}
    for model in comparison.models:
        for kind in ("mask", "box"):
            scores = model.measured.scores[kind]
            of_classes = [scores["per_class"][name][metric] for name in names]
            columns[f"{model.name} {kind}"] = pd.Series([*of_classes, scores[metric]], dtype="float64")
    return pd.DataFrame(columns)


def _error_kind_table(comparison: Comparison) -> pd.DataFrame:
    """Return a row per model and kind of error: its count, and the AP at IoU 0.5 it costs."""
    return pd.DataFrame(
        {
            "model": model.name,
            "kind": kind.value,
            "count": model.mistakes.counts[kind],
            "ap_lost": round(model.measured.ap_cost.lost[kind], 2),
        }
        for model in comparison.models
        for kind in ERRORS
    )


def _confusion_table(model: ComparedModel, dataset: Dataset) -> pd.DataFrame:
    """Return a row per pair of true and predicted class that occurs."""
    names = [*dataset.class_names, _NOTHING]
    confusion = model.mistakes.confusion
    return pd.DataFrame(
        [
            {
                "truth": names[row],
                "model_says": names[column],
                "count": int(confusion.counts[row, column]),
                "images": len(image_ids),
            }
            for (row, column), image_ids in sorted(confusion.images.items())
        ]
    )


def _object_table(model: ComparedModel, dataset: Dataset) -> pd.DataFrame:
    """Return a row per labelled object with class names."""
    objects = model.mistakes.objects
    names = dict(enumerate(dataset.class_names)) | {NO_MATCH: ""}
    named: pd.DataFrame = objects.assign(
        truth_class=objects["truth_class"].map(names), predicted_class=objects["predicted_class"].map(names)
    )
    return named


def _image_table(comparison: Comparison) -> pd.DataFrame:
    """Return the images, those where the models differ most first, with a description of the difference."""
    return pd.DataFrame(
        {
            "image_id": image.image_id,
            "disagreement": round(image.disagreement, 4),
            "difference": difference_in_words(image, comparison.dataset.class_names),
        }
        for image in comparison.ranking
    )


def split_mistakes(comparison: Comparison) -> list[SplitMistakes]:
    """Return each model with its split and the two means of Observations 5 and 6."""
    return [
        SplitMistakes(
            model.name,
            f"{model.seen.card.model}, {settings_of(model.seen.card)}",
            model.seen.card.full,
            model.seen.card.weak,
            model.mistakes.class_confusion,
            model.mistakes.mask_iou,
        )
        for model in comparison.models
    ]


def _model_row(model: ComparedModel) -> dict[str, Any]:
    card = model.seen.card
    row: dict[str, Any] = {
        "model": model.name,
        "checkpoint": card.name,
        "network": card.model,
        "full": card.full,
        "weak": card.weak,
        "seed": card.seed,
        "masks": "cut to box" if card.cuts_masks else "not cut",
    }
    for kind in ("mask", "box"):
        row |= {f"{kind}_{metric}": model.measured.scores[kind][metric] for metric in METRICS}
    estimates: Mapping[str, Estimate] = {name: getattr(model.mistakes, name) for name in MEANS}
    for name, estimate in estimates.items():
        row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return row | {"weights_sha256": model.seen.weights_hash}


def _of_all(comparison: Comparison, table: Callable[[ComparedModel, Dataset], pd.DataFrame]) -> pd.DataFrame:
    tables = [table(model, comparison.dataset).assign(model=model.name) for model in comparison.models]
    return pd.concat(tables, ignore_index=True)


@dataclass(frozen=True)
class _Observation:
    claim: str
    measure: str
    grows: str
    fixed: str
    sentence: str
    number: str
    should_rise: bool


_OBSERVATIONS = (
    _Observation(
        "Observation 5: with more box images, fewer objects should be misclassified.",
        "class_confusion", "weak", "full", "{name} misclassifies {value} of the objects it localises", ".1%", False,
    ),
    _Observation(
        "Observation 6: with more mask images, the masks of found objects should be better.",
        "mask_iou", "full", "weak", "the objects found by {name} have a mean mask IoU of {value}", ".3f", True,
    ),
)  # fmt: skip
_SIZES = {"full": "|F|", "weak": "|W|"}


def observations_in_words(models: Sequence[SplitMistakes]) -> list[tuple[str, str]]:
    """Return each observation and what the models show of it, with 95 % intervals over images."""
    return [(observation.claim, _tell(models, observation)) for observation in _OBSERVATIONS]


def _tell(models: Sequence[SplitMistakes], observation: _Observation) -> str:
    pair = _furthest_apart(models, observation)
    size = _SIZES[observation.fixed]
    if pair is None:
        return f"To check this, select two models that were trained alike, with equal {size}."
    said = " and ".join(_of_model(model, observation) for model in pair)
    less, more = (getattr(model, observation.measure) for model in pair)
    verdict = _verdict(less, more, observation)
    return f"Here, at {size} = {getattr(pair[0], observation.fixed):,}, {said}. {verdict}"


def _furthest_apart(
    models: Sequence[SplitMistakes], observation: _Observation
) -> tuple[SplitMistakes, SplitMistakes] | None:
    """Return the two models trained alike that differ most in one size at equal other size, the smaller first."""
    known = [model for model in models if getattr(model, observation.measure).value is not None]

    def gap(pair: tuple[SplitMistakes, SplitMistakes]) -> int:
        return int(getattr(pair[1], observation.grows) - getattr(pair[0], observation.grows))

    alike = [
        (less, more)
        for less in known
        for more in known
        if less.trained == more.trained
        and getattr(less, observation.fixed) == getattr(more, observation.fixed)
        and gap((less, more)) > 0
    ]
    return max(alike, key=gap, default=None)


def _of_model(model: SplitMistakes, observation: _Observation) -> str:
    estimate: Estimate = getattr(model, observation.measure)
    value, low, high = (
        format(number or 0.0, observation.number) for number in (estimate.value, estimate.low, estimate.high)
    )
    return observation.sentence.format(name=model.name, value=f"{value} (95 %: {low} to {high})")


def _verdict(first: Estimate, second: Estimate, observation: _Observation) -> str:
    if first.low == first.high or second.low == second.high:
        return "An interval of width 0 means too few images, or objects that are all alike: not enough evidence."
    if (first.low or 0) <= (second.high or 0) and (second.low or 0) <= (first.high or 0):
        return "The intervals overlap, so these images alone are not enough evidence."
    agrees = ((second.value or 0) > (first.value or 0)) == observation.should_rise
    return f"The intervals do not overlap, which {'supports' if agrees else 'contradicts'} the observation."
