"""Checkpoints for the columns of the paper's figures: which are available, and how to get the others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from splitlab.atlas.grid import equal_score_splits
from splitlab.budget.published import FigureColumn, PublishedFigure
from splitlab.checkpoints.checkpoint import Card
from splitlab.families import FAMILIES, family_of

_MOST_COLUMNS = 6


@dataclass(frozen=True)
class _SmallPreset:
    """Checkpoints of one dataset and kind of model for several splits, like the columns of a figure.

    Attributes:
        dataset: Dataset they were trained on.
        kind: Kind of model.
        names: Names of the checkpoints, by |F|, then |W|.
        splits: Their splits, such as "30/450".
    """

    dataset: str
    kind: str
    names: tuple[str, ...]
    splits: tuple[str, ...]


def columns_at_hand(figure: PublishedFigure, cards: Mapping[str, Card]) -> dict[FigureColumn, str | None]:
    """Return the name of a checkpoint for each column of a figure, or None."""
    return {
        column: next((name for name, card in cards.items() if _shows(figure, column, card)), None)
        for column in figure.columns
    }


def small_presets(cards: Mapping[str, Card]) -> list[_SmallPreset]:
    """Group checkpoints of one dataset and kind with several splits, one for each split.

    If there are more than fit, take those with about the same mask AP70, as in a figure.
    """
    groups: dict[tuple[str, str], dict[tuple[int, int], str]] = {}
    for name, card in cards.items():
        if card.full or card.weak:
            of_group = groups.setdefault((card.dataset, family_of(card.model).kind), {})
            of_group.setdefault((card.full, card.weak), name)
    presets = []
    for (dataset, kind), by_split in groups.items():
        names = _columns([by_split[split] for split in sorted(by_split)], cards)
        if len(names) > 1:
            presets.append(_SmallPreset(dataset, kind, names, tuple(cards[name].split_name for name in names)))
    return presets


def _checkpoint_name(figure: PublishedFigure, column: FigureColumn) -> str:
    """Return the name of an imported checkpoint for a column; its file does not say its split."""
    return f"{figure.dataset}-{figure.method}-{column.full}-{column.weak}".lower()


def how_to_import(figure: PublishedFigure, column: FigureColumn) -> str:
    """Return the command that imports the authors' checkpoint of a column."""
    return f"splitlab checkpoint import AUTHORS_FILE.pt --name {_checkpoint_name(figure, column)}"


def how_to_train(figure: PublishedFigure, column: FigureColumn) -> list[str]:
    """Return the commands that draw a column's split and train its model as the authors did."""
    data, name = f"path/to/{figure.dataset}", _checkpoint_name(figure, column)
    commands = [
        f"splitlab split {data} --protocol paper --full {column.full} --weak {column.weak} --out {name}.json",
        f"splitlab train {data} --recipe {figure.recipe} --split {name}.json --out workspace/runs/{name}",
    ]
    file, start = next((family.paper_start for family in FAMILIES if family.title == figure.method), ("", ""))
    if start:
        commands.insert(0, f"splitlab checkpoint import {file} --name {start}")
        commands[-1] += f" --start-from workspace/checkpoints/{start}"
    return commands


def _columns(names: Sequence[str], cards: Mapping[str, Card]) -> tuple[str, ...]:
    """Return all names if they fit into a figure, else those with similar scores, else the first ones."""
    if len(names) <= _MOST_COLUMNS:
        return tuple(names)
    scores = [cards[name].scores.get("mask", {}).get("ap70", math.nan) for name in names]
    table = pd.DataFrame({"name": names, "full": [cards[name].full for name in names], "ap70": scores})
    alike = equal_score_splits(table, "ap70")["name"].tolist() if table["ap70"].notna().any() else []
    return tuple(alike if len(alike) > 1 else names)[:_MOST_COLUMNS]


def _shows(figure: PublishedFigure, column: FigureColumn, card: Card) -> bool:
    if family_of(card.model).title != figure.method:
        return False
    if not card.full and not card.weak:
        return card.name == _checkpoint_name(figure, column)
    return (card.dataset, card.full, card.weak) == (figure.dataset, column.full, column.weak)
