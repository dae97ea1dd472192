"""The course of YOLOv5's training against its own few lines, and that of the recipe `quick`."""

import math
from itertools import pairwise

import numpy as np
import pytest
from torch import nn

from splitlab.models.registry import build_model
from splitlab.runs.recipes import recipe_settings, run_settings
from splitlab.runs.spec import RunSpec
from splitlab.training.schedule import _rate_share, _warm_share, batches_to_gather, set_step
from splitlab.training.state import TrainingState, _average_decay


def quick_rate(step, steps):
    spec = RunSpec.of("data", 4, 4, steps=steps)
    return _warm_share(spec, step) * _rate_share(spec, step)


def test_the_quick_rate_climbs_then_falls_to_two_percent():
    rates = [quick_rate(step, 500) for step in range(500)]
    assert rates[0] == pytest.approx(1 / 50)
    assert max(rates) == 1
    assert rates[-1] == pytest.approx(0.02, abs=1e-3)
    assert all(later <= earlier for earlier, later in pairwise(rates[50:]))


def test_a_run_of_one_step_learns_at_the_full_rate():
    assert quick_rate(0, 1) == 1


def yolov5_course(batch_size, epoch_steps, epochs, iterations):
    """Yield rate of biases, rate of the rest, momentum, whether the optimiser steps, and the average's decay."""
    warmup, nominal, last_step, updates = max(round(3 * epoch_steps), 100), 64, -1, 0
    accumulate = max(round(nominal / batch_size), 1)
    for iteration in range(iterations):
        factor = (1 - (iteration // epoch_steps) / epochs) * (1 - 0.01) + 0.01
        bias, rest, momentum = 0.01 * factor, 0.01 * factor, 0.937
        if iteration <= warmup:
            known = [0, warmup]
            accumulate = max(1, np.interp(iteration, known, [1, nominal / batch_size]).round())
            bias = np.interp(iteration, known, [0.1, bias])
            rest = np.interp(iteration, known, [0.0, rest])
            momentum = np.interp(iteration, known, [0.8, 0.937])
        steps = iteration - last_step >= accumulate
        if steps:
            last_step = iteration
            updates += 1
        yield bias, rest, momentum, steps, 0.9999 * (1 - math.exp(-updates / 2000))


@pytest.mark.parametrize(
    ("recipe", "full", "weak", "batch_size", "epoch_steps", "epochs"),
    [
        ("paper-voc", 60, 3000, 16, 30, 1000),
        ("paper-voc", 800, 0, 16, 50, 400),
        ("paper-cityscapes", 240, 1000, 8, 60, 50_184 / 60),
        ("paper-few-shot", 17, 4000, 16, 17, 20_000 / 17),
    ],
)
def test_the_paper_recipes_take_yolov5s_course(recipe, full, weak, batch_size, epoch_steps, epochs):
    spec = RunSpec.of("data", full, weak, **run_settings(recipe, {"model": "yolov5n-seg"}, full, weak))
    state = TrainingState.start(build_model("yolov5n-seg", 2, 64), spec)
    gathered, updates = 0, 0
    for step, wanted in enumerate(yolov5_course(batch_size, epoch_steps, epochs, 300)):
        set_step(state.optimizer, spec, step)
        gathered += 1
        steps = gathered >= batches_to_gather(spec, step)
        if steps:
            gathered, updates = 0, updates + 1
        for group in state.optimizer.param_groups:
            found = group["lr"], group["momentum"], steps, _average_decay(spec, updates)
            bias, rest, momentum, *last = wanted
            assert found == pytest.approx((bias if group["is_bias"] else rest, momentum, *last)), step


def test_the_groups_are_yolov5s_biases_norms_and_decaying_weights():
    spec = RunSpec.of("data", 800, 3000, **recipe_settings("paper-voc"))
    model = build_model("yolov5n-seg", 2, 64)
    state = TrainingState.start(model, spec)
    biases = {id(own) for name, own in model.named_parameters() if name.split(".")[-1] == "bias"}
    norms = {id(module.weight) for module in model.modules() if isinstance(module, nn.BatchNorm2d)}
    for group in state.optimizer.param_groups:
        ids = {id(parameter) for parameter in group["params"]}
        decays = not ids & (biases | norms)
        assert group["weight_decay"] == (5e-4 if decays else 0.0)
        assert ids <= biases if group["is_bias"] else not ids & biases
        assert group["nesterov"]


def test_the_average_starts_with_the_first_step_as_yolov5s_does():
    spec = RunSpec.of("data", 800, 3000, **recipe_settings("paper-voc"))
    state = TrainingState.start(build_model("yolov5n-seg", 2, 64), spec)
    before = state.averaged_model.head.m[0].bias.detach().clone()
    state.model.head.m[0].bias.data += 1
    state.average.update_parameters(state.model)
    kept = 0.9999 * (1 - math.exp(-1 / 2000))
    assert state.averaged_model.head.m[0].bias.detach().numpy() == pytest.approx((before + 1 - kept).numpy(), rel=1e-6)


@pytest.mark.parametrize(("count", "kept"), [(1, 2 / 11), (2, 3 / 12), (90, 91 / 100), (10**6, 0.99)])
def test_without_a_time_constant_the_average_climbs_by_the_steps_that_were_taken(count, kept):
    assert _average_decay(RunSpec.of("data", 4, 4, average_decay=0.99, average_tau=0.0), count) == pytest.approx(kept)
