"""The one training loop: any model that knows its loss, on fused batches, into a run folder."""

from __future__ import annotations

import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader

from splitlab.errors import RunError
from splitlab.models.contract import Batch, SegmentationModel
from splitlab.runs.run_folder import RunFolder, State
from splitlab.training.mixed_batches import MixedBatches
from splitlab.training.precision import mixed_precision
from splitlab.training.state import TrainingState, rate_factor, set_learning_rate

WINDOW_STEPS = 10
GRADIENT_CLIP = 10.0
GPU_WORKERS = 8

Evaluate = Callable[[SegmentationModel], dict[str, Any]]
Progress = Callable[[int], None]


class _Loss(nn.Module):
    """The loss as a forward pass: that is what accelerate wraps in autocast and joins between processes."""

    def __init__(self, model: SegmentationModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        return self.model.loss(batch)


def train(
    model: SegmentationModel, batches: MixedBatches, run: RunFolder, evaluate: Evaluate, progress: Progress
) -> SegmentationModel | None:
    """Train to the end, or on from the run's last saved state; return the averaged model, None where cancelled.

    Every `evaluate_every` steps the averaged model is evaluated and the state saved, in this order: a kill at any
    moment loses what came after the last saved state, and its events are dropped before the run goes on.

    Raises:
        RunError: the loss is no longer finite, or the folder cannot be written.
    """
    spec = run.spec()
    accelerator = Accelerator(mixed_precision=mixed_precision(spec.device), cpu=spec.device == "cpu")
    model.to(accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    state = TrainingState.start(model, spec)
    if run.state_path.exists():
        state.load(run.state_path)
    run.forget_events_after(state.step)
    loss, optimizer = accelerator.prepare(_Loss(model), state.optimizer)
    window = _Window(state.step)
    with _stop_on_signals(run):
        for batch in _batches_from(batches, state.step, spec.device):
            set_learning_rate(state.optimizer, rate_factor(state.step, spec.steps))
            parts = _one_step(loss, batch.to(accelerator.device), optimizer, accelerator)
            state.average.update_parameters(model)
            state.step += 1
            window.add(parts, spec.batch_size)
            progress(state.step)
            ends_interval = state.step % spec.evaluate_every == 0 or state.step == spec.steps
            cancelled = run.cancel_is_asked() and state.step < spec.steps
            if window.steps == WINDOW_STEPS or ends_interval or cancelled:
                run.append_event(window.event(state.step, state.optimizer.param_groups[0]["lr"]))
                run.write_status(State.RUNNING, state.step, spec.steps)
                window = _Window(state.step)
            if ends_interval:
                run.append_event({"kind": "evaluation", "step": state.step, "scores": evaluate(state.averaged_model)})
                window = _Window(state.step)  # its clock leaves the evaluation out
            if ends_interval or cancelled:
                state.save(run.state_path)
            if cancelled:
                return None
    return state.averaged_model


def _one_step(loss: nn.Module, batch: Batch, optimizer: Any, accelerator: Accelerator) -> dict[str, float]:
    loss.train()
    parts = loss(batch)
    total = sum(parts.values(), start=torch.zeros((), device=batch.images.device))
    if not torch.isfinite(total):
        shown = {name: float(part) for name, part in parts.items()}
        raise RunError(f"The loss is no longer finite ({shown}). Start a new run with a lower learning rate.")
    optimizer.zero_grad()
    accelerator.backward(total)
    accelerator.clip_grad_norm_(loss.parameters(), GRADIENT_CLIP)
    optimizer.step()
    return {name: float(part.detach()) for name, part in parts.items()}


def _batches_from(batches: MixedBatches, step: int, device: str) -> Iterator[Batch]:
    workers = GPU_WORKERS if device == "cuda" else 0
    order = range(step, len(batches))
    return iter(DataLoader(batches, batch_size=None, sampler=order, num_workers=workers, pin_memory=False))


class _Window:
    """Sums up the steps between two events."""

    def __init__(self, step: int) -> None:
        self._first = step + 1
        self._sums: dict[str, float] = defaultdict(float)
        self._images = 0
        self._start = time.monotonic()
        self.steps = 0

    def add(self, parts: dict[str, float], images: int) -> None:
        """Count one step."""
        for name, part in parts.items():
            self._sums[name] += part / images
        self._images += images
        self.steps += 1

    def event(self, step: int, rate: float) -> dict[str, Any]:
        """Return the event of the steps counted, losses per image."""
        seconds = max(time.monotonic() - self._start, 1e-9)
        return {
            "kind": "train",
            "from_step": self._first,
            "step": step,
            "losses": {name: total / self.steps for name, total in self._sums.items()},
            "learning_rate": rate,
            "images_per_second": self._images / seconds,
            "seconds": seconds,
        }


@contextmanager
def _stop_on_signals(run: RunFolder) -> Iterator[None]:
    """Turn Ctrl-C and a polite kill into a wish to stop after the step at hand."""

    def ask(*_: object) -> None:
        run.ask_to_cancel()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
