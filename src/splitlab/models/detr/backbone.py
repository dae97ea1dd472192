"""The backbone of DETR and the position encodings."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import torch
import torch.nn.functional as nnf
import torchvision
from timm.layers.norm_act import freeze_batch_norm_2d
from torch import Tensor, nn, tensor
from torchvision.ops import FrozenBatchNorm2d

from splitlab.errors import SettingsError
from splitlab.models.detr.sizes import DetrSize, Norm
from splitlab.models.yolov5.layers import Lite0

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RESNET_CHANNELS = {"resnet18": (64, 128, 256, 512), "resnet50": (256, 512, 1024, 2048)}
# The channels of Lite0's maps, and the blocks whose outputs they are.
_LITE0_CHANNELS, _LITE0_BLOCKS = (24, 40, 112, 320), (1, 2, 4, 6)
_TEMPERATURE = 10000
# Avoids a division by 0 in a column that is all padding.
_EPSILON = 1e-6


class _FrozenNorm(FrozenBatchNorm2d):  # type: ignore[misc]
    """torchvision's, in one pass and in the features' number format: halves a ResNet's time in bf16 on a CPU."""

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        return nnf.batch_norm(
            features, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )


class Backbone(nn.Module, ABC):
    """A network that computes four feature maps of an image at strides 4, 8, 16 and 32 (DC5: 16), finest first.

    Its normalised input goes through `body`; `channels` are those of the four maps.
    """

    body: Any

    def __init__(self, body: nn.Module, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.body = body
        self.channels = channels

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W), 0..1, to the maps."""
        return self.levels(self.normalise(images))

    @abstractmethod
    def normalise(self, images: Tensor) -> Tensor:
        """Shift and scale (B, 3, H, W) images, 0..1, as in the body's training."""

    @abstractmethod
    def levels(self, images: Tensor) -> list[Tensor]:
        """Run the body on normalised images."""

    @abstractmethod
    def freeze_stem(self) -> None:
        """Freeze the first layers of a pretrained body, as published; others are unchanged."""

    def load_shipped_weights(self) -> None:
        """Load weights that are installed with a package; most backbones have none."""


class ResNetBackbone(Backbone):
    """torchvision's ResNet, layers 1 to 4."""

    def __init__(self, size: DetrSize, norm: Norm) -> None:
        body = getattr(torchvision.models, size.backbone)(
            norm_layer=_FrozenNorm if norm is Norm.FROZEN else nn.BatchNorm2d,
            replace_stride_with_dilation=[False, False, size.last_stride == 16],
        )
        del body.avgpool, body.fc
        super().__init__(body, RESNET_CHANNELS[size.backbone])
        self._norm = norm
        self.register_buffer("mean", tensor(_IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", tensor(_IMAGENET_STD).view(3, 1, 1), persistent=False)

    def normalise(self, images: Tensor) -> Tensor:
        """Subtract ImageNet's mean and divide by its standard deviation."""
        return (images - self.get_buffer("mean")) / self.get_buffer("std")

    def levels(self, images: Tensor) -> list[Tensor]:
        """Return layers 1 to 4."""
        body = self.body
        features = body.maxpool(body.relu(body.bn1(body.conv1(images))))
        maps = []
        for layer in (body.layer1, body.layer2, body.layer3, body.layer4):
            features = layer(features)
            maps.append(features)
        return maps

    def freeze_stem(self) -> None:
        """Freeze the stem and layer 1."""
        if self._norm is Norm.FROZEN:
            self.body.conv1.requires_grad_(False)
            self.body.layer1.requires_grad_(False)


class _Lite0Backbone(Backbone):
    """EfficientNet-Lite0."""

    def __init__(self, norm: Norm) -> None:
        body = Lite0()
        if norm is Norm.FROZEN:
            body.features = freeze_batch_norm_2d(body.features)
        super().__init__(body, _LITE0_CHANNELS)
        self._norm = norm

    def normalise(self, images: Tensor) -> Tensor:
        """Scale 0..1 to -1..1."""
        return images * 2 - 1

    def levels(self, images: Tensor) -> list[Tensor]:
        """Return the maps at strides 4 to 32; `Lite0` itself omits the first."""
        network = self.body.features
        features = network.bn1(network.conv_stem(images))
        maps = []
        for number, block in enumerate(network.blocks):
            features = block(features)
            if number in _LITE0_BLOCKS:
                maps.append(features)
        return maps

    def load_shipped_weights(self) -> None:
        """Load the ImageNet weights."""
        self.body.load_imagenet_weights()

    def freeze_stem(self) -> None:
        """Freeze the layers before the map at stride 4."""
        if self._norm is Norm.FROZEN:
            self.body.features.conv_stem.requires_grad_(False)
            self.body.features.blocks[: _LITE0_BLOCKS[0] + 1].requires_grad_(False)


def build_backbone(size: DetrSize, norm: Norm) -> Backbone:
    """Build a backbone with random weights."""
    if size.backbone == "lite0":
        return _Lite0Backbone(norm)
    if size.backbone not in RESNET_CHANNELS:
        raise SettingsError(f"There is no backbone '{size.backbone}'. Choose lite0, {', '.join(RESNET_CHANNELS)}.")
    return ResNetBackbone(size, norm)


def sine_position(padding: Tensor, width: int) -> Tensor:
    """Return (B, width, rows, columns): half of the channels encode the row, half the column.

    Rows and columns run from 0 to 2 pi over the cells that are not padding. Source: Carion et al. 2020, Appendix A.4.

    Args:
        padding: (B, rows, columns) bool, True outside the image.
        width: channels; a multiple of 4.
    """
    image = (~padding).float()
    rows, columns = image.cumsum(dim=1), image.cumsum(dim=2)
    return torch.cat(
        [
            _waves(rows / (rows[:, -1:] + _EPSILON), width // 2),
            _waves(columns / (columns[:, :, -1:] + _EPSILON), width // 2),
        ],
        dim=1,
    )


def _waves(place: Tensor, channels: int) -> Tensor:
    """(B, rows, columns), 0..1, to (B, channels, rows, columns): alternating sine and cosine of falling frequency."""
    pair = torch.arange(channels // 2, device=place.device, dtype=place.dtype)
    angle = (place * 2 * math.pi).unsqueeze(1) / (_TEMPERATURE ** (2 * pair / channels)).view(1, -1, 1, 1)
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1, 2)
