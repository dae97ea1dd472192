"""YOLOv5 checkpoints of the authors' code and of the official one: options, classes and weights."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, TypeVar

import torch

from splitlab.budget.published import TRAINING_IMAGES
from splitlab.checkpoints.checkpoint import MAX_CLASSES, MAX_COUNT
from splitlab.checkpoints.weights import Weights
from splitlab.errors import CheckpointError
from splitlab.models.foreign.network import MAX_NAME_LENGTH, ForeignYOLO, checked, class_names_of, network_of, state_of
from splitlab.models.foreign.options import UNKNOWN, RunOptions, count_in, image_size_in, known, stem_of
from splitlab.models.foreign.tree import ForeignObject
from splitlab.models.registry import build_model
from splitlab.models.yolov5.layers import scaled_channels
from splitlab.models.yolov5.seg import PROTOTYPES, SCALES

_FIRST_WEIGHT, _LAST_BIAS, _CLASSIFIER_BIAS = "model.0.conv.weight", "model.24.m.0.bias", "model.9.linear.bias"
_BACKBONE_NAME = re.compile(r"model\.[0-8]\.")
_ANCHORS_PER_LEVEL = 3
_PROTOTYPES = "model.24.proto."
_NO_MODEL = "it holds none of the models that can be imported, a YOLO with masks, DETR or ResNet"
# The authors' option: mask images per batch, or -1 if a batch holds mask images only.
_F_SIZE, _MASKS_ONLY = "f_size", -1
# Their data files: {dataset}-seg-fw-{|F|}-{|W|}.yaml. Without |W|, W is all other images; without both, F is all.
_DATA_FILE = re.compile(r"(?P<name>.+?)-seg(?:-fw-(?P<full>[0-9]{1,7})(?:-(?P<weak>[0-9]{1,7}))?)?", re.ASCII)
_DATA_SETS = {"voc": "VOC2012", "cityscapes": "Cityscapes"}
_MASK_IMAGES = {"VOC2012": 1464, "Cityscapes": 2975}
# Sec. 4.6: 17 images with masks, all other trainval images with boxes.
_FEW_SHOT, _FEW_SHOT_SPLIT = "voc-seg-few-shot", (17, 10_408)


def _read_options(tree: Any) -> RunOptions:
    """Read the options from the tree of `read_foreign`; defaults if it has none."""
    options = _options_of(tree)
    stem = stem_of(options.get("data"))
    f_size = _f_size(options)
    # Only the authors' code has this option, and only there does the data file's name state a split.
    dataset, (full, weak) = (stem, (0, 0)) if f_size is None else _split(stem, f_size)
    counts = {
        "epochs": count_in(options, "epochs", 1),
        "batch_size": count_in(options, "batch_size", 1),
        "patience": count_in(options, "patience", 0),
        _F_SIZE: f_size,
    }
    texts = {"data": stem, "weights": stem_of(options.get("weights"))}
    settings = counts | texts | {"iterations": _iterations(counts, full)}
    return RunOptions(
        image_size_in(options),
        dataset or UNKNOWN,
        full,
        weak,
        count_in(options, "seed", 0) or 0,
        known(settings),
    )


def _options_of(tree: Any) -> Mapping[str, Any]:
    options = tree.get("opt") if isinstance(tree, dict) else None
    if isinstance(options, ForeignObject):
        return options.attributes
    return options if isinstance(options, dict) else {}


def _f_size(options: Mapping[str, Any]) -> int | None:
    f_size, batch_size = count_in(options, _F_SIZE, _MASKS_ONLY), count_in(options, "batch_size", 1)
    if f_size is None or f_size == 0 or (batch_size is not None and f_size > batch_size):
        return None
    return f_size


def _split(stem: str, f_size: int) -> tuple[str, tuple[int, int]]:
    """Return dataset and split; |W| is 0 if batches hold mask images only, whatever the name says."""
    found = _DATA_FILE.fullmatch(stem)
    if stem == _FEW_SHOT:
        dataset, (full, weak) = "VOC2012", _FEW_SHOT_SPLIT
    elif found is None:
        return stem, (0, 0)
    else:
        dataset = _DATA_SETS.get(found["name"].lower(), found["name"])
        full = int(found["full"] or _MASK_IMAGES.get(dataset, 0))
        weak = int(found["weak"]) if found["weak"] else TRAINING_IMAGES.get(dataset, full) - full
    weak = 0 if f_size == _MASKS_ONLY else weak
    possible = full <= _MASK_IMAGES.get(dataset, full) and 0 <= weak <= TRAINING_IMAGES.get(dataset, MAX_COUNT) - full
    return dataset, (full, weak) if possible else (0, 0)


def _iterations(counts: Mapping[str, int | None], full: int) -> int | None:
    """Count the batches of all epochs; an epoch is one pass over F (docs/protocol.md, YOLOv5, Length)."""
    epochs, of_masks = counts["epochs"], counts["batch_size"] if counts[_F_SIZE] == _MASKS_ONLY else counts[_F_SIZE]
    return epochs * math.ceil(full / of_masks) if full and of_masks and epochs else None


def find_yolov5(tree: Any) -> ForeignYOLO:
    """Find the model in the tree of `read_foreign`.

    Raises:
        CheckpointError: there is no YOLOv5-seg or -cls; the text continues the file's name and a colon.
    """
    network = network_of(tree)
    found = state_of(network)
    letter = _letter_of(found)
    if _CLASSIFIER_BIAS in found:
        kind, class_count = "cls", found[_CLASSIFIER_BIAS].size
        expected = _backbone_of(_official_state(letter, 1))
    else:
        kind, class_count = "seg", _class_count(found)
        expected = _official_state(letter, class_count)
        other = next((name for name in found if name not in expected), None)
        if other is not None:
            raise CheckpointError(f"it has a tensor {other[:MAX_NAME_LENGTH]!r}, which is not part of YOLOv5-seg.")
    return ForeignYOLO(
        model=f"yolov5{letter}-{kind}",
        weights=checked(found, expected),
        class_names=class_names_of(network, class_count),
        options=_read_options(tree),
    )


_T = TypeVar("_T")


def _backbone_of(weights: Mapping[str, _T]) -> dict[str, _T]:
    """Return layers 0 to 8, which YOLOv5-seg and -cls share."""
    return {name: tensor for name, tensor in weights.items() if _BACKBONE_NAME.match(name)}


def _letter_of(tensors: Weights) -> str:
    if _FIRST_WEIGHT not in tensors:
        raise CheckpointError(f"{_NO_MODEL} (the tensor {_FIRST_WEIGHT} is missing); give one of those.")
    shape = tensors[_FIRST_WEIGHT].shape
    for letter, scale in SCALES.items():
        if shape == (scaled_channels(64, scale.width), 3, 6, 6):
            return letter
    raise CheckpointError(f"{_NO_MODEL} (its tensor {_FIRST_WEIGHT} has shape {shape}); give one of those.")


def _class_count(tensors: Weights) -> int:
    if _LAST_BIAS not in tensors:
        raise CheckpointError(f"it is neither a YOLOv5-seg nor a -cls: the tensor {_LAST_BIAS} is missing.")
    if not any(name.startswith(_PROTOTYPES) for name in tensors):
        raise CheckpointError(
            "it is a YOLOv5 detector, which finds boxes and has no mask branch; give the segmentation file of the same "
            "size, such as yolov5s-seg.pt."
        )
    count, rest = divmod(tensors[_LAST_BIAS].size, _ANCHORS_PER_LEVEL)
    count -= 5 + PROTOTYPES
    if rest or not 1 <= count <= MAX_CLASSES:
        raise CheckpointError(
            f"its tensor {_LAST_BIAS} has {tensors[_LAST_BIAS].size} numbers, which does not fit 1 to {MAX_CLASSES} "
            "classes."
        )
    return count


def _official_state(letter: str, class_count: int) -> dict[str, torch.Tensor]:
    """Return names and shapes of YOLOv5-seg; no memory is allocated."""
    with torch.device("meta"):
        return dict(build_model(f"yolov5{letter}-seg", class_count, 640).state_dict())
