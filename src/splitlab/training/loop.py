"""The training loop for all models: fused batches in, events and saved states out."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from timm.layers.norm_act import convert_sync_batchnorm
from torch import Tensor, nn
from torch.utils.data import DataLoader

from splitlab.errors import RunError
from splitlab.models.contract import Batch, BoxLesson, SegmentationModel
from splitlab.models.precision import keep_freed_memory, mixed_precision
from splitlab.models.weak_masks.lesson import lesson_at
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import RunSpec
from splitlab.training.mixed_batches import MixedBatches
from splitlab.training.run_log import RunLog, start_tracker
from splitlab.training.schedule import Stage, batches_to_gather, set_step
from splitlab.training.state import TrainingState, is_saved

_GPU_WORKERS = 8
# Cache size for the outputs of frozen parts.
_KEPT_BYTES = 2_000_000_000

_Evaluate = Callable[[SegmentationModel, Stage], dict[str, Any]]
BatchesOf = Callable[[Stage], MixedBatches]
_Progress = Callable[[int], None]
_Tell = Callable[[str], object]


class _Loss(nn.Module):
    """The loss as a forward pass, which accelerate wraps in autocast and synchronizes between processes."""

    def __init__(self, model: SegmentationModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch, lesson: BoxLesson | None) -> dict[str, Tensor]:
        return self.model.loss(batch) if lesson is None else self.model.loss_with_boxes(batch, lesson)


def train(
    model: SegmentationModel,
    stages: Sequence[Stage],
    batches_of: BatchesOf,
    run: RunFolder,
    evaluate: _Evaluate,
    progress: _Progress,
    tell: _Tell = lambda _: None,
) -> SegmentationModel | None:
    """Train through all stages, or resume from the last saved state; return the averaged model, or None if cancelled.

    Every `evaluate_every` steps, the averaged model is evaluated, then the state is saved. A killed run resumes there;
    later events are dropped. Each stage starts from the averaged model of the previous one and has its own state file.
    Processes started by `accelerate launch` share each batch; the main one writes and evaluates.

    Raises:
        RunError: the loss is not finite, or the folder cannot be written.
        SettingsError: the processes cannot share a batch equally.
    """
    spec = run.spec()
    keep_freed_memory()
    accelerator = Accelerator(
        mixed_precision=mixed_precision(spec.device),
        cpu=spec.device == "cpu",
        log_with=spec.tracker or None,
        project_dir=run.tracker_path,
    )
    if accelerator.is_main_process:
        start_tracker(accelerator, spec, run)
    current: SegmentationModel | None = model
    with _stop_on_signals(run):
        for stage in stages:
            if current is not None:
                job = _StageJob(stage, run, accelerator, evaluate, progress, tell)
                current = job.train(current, batches_of)
    accelerator.end_training()
    return current


@dataclass(frozen=True)
class _StageJob:
    """The training of one stage: what is constant from step to step."""

    stage: Stage
    run: RunFolder
    accelerator: Accelerator
    evaluate: _Evaluate
    progress: _Progress
    tell: _Tell

    def train(self, model: SegmentationModel, batches_of: BatchesOf) -> SegmentationModel | None:
        """Train to the stage's end; return the averaged model, or None if cancelled."""
        spec, accelerator = self.stage.spec, self.accelerator
        model.set_stage(self.stage.name)
        model = _placed(model, spec, accelerator)
        state = TrainingState.start(model, spec)
        if is_saved(self._state_path):
            self._report(state.load(self._state_path), state)
        if state.step == spec.steps:
            return state.averaged_model
        if not spec.augmentation.changes_images:
            model.keep_outputs(_KEPT_BYTES)
        loss, optimizer = accelerator.prepare(_Loss(model), state.optimizer)
        if accelerator.is_main_process:
            self.run.forget_events_after(self._run_step(state))
        log = RunLog(self.run, accelerator, self.stage, self._run_step(state))
        own = batches_of(self.stage).of_process(accelerator.process_index, accelerator.num_processes)
        for batch in _batches_from(own, state.step, accelerator):
            set_step(state.optimizer, spec, state.step)
            self._seed(state)
            log.add(self._learn(loss, batch.to(accelerator.device), state), spec.batch_size)
            _step_when_gathered(state, spec, optimizer, accelerator)
            self.progress(self._run_step(state))
            if self._note(state, log):
                return None
        return state.averaged_model

    def _learn(self, loss: nn.Module, batch: Batch, state: TrainingState) -> dict[str, float]:
        """Add a batch's gradients to the model; return the losses per image over all processes."""
        accelerator, spec = self.accelerator, self.stage.spec
        with accelerator.autocast():
            lesson = lesson_at(spec.weak_masks, state.step / spec.steps, batch, state.averaged_model)
        loss.train()
        parts = loss(batch, lesson)
        values = accelerator.reduce(torch.stack([part.detach() for part in parts.values()]), "mean") / len(batch.images)
        shown = dict(zip(parts, values.tolist(), strict=True))
        if not values.isfinite().all():
            raise RunError(f"The loss is no longer finite ({shown}). Start a new run with a lower learning rate.")
        # The processes' gradients are averaged, but the loss is a sum over the images of all processes.
        accelerator.backward(sum(parts.values()) * accelerator.num_processes)
        return shown

    def _report(self, fault: str, state: TrainingState) -> None:
        """Report a damaged saved state, if any, in the run's status and to the user."""
        if fault and self.accelerator.is_main_process:
            self.run.write_status(State.RUNNING, self._run_step(state), self.run.spec().steps, fault)
            self.tell(fault)

    def _note(self, state: TrainingState, log: RunLog) -> bool:
        """Write and save what is due after a step; return whether the run is to stop here."""
        spec = self.stage.spec
        ends_interval = state.step % spec.evaluate_every == 0 or state.step == spec.steps
        ends_run = self._run_step(state) == self.run.spec().steps
        cancelled = False
        if not ends_run:
            asked = torch.tensor(float(self.run.cancel_is_asked()), device=self.accelerator.device)
            cancelled = bool(self.accelerator.reduce(asked, "sum") > 0)
        if self.accelerator.is_main_process:
            step = self._run_step(state)
            if log.is_full() or ends_interval or cancelled:
                log.write_steps(step, state.optimizer.param_groups[0]["lr"])
            if ends_interval:
                log.write_evaluation(step, self.evaluate(state.averaged_model, self.stage))
            if ends_interval or cancelled:
                state.save(self._state_path)
        return cancelled

    def _seed(self, state: TrainingState) -> None:
        """Make dropout a function of seed and step, as batches are, so that resumed runs are identical."""
        place = (self.stage.spec.seed, self._run_step(state), self.accelerator.process_index)
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))

    def _run_step(self, state: TrainingState) -> int:
        return self.stage.before + state.step

    @property
    def _state_path(self) -> Path:
        path = self.run.state_path
        return path.with_stem(f"{path.stem}-{self.stage.name}") if self.stage.before else path


def _placed(model: SegmentationModel, spec: RunSpec, accelerator: Accelerator) -> SegmentationModel:
    if accelerator.num_processes > 1 and accelerator.device.type == "cuda":
        # timm's conversion, because torch's would drop the activations in timm's norms.
        model = convert_sync_batchnorm(model)
    model.to(accelerator.device)
    model.to(memory_format=torch.channels_last)
    if spec.compiled:
        model.compile()
    return model


def _step_when_gathered(state: TrainingState, spec: RunSpec, optimizer: Any, accelerator: Accelerator) -> None:
    state.gathered += 1
    if state.gathered >= batches_to_gather(spec, state.step):
        accelerator.clip_grad_norm_(state.model.parameters(), spec.optimizer.clip)
        optimizer.step()
        optimizer.zero_grad()
        state.average.update_parameters(state.model)
        state.gathered = 0
    state.step += 1


def _batches_from(batches: MixedBatches, step: int, accelerator: Accelerator) -> Iterator[Batch]:
    on_gpu = accelerator.device.type == "cuda"
    workers = min(_GPU_WORKERS, (os.cpu_count() or 1) // accelerator.num_processes) if on_gpu else 0
    order = range(step, len(batches))
    # The whole run is one pass over the loader, so workers are started once.
    return iter(DataLoader(batches, batch_size=None, sampler=order, num_workers=workers, pin_memory=on_gpu))


@contextmanager
def _stop_on_signals(run: RunFolder) -> Iterator[None]:
    """Request a stop after the current step on SIGINT and SIGTERM."""

    def ask(*_: object) -> None:
        run.ask_to_cancel()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
