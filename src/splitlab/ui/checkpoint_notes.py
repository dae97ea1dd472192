"""What a checkpoint is, under its panel: split, labelling cost, scores."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from splitlab.budget.annotation_cost import cost_hours, prices_for
from splitlab.runs.checkpoint import Card
from splitlab.runs.scores import scored_on
from splitlab.shown_numbers import shown
from splitlab.ui.models import Choice
from splitlab.ui.plain_text import as_plain
from splitlab.ui.split_chip import split_chip


def describe_all(choices: Sequence[Choice]) -> None:
    """Show split, cost and scores of each model."""
    longest = max(_labelling_hours(choice.card) for choice in choices)
    for column, choice in zip(st.columns(len(choices)), choices, strict=True):
        with column:
            _describe(choice, longest)


def _labelling_hours(card: Card) -> float:
    return cost_hours(float(card.full), float(card.weak), prices_for(card.dataset))


def _describe(choice: Choice, longest_hours: float) -> None:
    card = choice.card
    if card.full or card.weak:
        split_chip(card.full, card.weak, prices_for(card.dataset), longest_hours)
    else:
        st.markdown(f"**{as_plain(card.name)}**, imported")
    mask, box = card.scores.get("mask", {}), card.scores.get("box", {})
    scores = [
        f"{label} **{shown(value)}**"
        for label, value in (
            ("mask AP50", mask.get("ap50")),
            ("AP70", mask.get("ap70")),
            ("AP75", mask.get("ap75")),
            ("box AP50", box.get("ap50")),
        )
        if value is not None
    ]
    origin = f"{card.model}, {card.steps:,} steps, seed {card.seed}" if card.steps else card.model
    told = f"{' · '.join(scores)}, on {as_plain(scored_on(card.scores, card.dataset))}" if scores else "not scored"
    st.caption(f"{told}  \n{as_plain(origin)}")
