"""Learning rate over the steps of a training run, and the stages of a model family."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch.optim import Optimizer

from splitlab.errors import SettingsError
from splitlab.runs.spec import RunSpec


def set_step(optimizer: Optimizer, spec: RunSpec, step: int) -> None:
    """Set every group's rate, and its momentum where it has one, for a step, 0-based.

    In the warm-up rates climb from 0 (those of biases fall or climb from `warmup_bias_rate`), as in YOLOv5.
    """
    warm, share = _warm_share(spec, step), _rate_share(spec, step)
    for group in optimizer.param_groups:
        start = spec.optimizer.warmup_bias_rate if group["is_bias"] else 0.0
        group["lr"] = start + (group["peak_lr"] * share - start) * warm
        if "momentum" in group:
            first = spec.optimizer.warmup_momentum
            group["momentum"] = first + (spec.optimizer.momentum - first) * warm


def _warm_share(spec: RunSpec, step: int) -> float:
    """Say how much of the warm-up is over at a step, 0..1."""
    # YOLOv5's first step has a rate of 0; a run of few steps cannot waste one.
    done = step if spec.optimizer.schedule == "linear" else step + 1
    return min(done / spec.warmup, 1.0)


def _rate_share(spec: RunSpec, step: int) -> float:
    """Return the rate of a step as a share of its peak, the warm-up aside."""
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
    """Return the batches whose gradients make one step of the optimiser: from 1, up to the nominal batch."""
    wanted = (spec.optimizer.nominal_batch or spec.batch_size) / spec.batch_size
    return max(round(1 + (wanted - 1) * _warm_share(spec, step)), 1)


def scaled_weight_decay(spec: RunSpec) -> float:
    """Return the weight decay for the images that are gathered, as YOLOv5 scales it."""
    nominal = spec.optimizer.nominal_batch or spec.batch_size
    gathered = spec.batch_size * max(round(nominal / spec.batch_size), 1)
    return spec.optimizer.weight_decay * gathered / nominal


@dataclass(frozen=True)
class Stage:
    """A part of a run, with an optimiser and a schedule of its own.

    Attributes:
        name: as the model calls it; empty where everything is learnt at once.
        before: steps of the run that lie before it.
        spec: the run's settings as the stage has them: its steps and batches, and the sets that it learns from.
    """

    name: str
    before: int
    spec: RunSpec


def stages_of(spec: RunSpec, names: tuple[str, ...]) -> list[Stage]:
    """Divide a run into the stages of its model, those with steps.

    Args:
        spec: the run's settings.
        names: the model's `stages`: one, or two of which the first learns boxes and the second masks.

    Raises:
        SettingsError: `mask_steps` does not fit the model, or there are no masks to learn from.
    """
    if len(names) == 1:
        if spec.mask_stage.steps:
            raise SettingsError(
                f"{spec.model} learns boxes and masks at once: leave mask_steps {spec.mask_stage.steps} out."
            )
        return [Stage(names[0], 0, spec)]
    if bool(spec.mask_stage.steps) != bool(spec.data.full):
        raise SettingsError(
            f"{spec.model} learns masks from F in the last mask_steps of the steps: with {spec.data.full} mask images "
            f"they cannot be {spec.mask_stage.steps}. "
            + ("Set some, as the recipe quick-detr does." if spec.data.full else "Set 0.")
        )
    boxes, masks = names
    before = spec.steps - spec.mask_stage.steps
    if not before and not spec.start_from:
        raise SettingsError(
            f"All {spec.steps} steps of {spec.model} are mask_steps, and masks are learnt on a box detector: set "
            "fewer, or start from a trained one (start_from)."
        )
    parts = [Stage(boxes, 0, _box_spec(spec))] if before else []
    return [*parts, Stage(masks, before, _mask_spec(spec))] if spec.mask_stage.steps else parts


def _box_spec(spec: RunSpec) -> RunSpec:
    """Take F and W as one set of box images."""
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
        # Losses are sums over the images of a batch, and so are their gradients.
        clip=spec.optimizer.clip * batch_size / spec.batch_size,
    )
