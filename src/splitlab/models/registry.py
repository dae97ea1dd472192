"""Models by name: what can be trained, and what a checkpoint's family means."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import torch

from splitlab.errors import SettingsError
from splitlab.models.contract import SegmentationModel
from splitlab.models.detr.sizes import SIZES
from splitlab.models.yolov5_backbones import Lite0
from splitlab.models.yolov5_seg import SCALES, YOLOv5Seg

LITE0 = "yolov5n-lite0-seg"

Builder = Callable[[int, int], SegmentationModel]


def _official(letter: str) -> Builder:
    return lambda class_count, image_size: YOLOv5Seg(SCALES[letter], class_count, image_size)


def _lite0(class_count: int, image_size: int) -> SegmentationModel:
    return YOLOv5Seg(SCALES["n"], class_count, image_size, Lite0())


def _ultralytics(family: str, letter: str) -> Builder:
    def build(class_count: int, image_size: int) -> SegmentationModel:
        # Here, because ultralytics takes seconds to import and most models do without.
        from splitlab.models.ultralytics_seg import UltralyticsSeg

        return UltralyticsSeg(family, letter, class_count, image_size)

    return build


def _detr(name: str) -> Builder:
    def build(class_count: int, image_size: int) -> SegmentationModel:
        return _detr_for(name, class_count, image_size, ())

    return build


def _detr_for(name: str, class_count: int, image_size: int, tensors: Collection[str]) -> SegmentationModel:
    # Here, because torchvision takes a second to import and the other models do without.
    from splitlab.models.detr.detr_seg import build_detr, norm_of

    if image_size % SegmentationModel.stride:
        raise SettingsError(f"image_size {image_size} must be a multiple of {SegmentationModel.stride}, such as 224.")
    return build_detr(name, class_count, norm_of(name, tensors))


ULTRALYTICS: dict[str, Builder] = {
    f"{family}{letter}-seg": _ultralytics(family, letter)
    for family in ("yolov8", "yolo11", "yolo26")
    for letter in "nsmlx"
}
MODELS: dict[str, Builder] = {
    **{f"yolov5{letter}-seg": _official(letter) for letter in SCALES},
    LITE0: _lite0,
    **ULTRALYTICS,
    **{name: _detr(name) for name in SIZES},
}


def ships_backbone(name: str) -> bool:
    """Say whether weights of the model's backbone come with a package, so that a run may start from them alone."""
    return name == LITE0 or (name in SIZES and SIZES[name].backbone == "lite0")


def learns_difficult(name: str) -> bool:
    """Say whether a model's box images keep objects marked difficult: DETR's do, as the authors' conversion to COCO."""
    return name in SIZES


def build_model(name: str, class_count: int, image_size: int) -> SegmentationModel:
    """Build a model with random weights.

    Raises:
        SettingsError: there is no model of this name, or it cannot take the image size.
    """
    if name not in MODELS:
        raise SettingsError(f"There is no model '{name}'. Choose one of {', '.join(MODELS)}.")
    return MODELS[name](class_count, image_size)


def build_to_fill(name: str, class_count: int, image_size: int, tensors: Collection[str]) -> SegmentationModel:
    """Build a model that is filled with tensors of these names next: they tell which norms DETR's backbone has.

    Raises:
        SettingsError: there is no model of this name, or it cannot take the image size.
    """
    if name in SIZES:
        return _detr_for(name, class_count, image_size, tensors)
    return build_model(name, class_count, image_size)


def build_for_training(
    name: str, class_count: int, image_size: int, seed: int, tensors: Collection[str] = ()
) -> SegmentationModel:
    """Build a model as a run starts it: random weights by seed, the backbone pretrained where weights ship.

    `tensors` are the names of those that it is filled with next, where it is.
    """
    with _seeded(seed):
        model = build_to_fill(name, class_count, image_size, tensors)
    backbone = _lite0_of(model)
    if backbone is not None:
        backbone.load_imagenet_weights()
    return model


def _lite0_of(model: SegmentationModel) -> Lite0 | None:
    return next((module for module in model.modules() if isinstance(module, Lite0)), None)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
