"""The `predict` command: print what a model finds in photos, or write it as files that other tools read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from splitlab.checkpoints.checkpoint import Card
from splitlab.cli.datasets.exports import FormatOption, LabelsOption, say_next_step
from splitlab.cli.options import ClassMapOption, MasksOption, are_cut, class_maps_of, opened, refuse_others, say
from splitlab.cli.output import JsonOption, app, out, print_json, progress_bar
from splitlab.data.dataset import Dataset, TrainVal
from splitlab.data.exports.formats import ExportFormat, check_export, write_export
from splitlab.data.exports.objects import LabelShape
from splitlab.data.formats.photos import find_photos, read_photos
from splitlab.data.images import load_image
from splitlab.data.reading import printable
from splitlab.errors import RunError
from splitlab.evaluation.class_map import ClassMap, by_place, map_in_words
from splitlab.io import Progress
from splitlab.runs.store import weights_folder
from splitlab.workspace import Workspace

if TYPE_CHECKING:
    from splitlab.models.contract import DetectSettings, SegmentationModel

_Part = StrEnum("_Part", ["TRAIN", "VAL"])

# torch takes seconds to import, so the command imports what needs it.


@app.command(
    epilog="Examples: `splitlab predict checkpoints/pets-30-330 cat.jpg dog.jpg --json` · "
    "`splitlab predict checkpoints/pets-30-330 my-photos --out pre-drawn --format label-studio` · "
    "`splitlab predict runs/first --data embedded --part val --out found`"
)
def predict(
    context: typer.Context,
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="A checkpoint or run folder.")],
    images: Annotated[
        list[Path] | None, typer.Argument(metavar="[IMAGE...]", help="Photos or folders of them.")
    ] = None,
    min_score: Annotated[float, typer.Option(help="Leave out detections below this score, 0 to 1.")] = 0.25,
    masks: MasksOption = None,
    folder: Annotated[Path | None, typer.Option("--out", help="Write files into this new folder instead.")] = None,
    file_format: FormatOption = ExportFormat.COCO,
    labels: LabelsOption = None,
    data: Annotated[str | None, typer.Option(help="Find objects in the photos of this dataset.")] = None,
    part: Annotated[_Part | None, typer.Option(help="Only in this part of the dataset.")] = None,
    class_map: ClassMapOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find objects in photos; print them, or write files that other tools read.

    Prints class, score, box (xyxy, pixels) and RLE mask in image size. With **--out**, writes photos and objects, such
    as predictions in COCO with their scores, or pre-drawn labels that people correct in CVAT or Label Studio.
    """
    from splitlab.models.contract import DetectSettings
    from splitlab.models.registry import load_model

    _check_words(context, images, folder, data)
    if folder is not None:
        check_export(folder, file_format, labels)
    settings = DetectSettings(min_score=min_score, best_class_only=True)
    model, card = load_model(weights_folder(checkpoint))
    cut = are_cut(masks)
    if cut is not None:
        model.cuts_masks = cut
    if folder is None:
        found = _find_one_by_one(model, card, images or [], settings)
        if as_json:
            print_json(found)
        else:
            _print_detections(found)
        return
    photos, classes = _photos_of(checkpoint, card, images or [], data, part, class_map)
    with progress_bar() as progress:
        labelled = _find_all(model, card, photos, settings, classes, progress)
        # The model has masks for all objects; one that is empty should not make YOLO's writer ask.
        shape = LabelShape.OUTLINES if file_format == ExportFormat.YOLO and labels is None else labels
        write_export(labelled, folder, file_format, shape, progress, card.name)
    _say_done(labelled, folder, file_format, as_json)


def _check_words(context: typer.Context, images: Sequence[Path] | None, folder: Path | None, data: str | None) -> None:
    if not images and data is None:
        raise RunError("Name photos or folders of photos, or a dataset with --data.")
    if images and data is not None:
        raise RunError(f"Give either photos or --data {data}, not both.")
    if folder is None:
        used = {"checkpoint", "images", "min_score", "masks", "as_json"}
        refuse_others(context, used, "this needs --out, a new folder for the files. Add it.")
    elif data is None:
        used = {name for name in context.params if name not in ("part", "class_map")}
        refuse_others(context, used, "this needs --data. Leave it out for photos.")


def _photos_of(
    checkpoint: Path,
    card: Card,
    images: Sequence[Path],
    data: str | None,
    part: _Part | None,
    class_map: list[str] | None,
) -> tuple[TrainVal, ClassMap | None]:
    """Return the photos to find objects in, as a dataset of the model's or the dataset's classes."""
    names = tuple(map(printable, card.used_names))
    own = by_place(card.class_names, card.used_names) if card.unused_classes else None
    if data is None:
        photos = read_photos(images, names)
        say([str(problem) for problem in photos.problems])
        return TrainVal(photos, replace(photos, images=(), problems=())), own
    dataset = _only(opened(data, Workspace.here()), part)
    if not dataset.train.class_names:
        if class_map is not None:
            raise RunError(f"--class-map: '{dataset.train.name}' has no classes to map to. Leave it out.")
        return _with_classes(names, dataset), own
    (classes,) = class_maps_of([weights_folder(checkpoint)], dataset.train, class_map)
    if not classes.is_own:
        say(map_in_words(classes, card.name, dataset.train.name))
    return dataset, classes


def _only(data: TrainVal, part: _Part | None) -> TrainVal:
    train = replace(data.train, images=()) if part == _Part.VAL else data.train
    val = replace(data.val, images=()) if part == _Part.TRAIN else data.val
    return replace(data, train=train, val=val)


def _with_classes(names: tuple[str, ...], data: TrainVal) -> TrainVal:
    """Return photos that nobody labelled, as a dataset of a model's classes."""
    ids = tuple(range(1, len(names) + 1))
    train, val = (replace(part, class_names=names, category_ids=ids) for part in (data.train, data.val))
    return replace(data, train=train, val=val)


def _find_all(
    model: SegmentationModel,
    card: Card,
    photos: TrainVal,
    settings: DetectSettings,
    classes: ClassMap | None,
    progress: Progress,
) -> TrainVal:
    from splitlab.evaluation.found_labels import find_labels

    def find(dataset: Dataset) -> Dataset:
        found = find_labels(model, dataset, card.image_size, settings, classes, progress)
        say([str(problem) for problem in found.problems[len(dataset.problems) :]])
        return found

    return replace(photos, train=find(photos.train), val=find(photos.val))


def _find_one_by_one(
    model: SegmentationModel, card: Card, images: Sequence[Path], settings: DetectSettings
) -> list[dict[str, Any]]:
    from splitlab.evaluation.predict import predict as find

    paths = [path for _, path in find_photos(images)]
    found = []
    with progress_bar() as progress:
        for done, path in enumerate(paths, start=1):
            detections = find(model, [load_image(path)], card.image_size, settings)[0]
            found.append(
                {
                    "image": str(path),
                    "width": detections.width,
                    "height": detections.height,
                    "detections": detections.to_json(card.class_names),
                }
            )
            progress("predict", done, len(paths))
    return found


def _print_detections(found: list[dict[str, Any]]) -> None:
    for image in found:
        out.print(f"{image['image']}: {len(image['detections'])} found")
        for detection in image["detections"]:
            left, top, right, bottom = (round(side) for side in detection["box"])
            out.print(f"  {detection['class']} {detection['score']:.2f} at {left},{top} to {right},{bottom}")


def _say_done(labelled: TrainVal, folder: Path, file_format: ExportFormat, as_json: bool) -> None:
    images = (*labelled.train.images, *labelled.val.images)
    counts = {"photos": len(images), "objects": sum(len(image.objects) for image in images)}
    if as_json:
        print_json({"folder": str(folder), "format": file_format, **counts})
        return
    out.print(f"Written to {folder}: {counts['objects']:,} objects in {counts['photos']:,} photos.")
    say_next_step(labelled, folder, file_format)
