"""The state of a training run, and its file."""

from __future__ import annotations

import io
import math
import pickle
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.swa_utils import AveragedModel

from splitlab.errors import RunError
from splitlab.io import write_bytes, write_with_last
from splitlab.models.contract import SegmentationModel
from splitlab.runs.spec import RunSpec
from splitlab.training.schedule import scaled_weight_decay

_BROKEN = (
    *(OSError, RuntimeError, ValueError, TypeError, KeyError, AttributeError, EOFError, NotImplementedError),
    *(pickle.UnpicklingError, zipfile.BadZipFile, zlib.error),
)


@dataclass
class TrainingState:
    """Everything a run needs to resume."""

    model: SegmentationModel  # the model in training
    average: AveragedModel  # its moving average, which is evaluated and published
    optimizer: Optimizer  # of the model
    step: int = 0  # finished batches
    gathered: int = 0  # batches whose gradients are accumulated for the next optimizer step
    _from_last: bool = False

    @classmethod
    def start(cls, model: SegmentationModel, spec: RunSpec) -> TrainingState:
        """Return the state at step 0."""
        average = AveragedModel(model, multi_avg_fn=_moving_average(spec), use_buffers=True)
        if spec.optimizer.average_tau:
            # YOLOv5 averages from the first step on; torch would copy the first.
            average.n_averaged += 1
        return cls(model, average, _optimizer(model, spec))

    @property
    def averaged_model(self) -> SegmentationModel:
        """The moving average as a model."""
        return cast(SegmentationModel, self.average.module)

    def save(self, path: Path) -> None:
        """Write the state; the previous file is kept as well."""
        gradients = {name: own.grad for name, own in self.model.named_parameters() if own.grad is not None}
        buffer = io.BytesIO()
        torch.save(
            {
                "step": self.step,
                "model": self.model.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "gathered": self.gathered,
                "gradients": gradients if self.gathered else {},
            },
            buffer,
        )
        if self._from_last:
            # The file at `path` is damaged: it must not replace the previous one, which this state was loaded from.
            write_bytes(path, buffer.getbuffer())
            self._from_last = False
        else:
            write_with_last(path, _last_of(path), buffer.getbuffer())

    def load(self, path: Path) -> str:
        """Load the last saved state, or the one before it if the last is damaged or missing.

        Returns:
            A sentence if the one before was loaded, else an empty text.

        Raises:
            RunError: neither can be read, or they belong to another model.
        """
        last = _last_of(path)
        try:
            self._load(path)
        except RunError as error:
            if not last.exists():
                raise
            self._load(last)
            self._from_last = True
            return f"{error.args[0].partition('. Delete')[0]}. Resuming from the previous state, at step {self.step}."
        return ""

    def _load(self, path: Path) -> None:
        try:
            _check_sums(path)
            saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            self.model.load_state_dict(saved["model"])
            self.average.load_state_dict(saved["average"])
            self.optimizer.load_state_dict(saved["optimizer"])
            for name, gradient in saved["gradients"].items():
                parameter = self.model.get_parameter(name)
                parameter.grad = gradient.to(parameter.device)
            self.gathered = int(saved["gathered"])
            self.step = int(saved["step"])
        except _BROKEN as error:
            raise _broken(path, error) from error


def _last_of(path: Path) -> Path:
    """Return the path of the previous state of `path`."""
    return path.with_stem(f"{path.stem}-before")


def is_saved(path: Path) -> bool:
    """Return whether there is a state to resume from."""
    return path.exists() or _last_of(path).exists()


def forget_last(weights: Path) -> None:
    """Delete the previous states of a finished run."""
    try:
        for path in weights.glob(_last_of(weights / "state*.pt").name):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"{weights}: cannot be written ({error.strerror}).") from error


def saved_tensors(path: Path) -> list[str]:
    """Return the names of a saved model's tensors without reading them."""
    try:
        return _saved_tensors(path)
    except RunError:
        if not _last_of(path).exists():
            raise
        return _saved_tensors(_last_of(path))


def _saved_tensors(path: Path) -> list[str]:
    try:
        return list(torch.load(path, map_location="cpu", mmap=True, weights_only=True)["model"])
    except _BROKEN as error:
        raise _broken(path, error) from error


def _broken(path: Path, error: Exception) -> RunError:
    return RunError(f"{path} is broken ({error}). Delete it to restart this run from the beginning.")


def _check_sums(path: Path) -> None:
    """Compare every tensor with its checksum, which torch writes but does not check."""
    with zipfile.ZipFile(path) as saved:
        if broken := saved.testzip():
            raise ValueError(f"{broken} in it has changed since it was saved")


def _moving_average(spec: RunSpec) -> Callable[..., None]:
    def average_tensors(averages: Sequence[Tensor], currents: Sequence[Tensor], count: Tensor | int) -> None:
        share = 1 - _average_decay(spec, int(count))
        for average, current in zip(averages, currents, strict=True):
            if average.is_floating_point():
                average.lerp_(current, share)
            else:
                average.copy_(current)

    return average_tensors


def _average_decay(spec: RunSpec, count: int) -> float:
    """Return the decay of the moving average at the optimizer step `count`, 1-based."""
    if spec.optimizer.average_tau:
        return spec.optimizer.average_decay * (1 - math.exp(-count / spec.optimizer.average_tau))
    return min(spec.optimizer.average_decay, (1 + count) / (10 + count))


def _optimizer(model: SegmentationModel, spec: RunSpec) -> Optimizer:
    """Build the optimizer: only matrices and kernels decay, biases have their own warm-up, frozen ones are omitted."""
    gathered: dict[tuple[bool, bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        pretrained = bool(model.pretrained_prefix) and name.startswith(model.pretrained_prefix)
        kind = (pretrained, parameter.ndim > 1, name.endswith(".bias"))
        gathered.setdefault(kind, []).append(parameter)
    groups = [
        {
            "params": parameters,
            "peak_lr": spec.optimizer.learning_rate * (spec.optimizer.backbone_factor if pretrained else 1),
            "weight_decay": scaled_weight_decay(spec) if decays else 0.0,
            "is_bias": is_bias,
        }
        for (pretrained, decays, is_bias), parameters in gathered.items()
    ]
    rate, momentum = spec.optimizer.learning_rate, spec.optimizer.momentum
    if spec.optimizer.name == "sgd":
        return SGD(groups, lr=rate, momentum=momentum, nesterov=momentum > 0, fused=True)
    return AdamW(groups, lr=rate, betas=(momentum, 0.999), fused=True)
