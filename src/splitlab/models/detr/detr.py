"""DETR: boxes and classes of a fixed number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from splitlab.models.detr.backbone import Backbone, build_backbone
from splitlab.models.detr.position import padding_of_cells, sine_position
from splitlab.models.detr.sizes import DetrSize, Norm
from splitlab.models.detr.transformer import Transformer


@dataclass(frozen=True)
class Outputs:
    """What DETR says about a batch, and what the mask head needs to go on.

    Attributes:
        logits: (layers, B, Q, classes + 1) after each decoder layer; the last class is "nothing".
        boxes: (layers, B, Q, 4) centre x, centre y, width, height, shares of the image without its padding.
        queries: (B, Q, width) the decoder's last states.
        source: (B, width, rows, columns) what went into the encoder.
        memory: (B, width, rows, columns) what came out.
        levels: four maps of the backbone, the finest first.
        padding: (B, rows, columns) bool.
    """

    logits: Tensor
    boxes: Tensor
    queries: Tensor
    source: Tensor
    memory: Tensor
    levels: list[Tensor]
    padding: Tensor


class BoxHead(nn.Module):
    """Three linear layers from a query's state to its box."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, 4)])

    def forward(self, states: Tensor) -> Tensor:
        """(..., width) to (..., 4), 0..1."""
        for layer in self.layers[:-1]:
            states = nnf.relu(layer(states))
        out: Tensor = self.layers[-1](states).sigmoid()
        return out


class DETR(nn.Module):
    """DETR with parameter names equal to facebookresearch/detr's."""

    def __init__(self, size: DetrSize, class_count: int, norm: Norm) -> None:
        super().__init__()
        backbone = build_backbone(size, norm)
        self.transformer = Transformer(size)
        self.class_embed = nn.Linear(size.width, class_count + 1)
        self.bbox_embed = BoxHead(size.width)
        self.query_embed = nn.Embedding(size.queries, size.width)
        self.input_proj = nn.Conv2d(backbone.channels[-1], size.width, 1)
        # A list of one, for the name: published, the positions' module is the second.
        self.backbone = nn.ModuleList([backbone])

    @property
    def features(self) -> Backbone:
        """The backbone."""
        return cast("Backbone", self.backbone[0])

    def forward(self, images: Tensor, padding: Tensor | None = None) -> Outputs:
        """Look at a batch as the published model does: its backbone sees the padding as zeros.

        Args:
            images: (B, 3, H, W), 0..1.
            padding: (B, H, W) bool, True where there is no image; none where left out.
        """
        levels = self.features(images, padding)
        rows, columns = levels[-1].shape[-2:]
        if padding is None:
            padding = torch.zeros(len(images), rows, columns, dtype=torch.bool, device=images.device)
        return self._from_levels(levels, padding_of_cells(padding, rows, columns))

    def forward_apart(self, images: Sequence[Tensor]) -> Outputs:
        """Look at (3, H, W) images of different sizes in one batch, each as if it were alone.

        Convolutions would carry padding into the image, so the backbone sees each image by itself; the transformer
        takes them together and its attention leaves the padding out.
        """
        alone = [self.features(image[None]) for image in images]
        levels = [_stack(maps) for maps in zip(*alone, strict=True)]
        padding = _stack([torch.ones_like(maps[-1][:, :1]) for maps in alone])[:, 0] == 0
        return self._from_levels(levels, padding)

    def attention(self, outputs: Outputs) -> Tensor:
        """Return (B, Q, rows, columns): what the queries look at in the last decoder layer; each map sums to 1."""
        position = sine_position(outputs.padding, outputs.memory.shape[1])
        return self.transformer.last_attention(outputs.memory, position, outputs.padding, self.query_embed.weight)

    def _from_levels(self, levels: list[Tensor], padding: Tensor) -> Outputs:
        source = self.input_proj(levels[-1])
        position = sine_position(padding, source.shape[1]).to(source.dtype)
        states, memory = self.transformer(source, position, padding, self.query_embed.weight)
        # In bfloat16 a box of an 800 px image would be 3 px wide or high of the mark.
        with torch.autocast(states.device.type, enabled=False):
            logits, boxes = self.class_embed(states.float()), self.bbox_embed(states.float())
        return Outputs(logits, boxes, states[-1], source, memory, levels, padding)


def _stack(maps: Sequence[Tensor]) -> Tensor:
    """Put (1, C, h, w) maps into one (B, C, H, W), zeros to the right and below."""
    rows, columns = (max(one.shape[side] for one in maps) for side in (2, 3))
    return torch.cat([nnf.pad(one, (0, columns - one.shape[3], 0, rows - one.shape[2])) for one in maps])
