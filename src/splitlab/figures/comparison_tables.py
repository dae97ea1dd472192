"""A comparison as tables: for pages, reports and CSV files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from splitlab.budget.results import METRICS
from splitlab.data.dataset import Dataset
from splitlab.evaluation.difference_in_words import difference_in_words
from splitlab.evaluation.error_kinds import ERRORS
from splitlab.evaluation.object_matches import NO_MATCH
from splitlab.evaluation.scores_of_objects import Estimate
from splitlab.experiments.comparison import ComparedModel, Comparison
from splitlab.experiments.measured_results import settings_of
from splitlab.figures.mistakes_by_split import SplitMistakes

MEANS = {
    "class_confusion": "objects given the wrong class",
    "mask_iou": "mask IoU of found objects",
    "boundary_iou": "boundary IoU of found objects",
}
NOTHING = "nothing"


def all_tables(comparison: Comparison) -> dict[str, pd.DataFrame]:
    """Return every table by the name of its file: models, classes, errors, confusion, objects, images."""
    return {
        "models": model_table(comparison),
        "classes": pd.concat(
            [class_table(comparison, metric).assign(metric=metric) for metric in METRICS], ignore_index=True
        ),
        "errors": error_kind_table(comparison),
        "confusion": _of_all(comparison, confusion_table),
        "objects": _of_all(comparison, object_table),
        "images": image_table(comparison),
    }


def model_table(comparison: Comparison) -> pd.DataFrame:
    """Return a row for each model: what it is, AP of masks and boxes, and its means with 95 % intervals."""
    return pd.DataFrame([_model_row(model) for model in comparison.models])


def class_table(comparison: Comparison, metric: str) -> pd.DataFrame:
    """Return a row for each class and one for the mean: mask AP and box AP of each model, 0..100."""
    names = list(comparison.dataset.class_names)
    columns: dict[str, Any] = {"class": [*names, "mean"]}
    for model in comparison.models:
        for kind in ("mask", "box"):
            scores = model.measured.scores[kind]
            of_classes = [scores["per_class"][name][metric] for name in names]
            columns[f"{model.name} {kind}"] = pd.Series([*of_classes, scores[metric]], dtype="float64")
    return pd.DataFrame(columns)


def error_kind_table(comparison: Comparison) -> pd.DataFrame:
    """Return a row for each model and kind of error: how often, and the AP at IoU 0.5 it costs."""
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


def confusion_table(model: ComparedModel, dataset: Dataset) -> pd.DataFrame:
    """Return a row for each pair of true and named class that occurs."""
    names = [*dataset.class_names, NOTHING]
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


def object_table(model: ComparedModel, dataset: Dataset) -> pd.DataFrame:
    """Return a row for each labelled object, its class by name."""
    objects = model.mistakes.objects
    names = dict(enumerate(dataset.class_names)) | {NO_MATCH: ""}
    named: pd.DataFrame = objects.assign(
        truth_class=objects["truth_class"].map(names), predicted_class=objects["predicted_class"].map(names)
    )
    return named


def image_table(comparison: Comparison) -> pd.DataFrame:
    """Return the images, those where the models differ most first, and in words what differs."""
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
