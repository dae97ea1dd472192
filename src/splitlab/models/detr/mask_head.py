"""From a query to its mask: an attention map a head, then convolutions that take in finer and finer features.

Both modules work on rows, a row being one query of one image: the loss needs the matched queries alone, and a query's
mask does not depend on the other rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

GROUPS = 8


class AttentionMaps(nn.Module):
    """Where in the image a query's object is, one map a head; the maps of all heads sum to 1 together, as published."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_linear = nn.Linear(width, width)
        self.k_linear = nn.Linear(width, width)
        for linear in (self.q_linear, self.k_linear):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, queries: Tensor, memory: Tensor, padding: Tensor, image: Tensor) -> Tensor:
        """Return (M, heads, rows, columns).

        Args:
            queries: (M, width) decoder states.
            memory: (B, width, rows, columns) of the encoder.
            padding: (B, rows, columns) bool.
            image: (M,) int64, the image each query is of.
        """
        asked = self.q_linear(queries).unflatten(1, (self.heads, -1))
        keys = self.k_linear(memory.permute(0, 2, 3, 1)).unflatten(3, (self.heads, -1))
        scaled = asked * asked.shape[-1] ** -0.5
        scores = torch.einsum("mnc,mhwnc->mnhw", scaled, keys[image]).float()
        scores = scores.masked_fill(padding[image][:, None], float("-inf"))
        return scores.flatten(1).softmax(dim=1).view_as(scores)


class MaskHead(nn.Module):
    """Five convolutions; features at a finer stride join before the last three."""

    def __init__(self, width: int, heads: int, level_channels: Sequence[int]) -> None:
        """Build it; `level_channels` are those of the maps that join, the coarsest first."""
        super().__init__()
        first = width + heads
        channels = (first, first, width // 2, width // 4, width // 8, width // 16)
        self.lay1, self.lay2, self.lay3, self.lay4, self.lay5 = (
            nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(channels)
        )
        self.gn1, self.gn2, self.gn3, self.gn4, self.gn5 = (nn.GroupNorm(GROUPS, after) for after in channels[1:])
        self.out_lay = nn.Conv2d(channels[-1], 1, 3, padding=1)
        self.adapter1, self.adapter2, self.adapter3 = (
            nn.Conv2d(before, after, 1) for before, after in zip(level_channels, channels[2:5], strict=True)
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.kaiming_uniform_(module.weight, a=1)
                nn.init.zeros_(module.bias)

    def forward(self, source: Tensor, attention: Tensor, levels: Sequence[Tensor], image: Tensor) -> Tensor:
        """Return (M, h, w) logits at the stride of the finest level.

        Args:
            source: (B, width, rows, columns), what went into the encoder.
            attention: (M, heads, rows, columns).
            levels: three maps (B, C, ., .) of the backbone, the coarsest first.
            image: (M,) int64, the image each row is of.
        """
        x = torch.cat([source[image], attention.to(source.dtype)], dim=1)
        x = nnf.relu(self.gn1(self.lay1(x)))
        x = nnf.relu(self.gn2(self.lay2(x)))
        x = _join(x, self.adapter1(levels[0]), image)
        x = nnf.relu(self.gn3(self.lay3(x)))
        x = _join(x, self.adapter2(levels[1]), image)
        x = nnf.relu(self.gn4(self.lay4(x)))
        x = _join(x, self.adapter3(levels[2]), image)
        x = nnf.relu(self.gn5(self.lay5(x)))
        out: Tensor = self.out_lay(x)
        return out[:, 0]


def _join(x: Tensor, finer: Tensor, image: Tensor) -> Tensor:
    return finer[image] + nnf.interpolate(x, size=finer.shape[-2:], mode="nearest")
