"""All that changes while a model trains, and its one file."""

from __future__ import annotations

import io
import math
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.swa_utils import AveragedModel

from splitlab.errors import RunError
from splitlab.models.contract import SegmentationModel
from splitlab.runs.atomic_files import write_bytes
from splitlab.runs.spec import RunSpec

FINAL_RATE = 0.02
MOST_DECAY = 0.995


@dataclass
class TrainingState:
    """Model, its moving average (which is evaluated and kept), optimiser, and steps done."""

    model: SegmentationModel
    average: AveragedModel
    optimizer: AdamW
    step: int = 0

    @classmethod
    def start(cls, model: SegmentationModel, spec: RunSpec) -> TrainingState:
        """Begin at step 0."""
        average = AveragedModel(model, avg_fn=_moving_average, use_buffers=True)
        return cls(model, average, _optimizer(model, spec))

    @property
    def averaged_model(self) -> SegmentationModel:
        """The moving average as a model."""
        return cast(SegmentationModel, self.average.module)

    def save(self, path: Path) -> None:
        """Write everything needed to go on.

        Raises:
            RunError: the folder cannot be written or the disk is full; the last saved state stays.
        """
        buffer = io.BytesIO()
        torch.save(
            {
                "step": self.step,
                "model": self.model.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
            },
            buffer,
        )
        write_bytes(path, buffer.getbuffer())

    def load(self, path: Path) -> None:
        """Go back to a saved state.

        Raises:
            RunError: the file is broken or of another model.
        """
        try:
            saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            self.model.load_state_dict(saved["model"])
            self.average.load_state_dict(saved["average"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.step = int(saved["step"])
        except (OSError, RuntimeError, ValueError, KeyError, EOFError, pickle.UnpicklingError) as error:
            raise RunError(f"{path} is broken ({error}). Delete it to train this run from its start.") from error


def rate_factor(step: int, steps: int) -> float:
    """Learning rate of a step as a share of its peak: a linear warm-up, then half a cosine down to 2 %."""
    warmup = max(min(100, steps // 10), 1)
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(steps - warmup, 1)
    return FINAL_RATE + (1 - FINAL_RATE) * (1 + math.cos(math.pi * progress)) / 2


def set_learning_rate(optimizer: AdamW, factor: float) -> None:
    """Set every group's rate to this share of its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * factor


def _moving_average(average: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
    if not average.is_floating_point():
        return current
    decay = min(MOST_DECAY, (1 + int(count)) / (10 + int(count)))
    return average.lerp(current, 1 - decay)


def _optimizer(model: SegmentationModel, spec: RunSpec) -> AdamW:
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        pretrained = bool(model.pretrained_prefix) and name.startswith(model.pretrained_prefix)
        groups.setdefault((pretrained, parameter.ndim > 1), []).append(parameter)
    return AdamW(
        [
            {
                "params": parameters,
                "peak_lr": spec.learning_rate * (spec.backbone_factor if pretrained else 1),
                "weight_decay": spec.weight_decay if decays else 0.0,
            }
            for (pretrained, decays), parameters in groups.items()
        ],
        lr=spec.learning_rate,
        fused=True,
    )
