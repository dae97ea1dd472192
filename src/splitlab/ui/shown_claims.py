"""Claims as cards: what is said, the verdict, the figures it rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

import pandas as pd
import streamlit as st

from splitlab.budget.claims import Claim
from splitlab.budget.claims.claim import Verdict
from splitlab.ui.compare_choices import forget_unknown
from splitlab.ui.named_links import asked_by_link, write_link
from splitlab.ui.plain_text import as_plain

CLAIM, VERDICTS = "claim", "verdicts"
OF_OURS = "here"
"""The section of what the paper does not say."""


@dataclass(frozen=True)
class _Look:
    colour: Literal["green", "red", "gray"]
    icon: str


# Neither indigo nor amber: those are F and W.
LOOKS: Mapping[Verdict, _Look] = MappingProxyType(
    {
        "holds": _Look("green", "check"),
        "holds but for": _Look("green", "rule"),
        "does not hold": _Look("red", "close"),
        "not shown": _Look("gray", "question_mark"),
        "not measured yet": _Look("gray", "hourglass_empty"),
    }
)


def show_claims(claims: Sequence[Claim]) -> None:
    """Let verdicts be picked, and show a card for each claim that has one; one card shows its rows."""
    counts = Counter(claim.verdict for claim in claims)
    there = [verdict for verdict in get_args(Verdict) if counts[verdict]]
    forget_unknown(VERDICTS, there)
    if asked := asked_by_link(VERDICTS, there):
        st.session_state[VERDICTS] = asked
    picked = st.pills(
        "Verdicts",
        there,
        selection_mode="multi",
        format_func=lambda verdict: f"{verdict}: {counts[verdict]}",
        key=VERDICTS,
        help="Pick some to see them alone.",
    )
    write_link(VERDICTS, picked)
    opened = _opened(claims)
    for claim in claims:
        if not picked or claim.verdict in picked:
            _card(claim, claim.key == opened)


def claims_table(claims: Sequence[Claim]) -> pd.DataFrame:
    """Return claims as rows to take away, with the number of table rows each rests on."""
    columns = ["key", "section", "statement", "verdict", "finding"]
    rows = [[getattr(claim, column) for column in columns] for claim in claims]
    return pd.DataFrame(rows, columns=columns).assign(rows=[len(claim.rows) for claim in claims])


def _opened(claims: Sequence[Claim]) -> str | None:
    """Return the claim whose rows are shown, by its key; the link says which."""
    if asked := asked_by_link(CLAIM, [claim.key for claim in claims]):
        st.session_state[CLAIM] = asked[0]
    opened: str | None = st.session_state.setdefault(CLAIM, None)
    write_link(CLAIM, [opened] if opened else [])
    return opened


def _turn(key: str | None) -> None:
    st.session_state[CLAIM] = key


def _card(claim: Claim, opened: bool) -> None:
    look = LOOKS[claim.verdict]
    with st.container(border=True):
        verdict, said = st.columns([1, 4], gap="medium")
        with verdict:
            st.badge(claim.verdict, icon=f":material/{look.icon}:", color=look.colour)
            st.caption("asked here" if claim.section == OF_OURS else f"Sec. {claim.section}")
        with said:
            st.markdown(as_plain(claim.statement))
            st.caption(as_plain(claim.finding))
            if len(claim.rows):
                st.button(
                    "Hide the rows" if opened else f"The rows it rests on: {len(claim.rows)}",
                    key=f"rows {claim.key}",
                    type="tertiary",
                    icon=":material/table_rows:",
                    on_click=_turn,
                    args=(None if opened else claim.key,),
                )
        if opened:
            st.dataframe(claim.rows.dropna(axis="columns", how="all"), hide_index=True)
