"""DETR: transformer on backbone features, the mask head, and outputs kept between the stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from splitlab.models.detr.backbone import Backbone, build_backbone, padding_of_cells, sine_position
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


class _BoxHead(nn.Module):
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
        self.bbox_embed = _BoxHead(size.width)
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


_GROUPS = 8


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
        self.gn1, self.gn2, self.gn3, self.gn4, self.gn5 = (nn.GroupNorm(_GROUPS, after) for after in channels[1:])
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
        x = _join_levels(x, self.adapter1(levels[0]), image)
        x = nnf.relu(self.gn3(self.lay3(x)))
        x = _join_levels(x, self.adapter2(levels[1]), image)
        x = nnf.relu(self.gn4(self.lay4(x)))
        x = _join_levels(x, self.adapter3(levels[2]), image)
        x = nnf.relu(self.gn5(self.lay5(x)))
        out: Tensor = self.out_lay(x)
        return out[:, 0]


def _join_levels(x: Tensor, finer: Tensor, image: Tensor) -> Tensor:
    return finer[image] + nnf.interpolate(x, size=finer.shape[-2:], mode="nearest")


class KeptOutputs:
    """Outputs by the bytes of the image, as many as fit.

    Nothing is dropped for something newer: an epoch visits the images in turn, so the oldest is the next to come.
    A 512 px image of DETR-R50 takes about 30 MB in float32 and 15 MB in bf16.
    """

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes
        self._kept: dict[bytes, Outputs] = {}

    def outputs(self, images: Tensor, look: Callable[[Tensor], Outputs]) -> Outputs:
        """Return the outputs for (B, 3, S, S) images; `look` is called for those that are not kept.

        It sees them one by one: company in a batch changes last digits, and a run that was stopped has other company.
        """
        keys = [_digest(image) for image in images]
        found = {key: self._kept[key] for key in keys if key in self._kept}
        for number, key in enumerate(keys):
            if key not in found:
                found[key] = look(images[number : number + 1])
                self._keep(key, found[key])
        return _join_outputs([found[key] for key in keys])

    def _keep(self, key: bytes, outputs: Outputs) -> None:
        size = sum(tensor.nbytes for tensor in _tensors(outputs))
        if size <= self._left and key not in self._kept:
            self._kept[key] = outputs
            self._left -= size


def _digest(image: Tensor) -> bytes:
    return blake2b(image.detach().cpu().contiguous().numpy().tobytes(), digest_size=16).digest()


def _tensors(outputs: Outputs) -> list[Tensor]:
    one_each = (outputs.logits, outputs.boxes, outputs.queries, outputs.source, outputs.memory, outputs.padding)
    return [*one_each, *outputs.levels]


def _join_outputs(parts: Sequence[Outputs]) -> Outputs:
    return Outputs(
        logits=torch.cat([part.logits for part in parts], dim=1),
        boxes=torch.cat([part.boxes for part in parts], dim=1),
        queries=torch.cat([part.queries for part in parts]),
        source=torch.cat([part.source for part in parts]),
        memory=torch.cat([part.memory for part in parts]),
        levels=[torch.cat(maps) for maps in zip(*(part.levels for part in parts), strict=True)],
        padding=torch.cat([part.padding for part in parts]),
    )
