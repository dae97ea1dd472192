"""YOLOv8-seg, YOLO11-seg and YOLO26-seg files as Ultralytics writes them, and what its other files are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch

from splitlab.checkpoints.checkpoint import MAX_CLASSES
from splitlab.checkpoints.weights import Weights
from splitlab.data.reading import printable
from splitlab.errors import CheckpointError
from splitlab.models.foreign.network import (
    MAX_NAME_LENGTH,
    ForeignYOLO,
    Network,
    checked,
    class_names_of,
    network_of,
    state_of,
)
from splitlab.models.foreign.options import UNKNOWN, RunOptions, count_in, image_size_in, known, stem_of
from splitlab.models.foreign.tree import ForeignObject
from splitlab.models.registry import build_model

_PREFIX = "network."  # of the names in the models here
_PACKAGE = "ultralytics."
_FIRST_WEIGHT = "model.0.conv.weight"
_LAYER = re.compile(r"model\.([0-9]{1,3})\.(.+)")
# The first box branch of Ultralytics' heads; YOLOv5 has no such layer.
_BOX_BRANCH = re.compile(r"(one2one_)?cv2\.0\.0\.")
_POINT_BIASES = ("cv4.0.2.bias", "cv4_kpts.0.bias")
_CLASSIFIER_BIAS = "linear.bias"
_CLASS_BIAS = "cv3.0.2.bias"
# Sizes by the first layer's channels. "m" and "l" of the newer families differ in depth only.
_SIZES_OF_V8 = {16: "n", 32: "s", 48: "m", 64: "l", 80: "x"}
_SIZES_OF_11 = {16: "n", 32: "s", 64: "m", 96: "x"}
_DEEPER = "model.2.m.1."
_KNOWN = "YOLOv8-seg, YOLO11-seg or YOLO26-seg of the sizes n, s, m, l and x"
_GIVE = "give a segmentation model, whose name ends in -seg.pt"
_DETECTOR, _CLASSIFIER, _POSE, _OBB = "DetectionModel", "ClassificationModel", "PoseModel", "OBBModel"
_SEGMENTER = "SegmentationModel"
_OTHERS = {
    _DETECTOR: f"it is a YOLO detector of Ultralytics, which finds boxes and has no mask branch; {_GIVE}.",
    _CLASSIFIER: f"it is a classifier of Ultralytics, which names whole photos and finds no objects; {_GIVE}.",
    _POSE: f"it is a pose model of Ultralytics, which finds boxes and body points but no masks; {_GIVE}.",
    _OBB: f"it is an OBB model of Ultralytics, which finds rotated boxes and no masks; {_GIVE}.",
}


def find_ultralytics(tree: Any) -> ForeignYOLO | None:
    """Find the model in the tree of `read_foreign`; None if it is not of Ultralytics.

    Raises:
        CheckpointError: it is none of the supported models; the text continues the file's name and a colon.
        SettingsError: it is, but the package ultralytics is not installed.
    """
    network = network_of(tree)
    if isinstance(network, ForeignObject):
        if not network.class_name.startswith(_PACKAGE):
            return None
        _refuse_others(printable(network.class_name.rpartition(".")[2][:MAX_NAME_LENGTH]))
    found = _state_of(network)
    head = _head_of(found)
    if isinstance(network, dict):
        if not _is_ultralytics(found, head):
            return None
        _refuse_others(_kind_of(head))
    if "model.0.conv.bias" in found:
        raise CheckpointError(
            "its batch norms are merged into its convolutions, as Ultralytics does to predict or export; give the file "
            "from before, such as best.pt."
        )
    if isinstance(tree, dict) and isinstance(quantized := tree.get("modelopt"), dict) and quantized:
        raise CheckpointError("it was trained for 8-bit numbers (QAT), which is not supported; give an ordinary file.")
    class_count = _class_count(head)
    model = f"{_model_of(found, head)}-seg"
    with torch.random.fork_rng(devices=[]):
        state = build_model(model, class_count, 640).state_dict()
    expected = {name.removeprefix(_PREFIX): tensor for name, tensor in state.items()}
    if difference := _difference(found, expected):
        raise CheckpointError(
            f"it is a segmentation model of Ultralytics{_layout(network)}, but not {_KNOWN} ({difference}); give one "
            "of those."
        )
    return ForeignYOLO(
        model=model,
        weights=_renamed(checked(found, expected)),
        class_names=class_names_of(network, class_count),
        options=_read_options(tree, network),
    )


def ultralytics_weights(tree: Any) -> Weights:
    """Return the tensors of a network of Ultralytics in the tree of `read_foreign`, by the names of the models here.

    Raises:
        CheckpointError: there is no network; the text continues the file's name and a colon.
    """
    return _renamed(_state_of(network_of(tree)))


def _renamed(weights: Weights) -> Weights:
    return {_PREFIX + name: tensor for name, tensor in weights.items()}


def _state_of(network: Network) -> Weights:
    """Return the tensors without the prefix that wrappers put before the names, such as "model." or "module."."""
    state = state_of(network)
    before = [name.removesuffix(_FIRST_WEIGHT) for name in state if name.endswith(_FIRST_WEIGHT)]
    prefix = min((one for one in before if not one or one.endswith(".")), key=len, default="")
    return {name.removeprefix(prefix): tensor for name, tensor in state.items()}


def _head_of(found: Weights) -> Weights:
    """Return the tensors of the last layer by their names within it."""
    matches = [(int(match[1]), match[2], name) for name in found if (match := _LAYER.fullmatch(name))]
    last = max((layer for layer, _, _ in matches), default=-1)
    return {inner: found[name] for layer, inner, name in matches if layer == last}


def _is_ultralytics(found: Weights, head: Weights) -> bool:
    first = found.get(_FIRST_WEIGHT)
    # YOLOv5's classifiers have the same last layer, but start with 6 x 6 kernels.
    is_classifier = _CLASSIFIER_BIAS in head and first is not None and first.shape[2:] == (3, 3)
    return is_classifier or any(map(_BOX_BRANCH.match, head))


def _kind_of(head: Weights) -> str:
    """Return the class of Ultralytics' networks that has such a last layer."""
    if any(name.startswith("proto.") for name in head):
        return _SEGMENTER
    if _CLASSIFIER_BIAS in head:
        return _CLASSIFIER
    points = next((head[name].size for name in _POINT_BIASES if name in head), 0)
    return {0: _DETECTOR, 1: _OBB}.get(points, _POSE)


def _refuse_others(kind: str) -> None:
    if kind != _SEGMENTER:
        raise CheckpointError(_OTHERS.get(kind) or f"it is Ultralytics' {kind}, not {_KNOWN}; {_GIVE}.")


def _class_count(head: Weights) -> int:
    count = head[_CLASS_BIAS].size if _CLASS_BIAS in head else 0
    if not 1 <= count <= MAX_CLASSES:
        raise CheckpointError(f"its head has {count} class scores, but 1 to {MAX_CLASSES} can be read.")
    return count


def _model_of(found: Weights, head: Weights) -> str:
    """Return family and size, such as "yolo11m", by the tensors alone."""
    is_26 = any(name.startswith("one2one_") for name in head)
    is_8 = not is_26 and not any(name.startswith("model.23.") for name in found)
    channels = found[_FIRST_WEIGHT].shape[0] if _FIRST_WEIGHT in found and found[_FIRST_WEIGHT].ndim else 0
    size = (_SIZES_OF_V8 if is_8 else _SIZES_OF_11).get(channels)
    if size is None:
        raise CheckpointError(f"its first layer has {channels} channels, so it is not {_KNOWN}; give one of those.")
    if size == "m" and not is_8 and any(name.startswith(_DEEPER) for name in found):
        size = "l"
    return f"{'yolov8' if is_8 else 'yolo26' if is_26 else 'yolo11'}{size}"


def _difference(found: Weights, expected: Mapping[str, torch.Tensor]) -> str:
    """Name the first tensor that is missing, has another shape or is too many; empty if all fit."""
    for name, tensor in expected.items():
        if name not in found:
            return f"the tensor {name} is missing"
        if found[name].shape != tuple(tensor.shape):
            return f"its tensor {name} has shape {found[name].shape}, not {tuple(tensor.shape)}"
    other = next((name for name in found if name not in expected), None)
    return "" if other is None else f"it has a tensor {other[:MAX_NAME_LENGTH]!r}"


def _layout(network: Network) -> str:
    """Say which layout file the network was built from, if it says so."""
    layout = network.attributes.get("yaml") if isinstance(network, ForeignObject) else None
    stem = stem_of(layout.get("yaml_file")) if isinstance(layout, dict) else ""
    return f" ({stem})" if stem else ""


def _read_options(tree: Any, network: Network) -> RunOptions:
    options = _options_in(tree, network)
    settings: dict[str, int | str | None] = {
        "epochs": count_in(options, "epochs", 1),
        "batch_size": count_in(options, "batch", 1),
        "patience": count_in(options, "patience", 0),
        "data": stem_of(options.get("data")),
        "weights": stem_of(options.get("model")),
    }
    return RunOptions(
        image_size=image_size_in(options),
        dataset=stem_of(options.get("data")) or UNKNOWN,
        seed=count_in(options, "seed", 0) or 0,
        settings=known(settings),
    )


def _options_in(tree: Any, network: Network) -> Mapping[str, Any]:
    of_run = tree.get("train_args") if isinstance(tree, dict) else None
    of_network = network.attributes.get("args") if isinstance(network, ForeignObject) else None
    for options in (of_run, of_network):
        if isinstance(options, ForeignObject):
            return options.attributes
        if isinstance(options, dict) and options:
            return options
    return {}
