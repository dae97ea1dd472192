"""The `compare` command: a table, CSV files and a report about several models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from splitlab.checkpoints.scores import VAL
from splitlab.cli.options import ClassMapOption, class_maps_of, opened, say
from splitlab.cli.output import JsonOption, app, err, out, print_json, progress_bar, shown
from splitlab.data.dataset import Dataset
from splitlab.errors import RunError
from splitlab.evaluation.class_map import ClassMap
from splitlab.evaluation.comparison import (
    MIN_SCORE,
    ComparedModel,
    CompareSettings,
    Comparison,
    Seen,
    classes_in_words,
    short_names,
)
from splitlab.evaluation.known_classes import shared_classes
from splitlab.evaluation.scores import Estimate
from splitlab.io import check_place, write_bytes
from splitlab.runs.store import weights_folder
from splitlab.workspace import Workspace

# torch and plotly take seconds to import, so the command imports what needs them.


@app.command(
    epilog="Example: `splitlab compare checkpoints/pets-60-30 checkpoints/pets-240-120 --data path/to/pets "
    "--report out.html`"
)
def compare(
    models: Annotated[list[Path], typer.Argument(metavar="MODEL...", help="Checkpoints or run folders.")],
    data: Annotated[str, typer.Option(help="The dataset on whose val images they are compared.")],
    min_score: Annotated[
        float, typer.Option(help="Count errors among detections with at least this score, 0 to 1.")
    ] = MIN_SCORE,
    class_map: ClassMapOption = None,
    report: Annotated[Path | None, typer.Option(help="Write one HTML file with pictures and tables.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the tables as CSV files into this folder.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare models on one dataset: their errors, what these cost, and where they differ most.

    Masks are cut to their boxes if the model's card says so. Classes are matched by name or by --class-map; only those
    that all models know are compared.
    """
    from splitlab.evaluation.comparison import compare as compare_models

    settings = CompareSettings(min_score)
    workspace = Workspace.here()
    dataset = opened(data, workspace, ("val",)).val
    folders = [weights_folder(path) for path in models]
    class_maps = class_maps_of(folders, dataset, class_map)
    # Prediction takes minutes, so inputs that cannot be compared are refused first.
    shared_classes({str(path): classes.known for path, classes in zip(models, class_maps, strict=True)}, dataset)
    if csv:
        _make_folder(csv)
        check_place(csv / "models.csv")
    if report:
        _make_folder(report.absolute().parent)
        check_place(report)
    seen = _see(folders, class_maps, dataset, workspace)
    names = short_names([one.card for one in seen])
    comparison = compare_models(dict(zip(names, seen, strict=True)), dataset, settings)
    say(classes_in_words(comparison))
    if csv:
        _write_tables(comparison, csv)
    if report:
        _write_report(comparison, report)
    if as_json:
        print_json(_as_json(comparison))
    else:
        _print_models(comparison)


def _see(folders: Sequence[Path], class_maps: Sequence[ClassMap], dataset: Dataset, workspace: Workspace) -> list[Seen]:
    from splitlab.evaluation.compare_models import see

    with progress_bar() as progress:
        return [
            see(folder, dataset, workspace.detections, progress, classes)
            for folder, classes in zip(folders, class_maps, strict=True)
        ]


def _write_report(comparison: Comparison, path: Path) -> None:
    from splitlab.figures.compare_report import report_html

    write_bytes(path, report_html(comparison).encode())
    err.print(f"Report: {path}")


def _write_tables(comparison: Comparison, folder: Path) -> None:
    from splitlab.figures.comparison_tables import all_tables

    for name, table in all_tables(comparison).items():
        write_bytes(folder / f"{name}.csv", table.to_csv(index=False).encode())
    err.print(f"Tables: {folder}")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: cannot be created ({error.strerror}). Choose a folder you may write to.") from error


def _as_json(comparison: Comparison) -> dict[str, Any]:
    from splitlab.evaluation.comparison import difference_in_words

    return {
        "dataset": comparison.dataset.name,
        "data_hash": comparison.dataset.source_hash,
        "part": VAL,
        "classes": list(comparison.dataset.class_names),
        "not_compared": [name for name in comparison.whole.class_names if name not in comparison.dataset.class_names],
        "images": len(comparison.dataset.images),
        "min_score": comparison.settings.min_score,
        "models": [_model_as_json(model) for model in comparison.models],
        "ranking": [
            {
                "image_id": image.image_id,
                "disagreement": round(image.disagreement, 4),
                "difference": difference_in_words(image, comparison.dataset.class_names),
            }
            for image in comparison.ranking
        ],
    }


def _model_as_json(model: ComparedModel) -> dict[str, Any]:
    mistakes, classes = model.mistakes, model.seen.classes
    return {
        "name": model.name,
        "checkpoint": model.seen.card.name,
        "full": model.seen.card.full,
        "weak": model.seen.card.weak,
        "masks_cut_to_box": model.seen.card.cuts_masks,
        "weights_hash": model.seen.weights_hash,
        "class_map": None if classes is None or classes.is_own else classes.to_json(),
        "scores": model.measured.scores,
        "errors": {kind.key: count for kind, count in mistakes.counts.items()},
        "ap_lost": {kind.key: round(lost, 3) for kind, lost in model.measured.ap_cost.lost.items()},
        "class_confusion": vars(mistakes.class_confusion),
        "mask_iou": vars(mistakes.mask_iou),
        "boundary_iou": vars(mistakes.boundary_iou),
    }


def _print_models(comparison: Comparison) -> None:
    on = f"on {VAL} of {comparison.dataset.name}, {len(comparison.dataset.images):,} images"
    table = Table("model", "AP50", "AP70", "box AP50", "misclassified", "mask IoU", "found", "missed", caption=on)
    for model in comparison.models:
        mask, box = model.measured.scores["mask"], model.measured.scores["box"]
        counts = {kind.value: count for kind, count in model.mistakes.counts.items()}
        table.add_row(
            model.name,
            shown(mask["ap50"]),
            shown(mask["ap70"]),
            shown(box["ap50"]),
            _estimate(model.mistakes.class_confusion, ".1%"),
            _estimate(model.mistakes.mask_iou, ".3f"),
            str(counts["found"]),
            str(counts["missed"]),
        )
    out.print(table)


def _estimate(estimate: Estimate, number: str) -> str:
    if estimate.value is None:
        return "–"
    return f"{estimate.value:{number}} ({estimate.low:{number}} to {estimate.high:{number}})"
