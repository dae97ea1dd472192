from dataclasses import replace

import pytest
import torch
import torch.nn.functional as nnf

from splitlab.models.detr.detr import Transformer
from tests.models.detr.small import CALM

SIZE = replace(CALM, encoder_layers=2, decoder_layers=3)
ROWS, COLUMNS, QUERIES = 3, 4, 5


def attend(attention, queries, keys, values, hidden):
    """Multi-head attention of (L, width) queries, head by head; returns what is seen and the mean weights."""
    sides = zip(attention.in_proj_weight.chunk(3), attention.in_proj_bias.chunk(3), strict=True)
    q, k, v = (nnf.linear(x, *side) for x, side in zip((queries, keys, values), sides, strict=True))
    seen, all_weights = [], []
    depth = SIZE.width // SIZE.heads
    for head in range(SIZE.heads):
        own = slice(head * depth, (head + 1) * depth)
        scores = q[:, own] @ k[:, own].T / depth**0.5
        weights = scores.masked_fill(hidden, float("-inf")).softmax(dim=1)
        seen.append(weights @ v[:, own])
        all_weights.append(weights)
    return attention.out_proj(torch.cat(seen, dim=1)), torch.stack(all_weights).mean(dim=0)


def think(layer, x):
    return layer.linear2(layer.linear1(x).clamp(min=0))


def encode(transformer, cells, position, hidden):
    for layer in transformer.encoder.layers:
        cells = layer.norm1(cells + attend(layer.self_attn, cells + position, cells + position, cells, hidden)[0])
        cells = layer.norm2(cells + think(layer, cells))
    return cells


def decode(transformer, query, memory, position, hidden):
    state, states, weights = torch.zeros_like(query), [], None
    nobody = torch.zeros(len(query), dtype=torch.bool)
    for layer in transformer.decoder.layers:
        state = layer.norm1(state + attend(layer.self_attn, state + query, state + query, state, nobody)[0])
        seen, weights = attend(layer.multihead_attn, state + query, memory + position, memory, hidden)
        state = layer.norm2(state + seen)
        state = layer.norm3(state + think(layer, state))
        states.append(transformer.decoder.norm(state))
    return torch.stack(states), weights


@pytest.fixture(scope="module")
def case():
    torch.manual_seed(0)
    transformer = Transformer(SIZE).eval()
    with torch.no_grad():
        for parameter in transformer.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    padding = torch.zeros(2, ROWS, COLUMNS, dtype=torch.bool)
    padding[1, :, 3:] = True
    source, position = torch.randn(2, 2, SIZE.width, ROWS, COLUMNS)
    return transformer, source, position, padding, torch.randn(QUERIES, SIZE.width)


def test_states_memory_and_attention_are_those_of_the_formulas(case):
    transformer, source, position, padding, queries = case
    with torch.inference_mode():
        states, memory = transformer(source, position, padding, queries)
        maps = transformer.last_attention(memory, position, padding, queries)
        for image in range(2):
            cells, places = (maps_of[image].flatten(1).T for maps_of in (source, position))
            hidden = padding[image].flatten()
            expected_memory = encode(transformer, cells, places, hidden)
            expected_states, weights = decode(transformer, queries, expected_memory, places, hidden)
            shown = ~hidden
            assert torch.allclose(memory[image].flatten(1).T[shown], expected_memory[shown], atol=1e-4)
            assert torch.allclose(states[:, image], expected_states, atol=1e-4)
            assert torch.allclose(maps[image].flatten(1), weights, atol=1e-5)


def test_queries_and_cells_tell_each_other_apart(case):
    transformer, source, position, padding, queries = case
    with torch.inference_mode():
        states, memory = transformer(source, position, padding, queries)
    assert states[-1].std(dim=1).mean() > 0.01
    assert memory.flatten(2).std(dim=2).mean() > 0.01
