"""Rate, momentum and accumulation of a step: YOLOv5's course, DETR's step, and the short cosine of `quick`."""

from __future__ import annotations

import math

from torch.optim import Optimizer

from splitlab.runs.spec import RunSpec


def set_step(optimizer: Optimizer, spec: RunSpec, step: int) -> None:
    """Set every group's rate, and its momentum where it has one, for a step, 0-based.

    In the warm-up rates climb from 0 (those of biases fall or climb from `warmup_bias_rate`), as in YOLOv5.
    """
    warm, share = warm_share(spec, step), rate_share(spec, step)
    for group in optimizer.param_groups:
        start = spec.optimizer.warmup_bias_rate if group["is_bias"] else 0.0
        group["lr"] = start + (group["peak_lr"] * share - start) * warm
        if "momentum" in group:
            first = spec.optimizer.warmup_momentum
            group["momentum"] = first + (spec.optimizer.momentum - first) * warm


def warm_share(spec: RunSpec, step: int) -> float:
    """Say how much of the warm-up is over at a step, 0..1."""
    # YOLOv5's first step has a rate of 0; a run of few steps cannot waste one.
    done = step if spec.optimizer.schedule == "linear" else step + 1
    return min(done / spec.warmup, 1.0)


def rate_share(spec: RunSpec, step: int) -> float:
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
    return max(round(1 + (wanted - 1) * warm_share(spec, step)), 1)


def scaled_weight_decay(spec: RunSpec) -> float:
    """Return the weight decay for the images that are gathered, as YOLOv5 scales it."""
    nominal = spec.optimizer.nominal_batch or spec.batch_size
    gathered = spec.batch_size * max(round(nominal / spec.batch_size), 1)
    return spec.optimizer.weight_decay * gathered / nominal
