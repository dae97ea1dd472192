"""Models by name: what can be trained, and what a checkpoint's family means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from splitlab.errors import SettingsError
from splitlab.models.contract import SegmentationModel
from splitlab.models.yolov5_seg import SCALES, YOLOv5Seg

LITE0 = "yolov5n-lite0-seg"

Builder = Callable[[int, int], SegmentationModel]


def _official(letter: str) -> Builder:
    return lambda class_count, image_size: YOLOv5Seg(SCALES[letter], class_count, image_size)


def _lite0(class_count: int, image_size: int) -> SegmentationModel:
    return YOLOv5Seg(SCALES["n"], class_count, image_size, lite0=True)


def _ultralytics(family: str, letter: str) -> Builder:
    def build(class_count: int, image_size: int) -> SegmentationModel:
        # Here, because ultralytics takes seconds to import and most models do without.
        from splitlab.models.ultralytics_seg import UltralyticsSeg

        return UltralyticsSeg(family, letter, class_count, image_size)

    return build


MODELS: dict[str, Builder] = {
    **{f"yolov5{letter}-seg": _official(letter) for letter in SCALES},
    LITE0: _lite0,
    **{
        f"{family}{letter}-seg": _ultralytics(family, letter)
        for family in ("yolov8", "yolo11", "yolo26")
        for letter in "nsmlx"
    },
}


def build_model(name: str, class_count: int, image_size: int) -> SegmentationModel:
    """Build a model with random weights.

    Raises:
        SettingsError: there is no model of this name, or it cannot take the image size.
    """
    if name not in MODELS:
        raise SettingsError(f"There is no model '{name}'. Choose one of {', '.join(MODELS)}.")
    return MODELS[name](class_count, image_size)


def build_for_training(name: str, class_count: int, image_size: int, seed: int) -> SegmentationModel:
    """Build a model as a run starts it: random weights by seed, the backbone pretrained where weights ship."""
    with _seeded(seed):
        model = build_model(name, class_count, image_size)
    if isinstance(model, YOLOv5Seg) and model.backbone is not None:
        model.backbone.load_imagenet_weights()
    return model


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
