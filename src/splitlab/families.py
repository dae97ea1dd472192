"""The model families, and what differs from one to another, readable without torch.

A new family is one module in `models/` and one entry in `FAMILIES`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """What all models of a family have in common, for code that does not build one.

    Attributes:
        title: the family's name, as the paper's tables have it where they have it.
        kind: the group it is shown with where families are compared.
        prefixes: the names of its models start with one of them.
        models: names that can be built.
        module: has `build(name, class_count, image_size, tensors)`, which returns a `SegmentationModel`. `tensors` are
            the names of those that the model is filled with next; empty for a random start.
        two_stages: whether it learns boxes first and masks after them.
        cuts_masks: whether its masks are cut to their boxes where a checkpoint does not say.
        can_refine_boxes: whether it can move each box halfway to the rectangle around its mask.
        learns_difficult: whether box images keep objects marked difficult: DETR's do, as in the authors' conversion to
            COCO.
        has_prototypes: whether its masks are sums of prototypes.
        has_attention: whether it can show where it looked for each object.
        has_downloads: whether weights trained on COCO can be downloaded by a model's name.
        shipped_backbones: the models whose backbone's weights come with a package.
        paper_start: the published file that the paper's recipe starts from, and a name for it; empty for none.
    """

    title: str
    kind: str
    prefixes: tuple[str, ...]
    models: tuple[str, ...]
    module: str
    two_stages: bool = False
    cuts_masks: bool = True
    can_refine_boxes: bool = False
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
"""All models that can be built."""

_UNKNOWN = Family("unknown", "other", (), (), "")


def family_of(model: str) -> Family:
    """Return the family of a model by its name; for names of none, one that can do nothing special."""
    return next((family for family in FAMILIES if model.startswith(family.prefixes)), _UNKNOWN)
