"""The module tree of a foreign checkpoint as JSON and arrays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from splitlab.models.foreign.archive import Array, TensorReader
from splitlab.models.foreign.pickle import Inert, RefusedError, TensorRecord

_TENSOR, _CLASS, _ATTRIBUTES = "$tensor", "$class", "$attributes"
# Optimizers hold several numbers per weight, none of which is needed.
_UNWANTED_AT_THE_ROOT = ("optimizer", "optimizer_states", "lr_scheduler", "lr_schedulers", "scaler")
_MAX_DEPTH = 100
_MAX_NODES = 1_000_000


@dataclass(frozen=True)
class ForeignObject:
    """An object of an unknown class: the class's full name and the attributes."""

    class_name: str
    attributes: dict[str, Any]


class TreeWriter:
    """Converts the unpickler's output to JSON and numbered tensors."""

    def __init__(self, tensors: TensorReader) -> None:
        self.arrays: dict[str, Array] = {}
        self._tensors = tensors
        self._numbers: dict[int, str] = {}
        self._nodes = 0

    def write_root(self, root: object) -> str:
        """Return the tree as JSON; tensors are numbered and stored in `arrays`."""
        if isinstance(root, dict):
            root = {key: value for key, value in root.items() if key not in _UNWANTED_AT_THE_ROOT}
        return json.dumps(self._plain(root, _MAX_DEPTH))

    def _plain(self, node: object, depth: int) -> object:
        self._nodes += 1
        if depth == 0 or self._nodes > _MAX_NODES:
            raise RefusedError(f"its structure is deeper than {_MAX_DEPTH} or larger than {_MAX_NODES} parts")
        if node is None or isinstance(node, bool | int | float | str):
            return node
        if isinstance(node, TensorRecord):
            if id(node) not in self._numbers:
                self._numbers[id(node)] = str(len(self._numbers))
                self.arrays[self._numbers[id(node)]] = self._tensors.read(node)
            return {_TENSOR: self._numbers[id(node)]}
        if isinstance(node, list | tuple):
            return [self._plain(child, depth - 1) for child in node]
        if isinstance(node, dict):
            return self._plain_items(node, depth)
        if isinstance(node, Inert):
            return {_CLASS: node.class_name, _ATTRIBUTES: self._plain_items(node.attributes, depth)}
        return None  # bytes, classes and others that are not needed

    def _plain_items(self, items: dict[Any, Any], depth: int) -> dict[str, object]:
        """Keep text keys and, as text, whole numbers: class names may be numbered 0, 1, 2."""
        return {str(key): self._plain(value, depth - 1) for key, value in items.items() if isinstance(key, str | int)}


def read_tree(text: bytes, arrays: dict[str, Array]) -> Any:
    """Convert the JSON back to dicts, lists, numbers, text, arrays and `ForeignObject`s.

    Raises:
        KeyError, TypeError, ValueError, RecursionError: not the output of `TreeWriter`.
    """

    def rebuild(found: dict[str, Any]) -> object:
        if _TENSOR in found:
            return arrays[found[_TENSOR]]
        if _CLASS in found:
            return ForeignObject(str(found[_CLASS]), dict(found[_ATTRIBUTES]))
        return found

    return json.loads(text, object_hook=rebuild)


def tensors_of(module: ForeignObject, prefix: str) -> Iterator[tuple[str, Array]]:
    """Yield prefixed names and tensors as in `state_dict`."""
    kept_out = module.attributes.get("_non_persistent_buffers_set")
    left_out = kept_out if isinstance(kept_out, list) else []
    for kind in ("_parameters", "_buffers"):
        for name, value in _items(module, kind):
            if isinstance(value, np.ndarray) and name not in left_out:
                yield prefix + name, value
    for name, child in children_of(module):
        yield from tensors_of(child, f"{prefix}{name}.")


def children_of(module: ForeignObject) -> list[tuple[str, ForeignObject]]:
    """Return the direct submodules by name."""
    return [(name, child) for name, child in _items(module, "_modules") if isinstance(child, ForeignObject)]


def _items(module: ForeignObject, kind: str) -> list[tuple[str, Any]]:
    items = module.attributes.get(kind)
    return list(items.items()) if isinstance(items, dict) else []
