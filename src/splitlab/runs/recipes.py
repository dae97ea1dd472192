"""Ways to train by name: settings that belong together."""

from __future__ import annotations

from typing import Any

from splitlab.errors import SettingsError

# YOLOv5's training as the paper's authors ran it (PROTOCOL.md, YOLOv5).
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

RECIPES: dict[str, dict[str, Any]] = {
    "quick": {},
    "paper-voc": {**_PAPER, "image_size": 512, "batch_size": 16, "f_size": 2},
    "paper-cityscapes": {**_PAPER, "image_size": 1024, "batch_size": 8, "f_size": 4},
    "paper-few-shot": {**_PAPER, "image_size": 512, "batch_size": 16, "f_size": 1, "steps": 20_000},
}


def recipe_settings(name: str) -> dict[str, Any]:
    """Return the settings of a recipe, its name among them, as keywords of `RunSpec`.

    Raises:
        SettingsError: there is no recipe of this name.
    """
    if name not in RECIPES:
        raise SettingsError(f"There is no recipe '{name}'. Choose one of {', '.join(RECIPES)}.")
    return {**RECIPES[name], "recipe": name}
