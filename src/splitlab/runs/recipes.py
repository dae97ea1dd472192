"""Recipes: named sets of settings for a training run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from splitlab.errors import SettingsError
from splitlab.families import family_of
from splitlab.runs.spec import RunSpec

# YOLOv5 as the paper's authors trained it; see docs/protocol.md.
_PAPER: dict[str, Any] = {
    "model": "yolov5x-seg",
    "steps": 30_000,
    "evaluate_every": 1000,
    "optimizer": "sgd",
    "learning_rate": 0.01,
    "backbone_factor": 1.0,
    "weight_decay": 5e-4,
    "momentum": 0.937,
    "schedule": "linear",
    "final_rate": 0.01,
    "warmup_epochs": 3.0,
    "warmup_steps": 100,
    "warmup_bias_rate": 0.1,
    "warmup_momentum": 0.8,
    "nominal_batch": 64,
    "clip": 10.0,
    "average_decay": 0.9999,
    "average_tau": 2000.0,
    "mosaic": 1.0,
    "plain_tail": 0.0,
    "hue": 0.015,
    "saturation": 0.7,
    "value": 0.4,
    "translate": 0.1,
    "scale": 0.5,
    "flip": 0.5,
    "anchors": "auto",
}

# An epoch of 1475 mask images, 4 in a batch, has 369 steps. The paper has 136 epochs, the authors' notebook 272.
_PAPER_CITYSCAPES: dict[str, Any] = {**_PAPER, "image_size": 1024, "batch_size": 8, "f_size": 4}

# DETR as the paper's authors trained it; see docs/protocol.md. The steps are for the split 800/3000; `run_settings`
# counts them for others. It needs pretrained weights, set by `start_from`.
_PAPER_DETR: dict[str, Any] = {
    "model": "detr-r50",
    "image_size": 800,
    "steps": 154_050,
    "evaluate_every": 2000,
    "batch_size": 10,
    "optimizer": "adamw",
    "learning_rate": 1e-4,
    "backbone_factor": 0.1,
    "weight_decay": 1e-4,
    "schedule": "step",
    "final_rate": 0.1,
    "drop_at": 250 / 300,
    "warmup_steps": 0,
    "clip": 1.0,  # the authors' 0.1 is for a mean over the batch; our losses are sums
    "average_decay": 0.0,
    "mosaic": 0.0,
    "hue": 0.0,
    "saturation": 0.0,
    "value": 0.0,
    "translate": 0.1,
    "scale": 0.5,
    "flip": 0.5,
    "mask_steps": 40_050,
    "mask_batch_size": 3,
    "mask_drop_at": 120 / 150,
}

# For half an hour on two cores, and for photos with few objects.
_QUICK_DETR: dict[str, Any] = {
    "model": "detr-lite0-few",
    "steps": 2400,
    "evaluate_every": 300,
    "learning_rate": 5e-4,
    "backbone_factor": 0.3,
    "weight_decay": 1e-4,
    "clip": 1.6,
    "average_decay": 0.99,
    "mosaic": 0.0,
    "saturation": 0.3,
    "value": 0.2,
    "scale": 0.3,
    "mask_steps": 400,
    "mask_learning_rate": 2e-3,
}

# For the embedded scenes, four minutes on two cores; results are in docs/embedded-data.md.
_EMBEDDED: dict[str, Any] = {
    "image_size": 160,
    "steps": 480,
    "f_size": 6,
    "class_factor": 8.0,
    "mask_factor": 5.0,
    "mosaic": 0.0,
}

# For some minutes on two cores. On small images, unscaled anchors let finer levels predict large objects, and masks
# locate the edges: both improve the boxes (docs/decisions/0209).
_QUICK: dict[str, Any] = {"anchors": "auto", "refine_boxes": True}

RECIPES: dict[str, dict[str, Any]] = {
    "quick": _QUICK,
    "embedded": _EMBEDDED,
    "paper-voc": {**_PAPER, "image_size": 512, "batch_size": 16, "f_size": 2},
    "paper-cityscapes": {**_PAPER_CITYSCAPES, "steps": 50_184},
    "paper-cityscapes-long": {**_PAPER_CITYSCAPES, "steps": 100_368},
    "paper-few-shot": {**_PAPER, "image_size": 512, "batch_size": 16, "f_size": 1, "steps": 20_000},
    "paper-detr-voc": _PAPER_DETR,
    "quick-detr": _QUICK_DETR,
}

STEPS_WITHOUT_W: Mapping[str, int] = MappingProxyType({"paper-voc": 20_000, "paper-cityscapes": 50_000})
"""Steps if W is empty: the authors' 400 epochs of 50 steps (VOC2012 800/0) and 500 of 100 (Cityscapes 800/0)."""

EPOCHS: Mapping[str, tuple[int, int]] = MappingProxyType({"paper-detr-voc": (300, 150)})
"""Recipes counted in epochs: the number over the boxes of F and W, then the number over the masks of F."""


def recipe_settings(name: str) -> dict[str, Any]:
    """Return the settings of a recipe, with its name, by their names in `SETTINGS`. Raise SettingsError if unknown."""
    if name not in RECIPES:
        raise SettingsError(f"There is no recipe '{name}'. Choose one of {', '.join(RECIPES)}.")
    return {**RECIPES[name], "recipe": name}


def run_settings(recipe: str, changes: Mapping[str, Any], full: int, weak: int | None) -> dict[str, Any]:
    """Return a recipe's settings for a split with some changes, by their names in `SETTINGS`.

    If the changes contain neither `steps` nor `mask_steps`, a recipe may set both for the split (`STEPS_WITHOUT_W`,
    `EPOCHS`). Otherwise, if they lack `mask_steps`, a two-stage model with masks gets the share of its steps that the
    recipe, or else `quick-detr`, gives them; other models get none.

    Args:
        recipe: its name.
        changes: settings by name.
        full: |F|.
        weak: |W|; None if the split is not drawn yet: then the steps do not depend on it.

    Raises:
        SettingsError: there is no recipe of this name.
    """
    settings = {**recipe_settings(recipe), **changes}
    two_stages = bool(full) and family_of(str(settings.get("model", RunSpec.model))).two_stages
    length = {} if {"steps", "mask_steps"} & changes.keys() else _length(settings, full, weak, two_stages)
    settings |= length
    steps = settings.get("steps", RunSpec.steps)
    # The spec refuses steps that are not a number.
    if "mask_steps" in changes or "mask_steps" in length or not isinstance(steps, int):
        return settings
    settings.pop("mask_steps", None)
    if two_stages:
        share = RECIPES[recipe] if "mask_steps" in RECIPES[recipe] else _QUICK_DETR
        settings["mask_steps"] = max(steps * share["mask_steps"] // share["steps"], 1)
    return settings


def _length(settings: Mapping[str, Any], full: int, weak: int | None, two_stages: bool) -> dict[str, int]:
    """Return the steps of recipes whose number depends on the split."""
    recipe = settings["recipe"]
    if recipe in STEPS_WITHOUT_W and weak == 0:
        return {"steps": STEPS_WITHOUT_W[recipe]}
    if recipe not in EPOCHS or weak is None:
        return {}
    box_epochs, mask_epochs = EPOCHS[recipe]
    masks = mask_epochs * _batches(full, settings["mask_batch_size"]) if two_stages else 0
    boxes = box_epochs * _batches(full + weak, settings["batch_size"])
    return {"steps": max(boxes + masks, 1), "mask_steps": masks}


def _batches(images: int, batch_size: Any) -> int:
    # The spec refuses an invalid batch size.
    return math.ceil(images / batch_size) if isinstance(batch_size, int) and batch_size > 0 else 0
