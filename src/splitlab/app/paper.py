"""About the paper: what it says, and whether its own tables and our own runs bear it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

import pandas as pd
import streamlit as st

from splitlab.app.navigation import answered, page_head
from splitlab.app.widgets.comparisons import forget_unknown
from splitlab.app.widgets.links import asked_by_link, linked_selectbox, write_link
from splitlab.app.widgets.sources import claims_of_atlas, claims_of_paper
from splitlab.app.widgets.text import as_plain
from splitlab.atlas.grid import verdict_metric
from splitlab.atlas.plans import atlas_names
from splitlab.budget.claims.claim import Claim, Verdict
from splitlab.budget.published import FLATTERED
from splitlab.budget.results import METRICS, SHORT_METRICS
from splitlab.workspace import Workspace

_CLAIM, _VERDICTS = "claim", "verdicts"
_OF_OURS = "here"
"""The section of what the paper does not say."""


@dataclass(frozen=True)
class _Look:
    colour: Literal["green", "red", "gray"]
    icon: str


# Neither indigo nor amber: those are F and W.
_LOOKS: Mapping[Verdict, _Look] = MappingProxyType(
    {
        "holds": _Look("green", "check"),
        "holds but for": _Look("green", "rule"),
        "does not hold": _Look("red", "close"),
        "not shown": _Look("gray", "question_mark"),
        "not measured yet": _Look("gray", "hourglass_empty"),
    }
)


def _show_claims(claims: Sequence[Claim]) -> None:
    """Let verdicts be picked, and show a card for each claim that has one; one card shows its rows."""
    counts = Counter(claim.verdict for claim in claims)
    there = [verdict for verdict in get_args(Verdict) if counts[verdict]]
    forget_unknown(_VERDICTS, there)
    if asked := asked_by_link(_VERDICTS, there):
        st.session_state[_VERDICTS] = asked
    picked = st.pills(
        "Verdicts",
        there,
        selection_mode="multi",
        format_func=lambda verdict: f"{verdict}: {counts[verdict]}",
        key=_VERDICTS,
        help="Pick some to see them alone.",
    )
    write_link(_VERDICTS, picked)
    opened = _opened(claims)
    for claim in claims:
        if not picked or claim.verdict in picked:
            _card(claim, claim.key == opened)


def _claims_table(claims: Sequence[Claim]) -> pd.DataFrame:
    """Return claims as rows to take away, with the number of table rows each rests on."""
    columns = ["key", "section", "statement", "verdict", "finding"]
    rows = [[getattr(claim, column) for column in columns] for claim in claims]
    return pd.DataFrame(rows, columns=columns).assign(rows=[len(claim.rows) for claim in claims])


def _opened(claims: Sequence[Claim]) -> str | None:
    """Return the claim whose rows are shown, by its key; the link says which."""
    if asked := asked_by_link(_CLAIM, [claim.key for claim in claims]):
        st.session_state[_CLAIM] = asked[0]
    opened: str | None = st.session_state.setdefault(_CLAIM, None)
    write_link(_CLAIM, [opened] if opened else [])
    return opened


def _turn(key: str | None) -> None:
    st.session_state[_CLAIM] = key


def _card(claim: Claim, opened: bool) -> None:
    look = _LOOKS[claim.verdict]
    with st.container(border=True):
        verdict, said = st.columns([1, 4], gap="medium")
        with verdict:
            st.badge(claim.verdict, icon=f":material/{look.icon}:", color=look.colour)
            st.caption("asked here" if claim.section == _OF_OURS else f"Sec. {claim.section}")
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


_AGAINST, _SCORE, _JUDGED = "against", "by", "judged last"


_PAPER = "paper"


_SHOWN = {_PAPER: "the paper's own tables"}


_RULE = (
    "A difference counts where it is more than noise between seeds. That rule was fixed before pets and street were "
    "measured, but after the embedded scenes, whose verdicts by the first rule are in docs/atlas.md."
)


def show_page() -> None:
    """Show the page."""
    page_head(
        "About the paper",
        "What *Balancing Bounding Box and Mask Annotations for Semi-Supervised Instance Segmentation* says, sentence "
        "by sentence, and whether its own tables and our own runs bear it out.",
    )
    st.markdown(
        "A training set is a **full set F**, images with masks, and a **weak set W**, images with boxes only. A mask "
        "takes "
        "6 to 11 times as long to draw as a box. YOLOv5 learns from batches that mix both: box and class from all "
        "images, "
        "masks from F alone. DETR learns boxes from F and W first, then masks from F. At equal cost a split in the "
        "middle "
        "scores best; splits of equal score lie on a hyperbola |W| = k phi0² / |F|; and models of equal score make "
        "different mistakes."
    )
    workspace = Workspace.here()
    left, right = st.columns([2, 1])
    link = st.query_params.to_dict()  # as it was before the control below writes into it
    against = linked_selectbox(
        "Check it against",
        [_PAPER, *atlas_names(workspace.measured)],
        _AGAINST,
        _PAPER,
        left,
        lambda name: _SHOWN.get(name, f"our own runs on {name}"),
        "Published: every sentence with a number, computed again from the paper's tables. Measured here: its seven "
        "observations and its law on the grids of the atlas.",
    )
    turned = st.session_state.get(_JUDGED, against) != against
    st.session_state[_JUDGED] = against
    with answered():
        if against == _PAPER:
            write_link(_SCORE, [])
            claims = claims_of_paper()
            st.caption(FLATTERED)
        else:
            fixed = verdict_metric(against)
            if turned and not (link.get(_AGAINST) == against and _SCORE in link):
                st.session_state[_SCORE] = fixed  # the score of another atlas says nothing about this one
            metric = linked_selectbox(
                "Score",
                list(METRICS),
                _SCORE,
                fixed,
                right,
                lambda name: SHORT_METRICS[name] + (", fixed before" if name == fixed else ""),
            )
            with st.spinner("Holding the paper against the runs", show_time=True):
                claims = claims_of_atlas(against, metric, workspace)
        if claims:
            if against != _PAPER:
                st.caption(_RULE)
            _show_claims(claims)
            st.download_button(
                "Download CSV",
                _claims_table(claims).to_csv(index=False),
                f"splitlab-claims-{against}.csv",
                icon=":material/download:",
            )
        else:
            st.info(
                f"Nothing of {against} has been measured yet. This measures it, in hours, and goes on after any end:"
            )
            st.code(f"splitlab atlas run {against}", language="bash")
    st.page_link("pages/cost_against_ap.py", label="The tables as a chart", icon=":material/scatter_plot:")
    st.page_link("pages/lessons.py", label="The paper as seven lessons", icon=":material/school:")
