"""The building blocks of YOLOv5, with the official parameter names."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Conv(nn.Module):
    """Convolution, batch norm, SiLU."""

    def __init__(self, c_in: int, c_out: int, kernel: int = 1, stride: int = 1, padding: int | None = None) -> None:
        super().__init__()
        pad = kernel // 2 if padding is None else padding
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, pad, bias=False)
        self.bn = nn.BatchNorm2d(c_out, eps=1e-3, momentum=0.03)
        self.act = nn.SiLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) to (B, c_out, H/stride, W/stride)."""
        out: Tensor = self.act(self.bn(self.conv(x)))
        return out


class Bottleneck(nn.Module):
    """Two convolutions, with the input added where `shortcut`."""

    def __init__(self, channels: int, *, shortcut: bool) -> None:
        super().__init__()
        self.cv1 = Conv(channels, channels, 1)
        self.cv2 = Conv(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        out: Tensor = self.cv2(self.cv1(x))
        return x + out if self.shortcut else out


class C3(nn.Module):
    """A cross-stage block: half of the channels go through the bottlenecks, half around them."""

    def __init__(self, c_in: int, c_out: int, depth: int, *, shortcut: bool) -> None:
        super().__init__()
        half = c_out // 2
        self.cv1 = Conv(c_in, half)
        self.cv2 = Conv(c_in, half)
        self.cv3 = Conv(2 * half, c_out)
        self.m = nn.Sequential(*(Bottleneck(half, shortcut=shortcut) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) to (B, c_out, H, W)."""
        out: Tensor = self.cv3(torch.cat([self.m(self.cv1(x)), self.cv2(x)], dim=1))
        return out


class SPPF(nn.Module):
    """Spatial pyramid pooling: the same 5 x 5 pool three times over, all four stages kept."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        half = c_in // 2
        self.cv1 = Conv(c_in, half)
        self.cv2 = Conv(4 * half, c_out)
        self.m = nn.MaxPool2d(5, stride=1, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) to (B, c_out, H, W)."""
        stages = [self.cv1(x)]
        for _ in range(3):
            stages.append(self.m(stages[-1]))
        out: Tensor = self.cv2(torch.cat(stages, dim=1))
        return out


class Proto(nn.Module):
    """Protonet: from the finest features to the prototype masks at a quarter of the image size."""

    def __init__(self, c_in: int, hidden: int, prototypes: int) -> None:
        super().__init__()
        self.cv1 = Conv(c_in, hidden, 3)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.cv2 = Conv(hidden, hidden, 3)
        self.cv3 = Conv(hidden, prototypes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) to (B, prototypes, 2H, 2W)."""
        out: Tensor = self.cv3(self.cv2(self.upsample(self.cv1(x))))
        return out


class Segment(nn.Module):
    """The head: for each anchor a box, an objectness, class scores and mask coefficients; and the prototypes.

    `anchors` is (levels, anchors, 2), width and height in grid cells of its level.
    """

    anchors: Tensor

    def __init__(
        self, class_count: int, anchors: Tensor, channels: tuple[int, ...], prototypes: int, hidden: int
    ) -> None:
        super().__init__()
        self.per_anchor = 5 + class_count + prototypes
        self.register_buffer("anchors", anchors)
        self.m = nn.ModuleList(nn.Conv2d(c, self.per_anchor * anchors.shape[1], 1) for c in channels)
        self.proto = Proto(channels[0], hidden, prototypes)

    def forward(self, features: list[Tensor]) -> tuple[list[Tensor], Tensor]:
        """Return for each level (B, anchors, rows, columns, per_anchor), and (B, prototypes, S/4, S/4)."""
        levels = []
        for conv, feature in zip(self.m, features, strict=True):
            batch, _, rows, columns = feature.shape
            raw = conv(feature).view(batch, -1, self.per_anchor, rows, columns)
            levels.append(raw.permute(0, 1, 3, 4, 2).contiguous())
        return levels, self.proto(features[0])
