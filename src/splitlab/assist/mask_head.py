"""A small network from a square's inputs to the object's mask, trained on few masks drawn by a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from splitlab.assist.focus_inputs import inside_square
from splitlab.geometry import FloatArray

OUT_SIDE = 32
"""Side of the predicted map, pixels."""
_HIDDEN, _DROP = 32, 0.5
_STEPS, _BATCH, _RATE, _DECAY = 300, 12, 2e-3, 0.05
_LEAST_SPREAD = 1e-3


class _Head(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.drop_input, self.drop = nn.Dropout2d(_DROP / 2), nn.Dropout2d(_DROP)
        self.reduce = nn.Conv2d(channels, _HIDDEN, 1)
        self.coarse = nn.Conv2d(_HIDDEN, _HIDDEN, 3, padding=1)
        self.fine = nn.Conv2d(_HIDDEN, _HIDDEN, 3, padding=1)
        self.out = nn.Conv2d(_HIDDEN, 1, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (N, 32, 32) logits for (N, C, 16, 16) inputs."""
        x = self.drop(functional.gelu(self.reduce(self.drop_input(inputs))))
        x = self.drop(functional.gelu(self.coarse(x)) + x)
        x = functional.interpolate(x, size=(OUT_SIDE, OUT_SIDE), mode="bilinear", align_corners=False)
        logits: Tensor = self.out(functional.gelu(self.fine(x)) + x)[:, 0]
        return logits


@dataclass(frozen=True)
class MaskHead:
    """A trained head with the scale of its inputs."""

    network: nn.Module
    mean: Tensor
    spread: Tensor

    def draw(self, inputs: FloatArray) -> FloatArray:
        """Return the object's probability in a square, (32, 32), for its (16, 16, C) inputs and their mirror image."""
        with torch.inference_mode():
            scaled = (_batch([inputs]) - self.mean) / self.spread
            logits = self.network(torch.cat([scaled, scaled.flip(3)]))
            found = (logits[0].sigmoid() + logits[1].flip(1).sigmoid()) / 2
        return np.asarray(found.numpy(), np.float32)


def train_head(inputs: Sequence[FloatArray], masks: Sequence[FloatArray], seed: int) -> MaskHead:
    """Train a head with cross-entropy and dice loss within the boxes.

    Args:
        inputs: (16, 16, C) for each square.
        masks: (32, 32) for each square, the share of each pixel that the object covers, 0..1.
        seed: equal seeds train equal heads on one machine.
    """
    given, wanted = _batch(inputs), torch.from_numpy(np.stack(masks))
    mean = given.mean(dim=(0, 2, 3), keepdim=True)
    spread = given.std(dim=(0, 2, 3), keepdim=True) + _LEAST_SPREAD
    scaled = (given - mean) / spread
    scaled, wanted = torch.cat([scaled, scaled.flip(3)]), torch.cat([wanted, wanted.flip(2)])
    # The caller's random numbers stay as they are.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _Head(given.shape[1])
        optimizer = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, _STEPS)
        for _ in range(_STEPS):
            chosen = torch.randint(len(scaled), (_BATCH,))
            loss = _loss(network(scaled[chosen]), wanted[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return MaskHead(network.eval(), mean, spread)


def _loss(logits: Tensor, wanted: Tensor) -> Tensor:
    inside = torch.from_numpy(inside_square(OUT_SIDE)).float()
    entropy = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    found, there = logits.sigmoid() * inside, wanted * inside
    dice = (2 * (found * there).sum(dim=(1, 2)) + 1) / ((found + there).sum(dim=(1, 2)) + 1)
    return ((entropy * inside).sum(dim=(1, 2)) / inside.sum() + 1 - dice).mean()


def _batch(inputs: Sequence[FloatArray]) -> Tensor:
    return torch.from_numpy(np.stack(inputs)).permute(0, 3, 1, 2)
