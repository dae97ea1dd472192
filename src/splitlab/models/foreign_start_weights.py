"""Start a model from a checkpoint's weights: all that fit are copied, and the rest is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from splitlab.errors import CheckpointError
from splitlab.models.contract import SegmentationModel
from splitlab.runs.stored_weights import Weights

# Pixels of an image size, not learnt: see `SegmentationModel.take_scales`.
NOT_LEARNT = ".anchors"


@dataclass(frozen=True)
class StartReport:
    """How a model was started.

    Attributes:
        copied: names of the tensors that were copied.
        left: names of the model's other tensors, which keep their random start.
    """

    copied: list[str]
    left: list[str]

    def __str__(self) -> str:
        return f"{len(self.copied)} of {len(self.copied) + len(self.left)} tensors"


def start_from(model: SegmentationModel, weights: Weights) -> StartReport:
    """Copy each tensor that the model has under the same name and shape; anchors stay the model's own.

    `start_from(model, backbone_of(weights))` takes the backbone alone.

    Raises:
        CheckpointError: nothing fits.
    """
    own, copied = model.state_dict(), fitting(model, weights)
    with torch.no_grad():
        for name in copied:
            own[name].copy_(torch.from_numpy(weights[name]))
    return StartReport(copied, [name for name in _learnt(own) if name not in set(copied)])


def fitting(model: SegmentationModel, weights: Weights) -> list[str]:
    """Name the tensors that the model would copy; it may be on PyTorch's `meta` device.

    Raises:
        CheckpointError: nothing fits.
    """
    own = model.state_dict()
    names = [name for name in _learnt(own) if name in weights and weights[name].shape == tuple(own[name].shape)]
    if not names:
        raise CheckpointError(
            "None of the checkpoint's tensors fits this model. Choose one of the same family and size."
        )
    return names


def _learnt(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.endswith(NOT_LEARNT)]
