"""DETR's transformer: post-norm, with positions added to queries and keys in every attention.

Inside, cells and queries are the first dimension and the batch the second, which torch's attention computes faster.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from splitlab.models.detr.sizes import DetrSize


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
