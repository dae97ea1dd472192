"""The sizes of DETR, by name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

# Name ending of the batch counter of trainable batch norms; frozen ones have none.
COUNTER = ".num_batches_tracked"


class Norm(StrEnum):
    """The normalisation of a backbone's features.

    `FROZEN` keeps the statistics and scales of pretrained weights, as published. `LEARNT` is plain batch normalisation
    for a backbone that starts from random weights. Their tensors have the same names, plus a counter in `LEARNT`.
    """

    FROZEN = "frozen"
    LEARNT = "learnt"


@dataclass(frozen=True)
class DetrSize:
    """The size of a DETR."""

    backbone: str = "resnet50"  # "resnet18", "resnet50" or "lite0"
    queries: int = 100  # maximum number of objects in an image
    encoder_layers: int = 6
    decoder_layers: int = 6
    width: int = 256  # channels of the transformer; a multiple of 128, as the mask head's group norms require
    heads: int = 8  # of each attention
    feedforward: int = 2048  # hidden channels between attentions
    dropout: float = 0.1
    norm: Norm = Norm.FROZEN  # default norm of the backbone
    last_stride: int = 32  # of the coarsest feature map, pixels; 16 is the published "DC5"


SIZES = {
    "detr-r50": DetrSize(),
    "detr-r50-dc5": DetrSize(last_stride=16),
    "detr-r18-small": DetrSize("resnet18", 50, 3, 3, 128, 8, 512, norm=Norm.LEARNT),
    "detr-lite0-small": DetrSize("lite0", 50, 3, 3, 128, 8, 512),
    # For photos with a few objects.
    "detr-lite0-few": DetrSize("lite0", 12, 3, 3, 128, 8, 512),
}
