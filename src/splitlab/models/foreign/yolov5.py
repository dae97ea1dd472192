"""YOLOv5 checkpoints of the authors' code and of the official one: options, classes and weights."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PureWindowsPath
from typing import Any, TypeVar

import numpy as np
import torch

from splitlab.budget.published import TRAINING_IMAGES
from splitlab.checkpoints.checkpoint import MAX_CLASSES, MAX_COUNT, MAX_IMAGE_SIZE
from splitlab.checkpoints.weights import Weights, check_halves
from splitlab.data.reading import printable
from splitlab.errors import CheckpointError
from splitlab.models.foreign.tree import ForeignObject, children_of, tensors_of
from splitlab.models.registry import build_model
from splitlab.models.yolov5.layers import scaled_channels
from splitlab.models.yolov5.seg import PROTOTYPES, SCALES, YOLOv5Seg

_FIRST_WEIGHT, _LAST_BIAS, _CLASSIFIER_BIAS = "model.0.conv.weight", "model.24.m.0.bias", "model.9.linear.bias"
_BACKBONE_NAME = re.compile(r"model\.[0-8]\.")
_ANCHORS_PER_LEVEL = 3
_MAX_NAME_LENGTH = 200
_DEFAULT_IMAGE_SIZE = 640
_MAX_OPTION_LENGTH = 200
_UNKNOWN = "unknown"
# The authors' option: mask images per batch, or -1 if a batch holds mask images only.
_F_SIZE, _MASKS_ONLY = "f_size", -1
# Their data files: {dataset}-seg-fw-{|F|}-{|W|}.yaml. Without |W|, W is all other images; without both, F is all.
_DATA_FILE = re.compile(r"(?P<name>.+?)-seg(?:-fw-(?P<full>[0-9]{1,7})(?:-(?P<weak>[0-9]{1,7}))?)?", re.ASCII)
_DATA_SETS = {"voc": "VOC2012", "cityscapes": "Cityscapes"}
_MASK_IMAGES = {"VOC2012": 1464, "Cityscapes": 2975}
# Sec. 4.6: 17 images with masks, all other trainval images with boxes.
_FEW_SHOT, _FEW_SHOT_SPLIT = "voc-seg-few-shot", (17, 10_408)


@dataclass(frozen=True)
class RunOptions:
    """The options that a training run was started with."""

    image_size: int = _DEFAULT_IMAGE_SIZE  # pixels, rounded up to the stride as in YOLOv5; 640 if unknown
    dataset: str = _UNKNOWN  # of the authors' data file, else the data file's stem
    full: int = 0  # |F| and |W|; both 0 if unknown
    weak: int = 0
    seed: int = 0  # of the run; 0 if unknown
    # For the card, named as in the file: epochs, batch_size, patience, f_size, data, weights; and the total
    # `iterations` if |F| and the batch are known.
    settings: dict[str, int | str] = field(default_factory=dict)


def _read_options(tree: Any) -> RunOptions:
    """Read the options from the tree of `read_foreign`; defaults if it has none."""
    options = _options_of(tree)
    stem = _stem(options.get("data"))
    f_size = _f_size(options)
    # Only the authors' code has this option, and only there does the data file's name state a split.
    dataset, (full, weak) = (stem, (0, 0)) if f_size is None else _split(stem, f_size)
    counts = {
        "epochs": _count(options, "epochs", 1),
        "batch_size": _count(options, "batch_size", 1),
        "patience": _count(options, "patience", 0),
        _F_SIZE: f_size,
    }
    texts = {"data": stem, "weights": _stem(options.get("weights"))}
    settings = counts | texts | {"iterations": _iterations(counts, full)}
    return RunOptions(
        _image_size(options),
        dataset or _UNKNOWN,
        full,
        weak,
        _count(options, "seed", 0) or 0,
        {name: value for name, value in settings.items() if value is not None and value != ""},
    )


def _options_of(tree: Any) -> Mapping[str, Any]:
    options = tree.get("opt") if isinstance(tree, dict) else None
    if isinstance(options, ForeignObject):
        return options.attributes
    return options if isinstance(options, dict) else {}


def _count(options: Mapping[str, Any], name: str, least: int) -> int | None:
    value = options.get(name)
    return value if type(value) is int and least <= value <= MAX_COUNT else None


def _f_size(options: Mapping[str, Any]) -> int | None:
    f_size, batch_size = _count(options, _F_SIZE, _MASKS_ONLY), _count(options, "batch_size", 1)
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
    known = full <= _MASK_IMAGES.get(dataset, full) and 0 <= weak <= TRAINING_IMAGES.get(dataset, MAX_COUNT) - full
    return dataset, (full, weak) if known else (0, 0)


def _iterations(counts: Mapping[str, int | None], full: int) -> int | None:
    """Count the batches of all epochs; an epoch is one pass over F (docs/protocol.md, YOLOv5, Length)."""
    epochs, of_masks = counts["epochs"], counts["batch_size"] if counts[_F_SIZE] == _MASKS_ONLY else counts[_F_SIZE]
    return epochs * math.ceil(full / of_masks) if full and of_masks and epochs else None


def _image_size(options: Mapping[str, Any]) -> int:
    size = options.get("imgsz")
    if type(size) is not int or not 1 <= size <= MAX_IMAGE_SIZE:
        return _DEFAULT_IMAGE_SIZE
    return -(-size // YOLOv5Seg.stride) * YOLOv5Seg.stride


def _stem(path: object) -> str:
    # A Windows path accepts both kinds of slashes.
    return printable(PureWindowsPath(path).stem[:_MAX_OPTION_LENGTH]) if isinstance(path, str) else ""


@dataclass(frozen=True)
class ForeignYOLOv5:
    """A YOLOv5 found in a file."""

    model: str  # such as "yolov5s-seg", or "yolov5s-cls" for a classifier, whose backbone is kept
    weights: Weights  # float32, by the official names
    class_names: list[str]  # in the order of the class scores
    options: RunOptions  # of its training run


def find_yolov5(tree: Any) -> ForeignYOLOv5:
    """Find the model in the tree of `read_foreign`.

    Raises:
        CheckpointError: there is no YOLOv5-seg or -cls; the text continues the file's name and a colon.
    """
    network = _network_of(tree)
    found = _state_of(network)
    letter = _letter_of(found)
    if _CLASSIFIER_BIAS in found:
        kind, class_count = "cls", found[_CLASSIFIER_BIAS].size
        expected = _backbone_of(_official_state(letter, 1))
    else:
        kind, class_count = "seg", _class_count(found)
        expected = _official_state(letter, class_count)
        other = next((name for name in found if name not in expected), None)
        if other is not None:
            raise CheckpointError(f"it has a tensor {other[:_MAX_NAME_LENGTH]!r}, which is not part of YOLOv5-seg.")
    return ForeignYOLOv5(
        model=f"yolov5{letter}-{kind}",
        weights=_checked(found, expected),
        class_names=_class_names(network, class_count),
        options=_read_options(tree),
    )


_T = TypeVar("_T")


def _backbone_of(weights: Mapping[str, _T]) -> dict[str, _T]:
    """Return layers 0 to 8, which YOLOv5-seg and -cls share."""
    return {name: tensor for name, tensor in weights.items() if _BACKBONE_NAME.match(name)}


def _network_of(tree: Any) -> ForeignObject | dict[str, Any]:
    """Prefer the moving average to the model; training runs save both."""
    inner = [tree.get(key) for key in ("ema", "model", "state_dict")] if isinstance(tree, dict) else []
    for candidate in (*inner, tree):
        if isinstance(candidate, ForeignObject):
            return candidate
        if isinstance(candidate, dict) and any(isinstance(value, np.ndarray) for value in candidate.values()):
            return candidate
    raise CheckpointError("it holds no network: no module and no state dict under 'ema', 'model' or 'state_dict'.")


def _state_of(network: ForeignObject | dict[str, Any]) -> Weights:
    if isinstance(network, dict):
        return {name: value for name, value in network.items() if isinstance(value, np.ndarray)}
    _check_activations(network, "")
    return dict(tensors_of(network, ""))


def _check_activations(module: ForeignObject, prefix: str) -> None:
    package, _, name = module.class_name.rpartition(".")
    if package == "torch.nn.modules.activation" and name != "SiLU":
        layer = prefix.rstrip(".")[:_MAX_NAME_LENGTH]
        raise CheckpointError(f"its layer {layer!r} is a {name[:_MAX_NAME_LENGTH]}, not a SiLU: outputs would differ.")
    for child_name, child in children_of(module):
        _check_activations(child, f"{prefix}{child_name}.")


def _letter_of(tensors: Weights) -> str:
    if _FIRST_WEIGHT not in tensors:
        raise CheckpointError(f"it holds no YOLOv5: the tensor {_FIRST_WEIGHT} is missing.")
    shape = tensors[_FIRST_WEIGHT].shape
    for letter, scale in SCALES.items():
        if shape == (scaled_channels(64, scale.width), 3, 6, 6):
            return letter
    raise CheckpointError(f"its tensor {_FIRST_WEIGHT} has shape {shape}, which no YOLOv5 n, s, m, l or x has.")


def _class_count(tensors: Weights) -> int:
    if _LAST_BIAS not in tensors:
        raise CheckpointError(f"it is neither a YOLOv5-seg nor a -cls: the tensor {_LAST_BIAS} is missing.")
    count, rest = divmod(tensors[_LAST_BIAS].size, _ANCHORS_PER_LEVEL)
    count -= 5 + PROTOTYPES
    if rest or not 1 <= count <= MAX_CLASSES:
        raise CheckpointError(
            f"its tensor {_LAST_BIAS} has {tensors[_LAST_BIAS].size} numbers, which does not fit 1 to {MAX_CLASSES} "
            "classes. A detection model (without -seg) has no masks and cannot be used."
        )
    return count


def _checked(found: Weights, expected: dict[str, torch.Tensor]) -> Weights:
    """Return the expected tensors in float32 (counters in int64)."""
    weights = {}
    for name, tensor in expected.items():
        if name not in found:
            raise CheckpointError(f"the tensor {name} is missing.")
        shape = tuple(tensor.shape)
        if found[name].shape != shape:
            raise CheckpointError(f"its tensor {name} has shape {found[name].shape}, not {shape}.")
        weights[name] = found[name].astype(np.float32 if tensor.is_floating_point() else np.int64)
        if tensor.is_floating_point():
            check_halves(name, weights[name])
    return weights


def _official_state(letter: str, class_count: int) -> dict[str, torch.Tensor]:
    """Return names and shapes of YOLOv5-seg; no memory is allocated."""
    with torch.device("meta"):
        return dict(build_model(f"yolov5{letter}-seg", class_count, 640).state_dict())


def _class_names(network: ForeignObject | dict[str, Any], count: int) -> list[str]:
    names = network.attributes.get("names") if isinstance(network, ForeignObject) else None
    if names is None:
        return [str(number) for number in range(count)]
    if isinstance(names, dict):
        names = [names.get(str(number)) for number in range(len(names))]
    if not isinstance(names, list) or len(names) != count:
        raise CheckpointError(f"its class names do not match its {count} class scores.")
    if not all(isinstance(name, str) and len(name) <= _MAX_NAME_LENGTH for name in names):
        raise CheckpointError(f"a class name is not text of at most {_MAX_NAME_LENGTH} characters.")
    return [printable(name) for name in names]
