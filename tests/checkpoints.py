"""Checkpoints for tests: small, whole, made in milliseconds."""

from functools import cache
from pathlib import Path

import torch

from splitlab.checkpoints.checkpoint import Card, save_checkpoint
from splitlab.checkpoints.weights import Weights
from splitlab.models.registry import build_model, weights_of


def card(**changes) -> Card:
    return Card(
        **{
            "name": "test",
            "model": "yolov5n-seg",
            "image_size": 64,
            "class_names": ["cat", "dog"],
            "dataset": "tiny",
            "data_hash": "a",
            "data_licence": "CC0-1.0",
            "full": 3,
            "weak": 4,
            "seed": 0,
            "split_hash": "b",
            "steps": 5,
            "trained_by": {},
            **changes,
        }
    )


def write_checkpoint(folder: Path, **changes) -> Path:
    """Write a yolov5n-seg of 2 classes with random weights; `changes` go into its card."""
    folder.mkdir(parents=True)
    save_checkpoint(folder, _weights(), card(**{"name": folder.name, **changes}))
    return folder


@cache
def _weights() -> Weights:
    torch.manual_seed(0)
    return weights_of(build_model("yolov5n-seg", 2, 64))
