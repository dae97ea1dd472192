"""Walk a pickled nn.Module that was read as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from splitlab.models.foreign_tensors import Array
from splitlab.models.foreign_tree import ForeignObject


def tensors_of(module: ForeignObject, prefix: str) -> Iterator[tuple[str, Array]]:
    """Yield names, after a prefix, and tensors as `state_dict` would."""
    kept_out = module.attributes.get("_non_persistent_buffers_set")
    left_out = kept_out if isinstance(kept_out, list) else []
    for kind in ("_parameters", "_buffers"):
        for name, value in _items(module, kind):
            if isinstance(value, np.ndarray) and name not in left_out:
                yield prefix + name, value
    for name, child in children_of(module):
        yield from tensors_of(child, f"{prefix}{name}.")


def children_of(module: ForeignObject) -> list[tuple[str, ForeignObject]]:
    """Return the modules directly in a module, by name."""
    return [(name, child) for name, child in _items(module, "_modules") if isinstance(child, ForeignObject)]


def _items(module: ForeignObject, kind: str) -> list[tuple[str, Any]]:
    items = module.attributes.get(kind)
    return list(items.items()) if isinstance(items, dict) else []
