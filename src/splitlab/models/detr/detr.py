"""DETR: the transformer on backbone features, the mask head, and outputs kept between the stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from splitlab.models.detr.backbone import Backbone, build_backbone, sine_position
from splitlab.models.detr.sizes import DetrSize, Norm


def _attention(size: DetrSize) -> nn.MultiheadAttention:
    return nn.MultiheadAttention(size.width, size.heads, dropout=size.dropout)


class _EncoderLayer(nn.Module):
    """Self-attention over all cells."""

    def __init__(self, size: DetrSize) -> None:
        super().__init__()
        self.self_attn = _attention(size)
        self.linear1 = nn.Linear(size.width, size.feedforward)
        self.linear2 = nn.Linear(size.feedforward, size.width)
        self.norm1 = nn.LayerNorm(size.width)
        self.norm2 = nn.LayerNorm(size.width)
        self.dropout = nn.Dropout(size.dropout)

    def forward(self, cells: Tensor, position: Tensor, padding: Tensor) -> Tensor:
        """(cells, B, width) and their positions to (cells, B, width); `padding` (B, cells) is masked."""
        placed = cells + position
        seen, _ = self.self_attn(placed, placed, cells, key_padding_mask=padding, need_weights=False)
        cells = self.norm1(cells + self.dropout(seen))
        thought = self.linear2(self.dropout(nnf.relu(self.linear1(cells))))
        out: Tensor = self.norm2(cells + self.dropout(thought))
        return out


class _DecoderLayer(nn.Module):
    """Self-attention over the queries, then cross-attention to the image."""

    def __init__(self, size: DetrSize) -> None:
        super().__init__()
        self.self_attn = _attention(size)
        self.multihead_attn = _attention(size)
        self.linear1 = nn.Linear(size.width, size.feedforward)
        self.linear2 = nn.Linear(size.feedforward, size.width)
        self.norm1 = nn.LayerNorm(size.width)
        self.norm2 = nn.LayerNorm(size.width)
        self.norm3 = nn.LayerNorm(size.width)
        self.dropout = nn.Dropout(size.dropout)

    def forward(self, state: Tensor, query: Tensor, memory: Tensor, position: Tensor, padding: Tensor) -> Tensor:
        """(queries, B, width) state and learnt queries, and the encoder's cells, to the next state."""
        state = self._look_at_queries(state, query)
        keys = memory + position
        seen, _ = self.multihead_attn(state + query, keys, memory, key_padding_mask=padding, need_weights=False)
        state = self.norm2(state + self.dropout(seen))
        thought = self.linear2(self.dropout(nnf.relu(self.linear1(state))))
        out: Tensor = self.norm3(state + self.dropout(thought))
        return out

    def attention(self, state: Tensor, query: Tensor, memory: Tensor, position: Tensor, padding: Tensor) -> Tensor:
        """Return (B, queries, cells): each query's attention to each cell, mean over heads; a row sums to 1."""
        state = self._look_at_queries(state, query)
        weights: Tensor = self.multihead_attn(state + query, memory + position, memory, key_padding_mask=padding)[1]
        return weights

    def _look_at_queries(self, state: Tensor, query: Tensor) -> Tensor:
        placed = state + query
        seen, _ = self.self_attn(placed, placed, state, need_weights=False)
        out: Tensor = self.norm1(state + self.dropout(seen))
        return out


class _Encoder(nn.Module):
    """A chain of encoder layers."""

    def __init__(self, size: DetrSize) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_EncoderLayer(size) for _ in range(size.encoder_layers))

    def forward(self, cells: Tensor, position: Tensor, padding: Tensor) -> Tensor:
        for layer in self.layers:
            cells = layer(cells, position, padding)
        return cells


class _Decoder(nn.Module):
    """A chain of decoder layers; returns the state after each."""

    def __init__(self, size: DetrSize) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_DecoderLayer(size) for _ in range(size.decoder_layers))
        self.norm = nn.LayerNorm(size.width)

    def forward(self, query: Tensor, memory: Tensor, position: Tensor, padding: Tensor) -> Tensor:
        """Return (layers, queries, B, width): the normed state after each layer; the next layer gets the raw state."""
        state = torch.zeros_like(query)
        states = []
        for layer in self.layers:
            state = layer(state, query, memory, position, padding)
            states.append(self.norm(state))
        return torch.stack(states)

    def last_attention(self, query: Tensor, memory: Tensor, position: Tensor, padding: Tensor) -> Tensor:
        """Return the last layer's `_DecoderLayer.attention`."""
        *before, last = self.layers
        state = torch.zeros_like(query)
        for layer in before:
            state = layer(state, query, memory, position, padding)
        return cast("_DecoderLayer", last).attention(state, query, memory, position, padding)


class Transformer(nn.Module):
    """Encoder and decoder on (B, width, rows, columns) maps."""

    def __init__(self, size: DetrSize) -> None:
        super().__init__()
        self.encoder = _Encoder(size)
        self.decoder = _Decoder(size)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, source: Tensor, position: Tensor, padding: Tensor, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Return the decoder's states (layers, B, queries, width) and the encoder's map (B, width, rows, columns).

        `position` has the shape of `source`, `padding` is (B, rows, columns) bool, `queries` (queries, width) learnt.
        """
        memory = self.encoder(_cells(source), _cells(position), padding.flatten(1))
        query = queries[:, None].repeat(1, len(source), 1)
        states = self.decoder(query, memory, _cells(position), padding.flatten(1))
        return states.transpose(1, 2), memory.permute(1, 2, 0).reshape(source.shape)

    def last_attention(self, memory: Tensor, position: Tensor, padding: Tensor, queries: Tensor) -> Tensor:
        """Return (B, queries, rows, columns): the attention of the last layer's queries; a map sums to 1."""
        query = queries[:, None].repeat(1, len(memory), 1)
        weights = self.decoder.last_attention(query, _cells(memory), _cells(position), padding.flatten(1))
        return weights.reshape(*weights.shape[:2], *memory.shape[2:])


def _cells(maps: Tensor) -> Tensor:
    """(B, C, rows, columns) to (rows * columns, B, C)."""
    return maps.flatten(2).permute(2, 0, 1).contiguous()


_GROUPS = 8


@dataclass(frozen=True)
class Outputs:
    """The outputs of DETR for a batch, and the inputs of the mask head."""

    logits: Tensor  # (layers, B, Q, classes + 1) after each decoder layer; the last class is "nothing"
    boxes: Tensor  # (layers, B, Q, 4) centre x, centre y, width, height, fractions of the image
    queries: Tensor  # (B, Q, width) the decoder's last states
    source: Tensor  # (B, width, rows, columns) the encoder's input
    memory: Tensor  # (B, width, rows, columns) the encoder's output
    levels: list[Tensor]  # four maps of the backbone, finest first
    padding: Tensor  # (B, rows, columns) bool

    def only(self, number: int) -> Outputs:
        """Return the outputs of one image."""
        place = slice(number, number + 1)
        return Outputs(
            logits=self.logits[:, place],
            boxes=self.boxes[:, place],
            queries=self.queries[place],
            source=self.source[place],
            memory=self.memory[place],
            levels=[level[place] for level in self.levels],
            padding=self.padding[place],
        )


class _BoxHead(nn.Module):
    """Three linear layers that predict a query's box."""

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
    """DETR with the parameter names of facebookresearch/detr."""

    def __init__(self, size: DetrSize, class_count: int, norm: Norm) -> None:
        super().__init__()
        backbone = build_backbone(size, norm)
        self.transformer = Transformer(size)
        self.class_embed = nn.Linear(size.width, class_count + 1)
        self.bbox_embed = _BoxHead(size.width)
        self.query_embed = nn.Embedding(size.queries, size.width)
        self.input_proj = nn.Conv2d(backbone.channels[-1], size.width, 1)
        # A list for the published name; there, the second item is the position encoding.
        self.backbone = nn.ModuleList([backbone])

    @property
    def features(self) -> Backbone:
        """The backbone."""
        return cast("Backbone", self.backbone[0])

    def forward(self, images: Tensor) -> Outputs:
        """Return the outputs for (B, 3, H, W) images, 0..1; no cell is padding."""
        levels = self.features(images)
        rows, columns = levels[-1].shape[-2:]
        padding = torch.zeros(len(images), rows, columns, dtype=torch.bool, device=images.device)
        source = self.input_proj(levels[-1])
        position = sine_position(padding, source.shape[1]).to(source.dtype)
        states, memory = self.transformer(source, position, padding, self.query_embed.weight)
        # In bfloat16, the sides of a box in an 800 px image would be off by 3 px.
        with torch.autocast(states.device.type, enabled=False):
            logits, boxes = self.class_embed(states.float()), self.bbox_embed(states.float())
        return Outputs(logits, boxes, states[-1], source, memory, levels, padding)

    def attention(self, outputs: Outputs) -> Tensor:
        """Return (B, Q, rows, columns): the queries' attention in the last decoder layer; each map sums to 1."""
        position = sine_position(outputs.padding, outputs.memory.shape[1])
        return self.transformer.last_attention(outputs.memory, position, outputs.padding, self.query_embed.weight)


class AttentionMaps(nn.Module):
    """A query's attention to the encoder's cells, one map per head; all maps together sum to 1, as published."""

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
            image: (M,) int64, the image of each query.
        """
        query = self.q_linear(queries).unflatten(1, (self.heads, -1))
        keys = self.k_linear(memory.permute(0, 2, 3, 1)).unflatten(3, (self.heads, -1))
        scaled = query * query.shape[-1] ** -0.5
        scores = torch.einsum("mnc,mhwnc->mnhw", scaled, keys[image]).float()
        scores = scores.masked_fill(padding[image][:, None], float("-inf"))
        return scores.flatten(1).softmax(dim=1).view_as(scores)


class MaskHead(nn.Module):
    """Five convolutions; finer features are added before the last three."""

    def __init__(self, width: int, heads: int, level_channels: Sequence[int]) -> None:
        """Build it; `level_channels` are those of the added maps, coarsest first."""
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
            source: (B, width, rows, columns), the encoder's input.
            attention: (M, heads, rows, columns).
            levels: three maps (B, C, ., .) of the backbone, coarsest first.
            image: (M,) int64, the image of each row.
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
    """A cache of outputs by image bytes, up to a size.

    Entries are never evicted: an epoch visits the images in turn, so the oldest entry is needed next. A 512 px image of
    DETR-R50 takes about 30 MB in float32 and 15 MB in bf16.
    """

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes
        self._kept: dict[bytes, Outputs] = {}

    def outputs(self, images: Tensor, look: Callable[[Tensor], Outputs]) -> Outputs:
        """Return the outputs for (B, 3, S, S) images; `look` computes those that are not cached, one image at a time.

        The other images of a batch would change the last digits, and a resumed training run has other batches.
        """
        keys = [_digest(image) for image in images]
        found = {key: self._kept[key] for key in keys if key in self._kept}
        for number, key in enumerate(keys):
            if key not in found:
                found[key] = look(images[number : number + 1])
                self._keep(key, found[key])
        return _join_outputs([found[key] for key in keys])

    def _keep(self, key: bytes, outputs: Outputs) -> None:
        one_each = (outputs.logits, outputs.boxes, outputs.queries, outputs.source, outputs.memory, outputs.padding)
        size = sum(tensor.nbytes for tensor in (*one_each, *outputs.levels))
        if size <= self._left and key not in self._kept:
            self._kept[key] = outputs
            self._left -= size


def _digest(image: Tensor) -> bytes:
    return blake2b(image.detach().cpu().contiguous().numpy().tobytes(), digest_size=16).digest()


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
