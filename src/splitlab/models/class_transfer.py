"""From a checkpoint's classes to a model's: classes that both know keep their rows of the head, new ones start anew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from splitlab.models.contract import SegmentationModel
from splitlab.runs.stored_weights import Weights

Array = NDArray[np.generic]


def turned_to_classes(model: SegmentationModel, weights: Weights, own: Sequence[str], theirs: Sequence[str]) -> Weights:
    """Return a checkpoint's weights as a model with other classes can take them.

    In the tensors that answer for classes (`class_rows`), the rows of a class that both know by name are the
    checkpoint's, those of any other class the model's own. All further rows, such as a YOLO's boxes and mask
    coefficients, are the checkpoint's. A tensor of another size of model is left as it is: it fits nowhere.

    Args:
        model: whose tensors will be filled.
        weights: of the checkpoint, by name.
        own: class names of the model.
        theirs: class names of the checkpoint.
    """
    state, here, there = model.state_dict(), model.class_rows(len(own)), model.class_rows(len(theirs))
    shared = [(own.index(name), theirs.index(name)) for name in own if name in theirs]
    turned = dict(weights)
    for name in here:
        if name in weights and _fits(state[name], weights[name], here[name], there[name]):
            turned[name] = _joined(state[name], weights[name], here[name], there[name], shared)
    return turned


def new_classes_in_words(own: Sequence[str], theirs: Sequence[str]) -> str:
    """Say which classes of a model start anew; nothing where the checkpoint knows all of them."""
    new = [name for name in own if name not in theirs]
    return f" Class rows start anew for {', '.join(new)}." if new else ""


def _fits(own: Tensor, theirs: Array, here: Tensor, there: Tensor) -> bool:
    same_width = tuple(own.shape[1:]) == theirs.shape[1:]
    return same_width and len(own) - here.numel() == len(theirs) - there.numel() >= 0


def _joined(own: Tensor, theirs: Array, here: Tensor, there: Tensor, shared: Sequence[tuple[int, int]]) -> Array:
    joined: Array = own.detach().cpu().numpy().copy()
    joined[_others(len(own), here)] = theirs[_others(len(theirs), there)]
    for ours, foreign in shared:
        joined[here[ours].numpy()] = theirs[there[foreign].numpy()]
    return joined


def _others(count: int, rows: Tensor) -> NDArray[np.bool_]:
    others = np.ones(count, np.bool_)
    others[rows.flatten().numpy()] = False
    return others
