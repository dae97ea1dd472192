"""How much longer oneDNN takes for the backward pass of a depthwise convolution in bf16 than in float32.

Run: python benchmarks/depthwise_on_cpu.py. It prints the ratio for each shape, median and spread over the rounds.
"""

from __future__ import annotations

from statistics import median
from time import perf_counter

import torch
from torch import nn

ROUNDS = 7
BATCH = 16
# Channels, side, kernel, stride: the costliest depthwise layers of EfficientNet-Lite0 at 224 px.
SHAPES = ((96, 113, 3, 2), (144, 59, 5, 2), (672, 17, 5, 2), (1152, 7, 5, 1))


def backward_seconds(channels: int, side: int, kernel: int, stride: int, dtype: torch.dtype) -> float:
    x = torch.randn(BATCH, channels, side, side, dtype=dtype).contiguous(memory_format=torch.channels_last)
    conv = nn.Conv2d(channels, channels, kernel, stride, groups=channels, bias=False).to(dtype)
    out = conv(x.requires_grad_())
    gradient = torch.ones_like(out)
    start = perf_counter()
    out.backward(gradient)
    return perf_counter() - start


def main() -> None:
    for shape in SHAPES:
        backward_seconds(*shape, torch.bfloat16), backward_seconds(*shape, torch.float32)
        ratios = [
            backward_seconds(*shape, torch.bfloat16) / backward_seconds(*shape, torch.float32) for _ in range(ROUNDS)
        ]
        print(f"{shape}: bf16 / float32 = {median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")


if __name__ == "__main__":
    main()
