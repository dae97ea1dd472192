"""The learning rate schedule, and the stages of a training run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch.optim import Optimizer

from splitlab.errors import SettingsError
from splitlab.runs.spec import RunSpec


def set_step(optimizer: Optimizer, spec: RunSpec, step: int) -> None:
    """Set every group's learning rate, and its momentum if any, for a step, 0-based.

    During warm-up, rates rise from 0, and those of biases change from `warmup_bias_rate`, as in YOLOv5.
    """
    warm, share = _warm_share(spec, step), _rate_share(spec, step)
    for group in optimizer.param_groups:
        start = spec.optimizer.warmup_bias_rate if group["is_bias"] else 0.0
        group["lr"] = start + (group["peak_lr"] * share - start) * warm
        if "momentum" in group:
            first = spec.optimizer.warmup_momentum
            group["momentum"] = first + (spec.optimizer.momentum - first) * warm


def _warm_share(spec: RunSpec, step: int) -> float:
    """Return the progress of the warm-up at a step, 0..1."""
    # YOLOv5's first step has a rate of 0, which would waste a step of a short run.
    done = step if spec.optimizer.schedule == "linear" else step + 1
    return min(done / spec.warmup, 1.0)


def _rate_share(spec: RunSpec, step: int) -> float:
    """Return the rate of a step as a fraction of its peak, without warm-up."""
    if spec.optimizer.schedule == "linear":
        epoch_begins = step // spec.epoch_steps * spec.epoch_steps
        fallen = epoch_begins / spec.steps
    elif spec.optimizer.schedule == "step":
        fallen = float(step >= round(spec.optimizer.drop_at * spec.steps))
    else:
        progress = max(step - spec.warmup, 0) / max(spec.steps - spec.warmup, 1)
        fallen = (1 - math.cos(math.pi * progress)) / 2
    return 1 - (1 - spec.optimizer.final_rate) * fallen


def batches_to_gather(spec: RunSpec, step: int) -> int:
    """Return the batches per optimizer step: rises from 1 to the nominal batch during warm-up."""
    wanted = (spec.optimizer.nominal_batch or spec.batch_size) / spec.batch_size
    return max(round(1 + (wanted - 1) * _warm_share(spec, step)), 1)


def scaled_weight_decay(spec: RunSpec) -> float:
    """Return the weight decay scaled to the accumulated images, as in YOLOv5."""
    nominal = spec.optimizer.nominal_batch or spec.batch_size
    gathered = spec.batch_size * max(round(nominal / spec.batch_size), 1)
    return spec.optimizer.weight_decay * gathered / nominal


@dataclass(frozen=True)
class Stage:
    """A part of a training run with its own optimizer and schedule."""

    name: str  # as the model calls it; empty if the model has a single stage
    before: int  # steps of the run before this stage
    spec: RunSpec  # the run's settings for this stage: its steps, batches and sets


def stages_of(spec: RunSpec, names: tuple[str, ...]) -> list[Stage]:
    """Split a run into the stages of its model that have steps.

    Args:
        spec: the run's settings.
        names: the model's `stages`: one, or two of which the first trains boxes and the second masks.

    Raises:
        SettingsError: `mask_steps` does not fit the model, or there are no masks to train on.
    """
    if len(names) == 1:
        if spec.mask_stage.steps:
            raise SettingsError(
                f"{spec.model} trains boxes and masks together: remove mask_steps {spec.mask_stage.steps}."
            )
        return [Stage(names[0], 0, spec)]
    if bool(spec.mask_stage.steps) != bool(spec.data.full):
        raise SettingsError(
            f"{spec.model} trains masks on F in the last mask_steps steps: with {spec.data.full} mask images, "
            f"mask_steps cannot be {spec.mask_stage.steps}. "
            + ("Set it as in the recipe quick-detr." if spec.data.full else "Set it to 0.")
        )
    boxes, masks = names
    before = spec.steps - spec.mask_stage.steps
    if not before and not spec.start_from:
        raise SettingsError(
            f"All {spec.steps} steps of {spec.model} are mask_steps, but masks need a trained box detector: set fewer "
            "mask_steps, or start from a trained checkpoint (start_from)."
        )
    parts = [Stage(boxes, 0, _box_spec(spec))] if before else []
    return [*parts, Stage(masks, before, _mask_spec(spec))] if spec.mask_stage.steps else parts


def _box_spec(spec: RunSpec) -> RunSpec:
    """Treat F and W as one set of box images."""
    return spec.changed(
        full=0,
        weak=spec.data.full + spec.data.weak,
        steps=spec.steps - spec.mask_stage.steps,
        mask_steps=0,
        f_size=spec.batch_size,
    )


def _mask_spec(spec: RunSpec) -> RunSpec:
    batch_size = spec.mask_stage.batch_size or spec.batch_size
    return spec.changed(
        weak=0,
        steps=spec.mask_stage.steps,
        mask_steps=0,
        batch_size=batch_size,
        f_size=batch_size,
        learning_rate=spec.mask_stage.learning_rate or spec.optimizer.learning_rate,
        drop_at=spec.mask_stage.drop_at,
        # Gradients are sums over the images of a batch.
        clip=spec.optimizer.clip * batch_size / spec.batch_size,
    )
