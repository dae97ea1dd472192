"""The model families and how they differ, readable without torch.

A new family is one package in `models/` and one entry in `FAMILIES`.
"""

from __future__ import annotations

from dataclasses import dataclass

IGNORE, PROJECTION, TEACHER = "ignore", "projection", "teacher"
"""What box images teach about masks: nothing, or by one of two ways (`splitlab.models.weak_masks`)."""


@dataclass(frozen=True)
class Family:
    """What the models of a family have in common, for code that does not build one.

    Attributes:
        title: the family's name, as in the paper's tables.
        kind: the group it is shown with where families are compared.
        prefixes: the names of its models start with one of these.
        models: names of the models that can be built.
        module: the module with `build(name, class_count, image_size, tensors)`, which returns a `SegmentationModel`.
            `tensors` names the weights that will be loaded into it; empty for a random start.
        two_stages: it learns boxes first, then masks.
        cuts_masks: masks are cut to their boxes, unless a checkpoint says otherwise.
        can_refine_boxes: it can move each box halfway to the bounding rectangle of its mask.
        weak_masks: the ways in which its box images can teach masks.
        learns_difficult: images with boxes keep objects marked difficult, as in the authors' conversion to COCO.
        has_prototypes: its masks are sums of prototypes.
        has_attention: it can show the attention map of each object.
        has_downloads: weights trained on COCO can be downloaded by a model's name.
        shipped_backbones: models whose pretrained backbone comes with a package.
        paper_start: the published file that the paper's recipe starts from, and the model it belongs to; else empty.
    """

    title: str
    kind: str
    prefixes: tuple[str, ...]
    models: tuple[str, ...]
    module: str
    two_stages: bool = False
    cuts_masks: bool = True
    can_refine_boxes: bool = False
    weak_masks: tuple[str, ...] = ()
    learns_difficult: bool = False
    has_prototypes: bool = False
    has_attention: bool = False
    has_downloads: bool = False
    shipped_backbones: tuple[str, ...] = ()
    paper_start: tuple[str, str] = ("", "")


YOLO, _DETR = "YOLO", "DETR"
LITE0 = "yolov5n-lite0-seg"

FAMILIES = (
    Family(
        "YOLOv5",
        YOLO,
        ("yolov5",),
        (*(f"yolov5{letter}-seg" for letter in "nsmlx"), LITE0),
        "splitlab.models.yolov5.seg",
        can_refine_boxes=True,
        weak_masks=(PROJECTION, TEACHER),
        has_prototypes=True,
        shipped_backbones=(LITE0,),
    ),
    Family(
        "Ultralytics",
        YOLO,
        ("yolov8", "yolo11", "yolo26"),
        tuple(f"{name}{letter}-seg" for name in ("yolov8", "yolo11", "yolo26") for letter in "nsmlx"),
        "splitlab.models.ultralytics.seg",
        has_prototypes=True,
        has_downloads=True,
    ),
    Family(
        "DETR",
        _DETR,
        ("detr",),
        ("detr-r50", "detr-r50-dc5", "detr-r18-small", "detr-lite0-small", "detr-lite0-few"),
        "splitlab.models.detr.seg",
        two_stages=True,
        cuts_masks=False,
        learns_difficult=True,
        has_attention=True,
        shipped_backbones=("detr-lite0-small", "detr-lite0-few"),
        paper_start=("detr-r50-e632da11.pth", "detr-r50"),
    ),
)

MODELS = tuple(name for family in FAMILIES for name in family.models)
"""The names of all models that can be built."""

_UNKNOWN = Family("unknown", "other", (), (), "")


def family_of(model: str) -> Family:
    """Return the family of a model by its name; for unknown names, a family that can do nothing special."""
    return next((family for family in FAMILIES if model.startswith(family.prefixes)), _UNKNOWN)
