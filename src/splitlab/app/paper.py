"""About the paper: what it claims, checked against its own tables and against our own runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import pandas as pd
import streamlit as st

from splitlab.app.navigation import errors_shown, page_head
from splitlab.app.widgets.comparisons import forget_unknown
from splitlab.app.widgets.links import asked_by_link, linked_selectbox, write_link
from splitlab.app.widgets.sources import claims_of_atlas, claims_of_paper
from splitlab.app.widgets.tables import show_table
from splitlab.app.widgets.text import as_plain, offer_csv
from splitlab.atlas.grid import verdict_metric
from splitlab.atlas.plans import atlas_names
from splitlab.budget.claims.claim import Claim, Verdict
from splitlab.budget.published import FLATTERED
from splitlab.budget.results import METRICS, SHORT_METRICS
from splitlab.workspace import Workspace

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

# Keys of controls and parameters of the link.
_AGAINST, _SCORE, _CLAIM, _VERDICTS = "against", "by", "claim", "verdicts"
_LAST_AGAINST = "judged last"
_PAPER = "paper"
_OUR_SECTION = "here"
"""The section of claims that the paper does not make."""
_SUMMARY = (
    "A training set is a **full set F**, images with masks, and a **weak set W**, images with boxes only. A mask takes "
    "6 to 11 times as long to draw as a box. YOLOv5 learns from batches that mix both: boxes and classes from all "
    "images, masks from F alone. DETR learns boxes from F and W first, then masks from F. At equal cost, a split in "
    "the middle scores best. Splits of equal score lie on a hyperbola |W| = k φ₀² / |F|. Models of equal score make "
    "different mistakes."
)
_FIGURES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("Table 2", "cost_against_ap", {"show_VOC2012": "Table 2"}),
    ("Table 3", "cost_against_ap", {"dataset": "Cityscapes", "show_Cityscapes": "Table 3"}),
    ("Table 4", "few_shot", {}),
    ("Fig. 1a", "cost_against_ap", {"dataset": "VOC2012"}),
    ("Fig. 1b", "cost_against_ap", {"dataset": "Cityscapes"}),
    ("Fig. 5a", "cost_against_ap", {"show_VOC2012": "Fig. 5a"}),
    ("Fig. 5b", "cost_against_ap", {"dataset": "Cityscapes", "show_Cityscapes": "Fig. 5b"}),
    ("Fig. 5c", "cost_against_ap", {"show_VOC2012": "Fig. 5c"}),
)
"""Of each table and figure its name, its page, and the parameters of the link to it."""
_RULE = (
    "Each observation is judged by one contrast over all its splits, with a 95 % interval from seeds and test images. "
    "The contrasts were fixed after these runs had been seen, and before any run of the next grids: see docs/atlas.md."
)


class _Look(NamedTuple):
    colour: Literal["green", "red", "gray"]
    icon: str


# Neither indigo nor amber: those are F and W.
_LOOKS: Mapping[str, _Look] = MappingProxyType(
    {
        "holds": _Look("green", "check"),
        "holds but for": _Look("green", "rule"),
        "does not hold": _Look("red", "close"),
        "not measured yet": _Look("gray", "hourglass_empty"),
    }
)
_UNDECIDED = _Look("gray", "question_mark")


def show_page() -> None:
    """Show the page."""
    page_head(
        "About the paper",
        "What *Balancing Bounding Box and Mask Annotations for Semi-Supervised Instance Segmentation* claims, "
        "statement by statement, checked against its own tables and against our own runs.",
    )
    st.markdown(_SUMMARY)
    _link_to_figures()
    workspace = Workspace.here()
    left, right = st.columns([2, 1])
    link = st.query_params.to_dict()  # before the control below writes to it
    against = linked_selectbox(
        "Check against",
        [_PAPER, *atlas_names(workspace.measured)],
        _AGAINST,
        _PAPER,
        left,
        lambda name: "the paper's own tables" if name == _PAPER else f"our own runs on {name}",
        "The paper's own tables: every statement with a number is computed again from them. Our own runs: its seven "
        "observations and its law are tested on the grids of training runs in the atlas.",
    )
    with errors_shown():
        if against == _PAPER:
            write_link(_SCORE, [])
            st.session_state[_LAST_AGAINST] = against
            st.caption(FLATTERED)
            claims = claims_of_paper()
        else:
            metric = _choose_score(against, link, right)
            with st.spinner("Checking the paper against our runs", show_time=True):
                claims = claims_of_atlas(against, metric, workspace)
        _show_claims(claims, against)
    st.page_link("pages/lessons.py", label="The paper as eight lessons", icon=":material/school:")


def _link_to_figures() -> None:
    """Show links to the paper's tables and figures by their names, on the pages where they are."""
    with st.container(horizontal=True, gap="medium"):
        st.markdown("Its tables and figures:", width="content")
        for name, page, link in _FIGURES:
            st.page_link(f"pages/{page}.py", label=name, query_params=link, width="content")


def _choose_score(atlas: str, link: Mapping[str, str], place: DeltaGenerator) -> str:
    """Choose the score; a newly chosen atlas starts with its own, unless the link says otherwise."""
    fixed = verdict_metric(atlas)
    is_new = st.session_state.get(_LAST_AGAINST, atlas) != atlas
    st.session_state[_LAST_AGAINST] = atlas
    if is_new and not (link.get(_AGAINST) == atlas and _SCORE in link):
        st.session_state[_SCORE] = fixed
    return linked_selectbox(
        "Score",
        list(METRICS),
        _SCORE,
        fixed,
        place,
        lambda name: SHORT_METRICS[name] + (", fixed before" if name == fixed else ""),
        "The score marked as fixed was chosen before the runs were looked at.",
    )


def _show_claims(claims: Sequence[Claim], against: str) -> None:
    """Show a card for each claim with one of the picked verdicts."""
    if not claims:
        st.info(f"Nothing on {against} has been measured yet. This command measures it in hours; it can be resumed:")
        st.code(f"splitlab atlas run {against}", language="bash")
        return
    if against != _PAPER:
        st.caption(_RULE)
    picked = _pick_verdicts(Counter(claim.verdict for claim in claims))
    opened = _opened_claim(claims)
    for claim in claims:
        if not picked or claim.verdict in picked:
            _show_card(claim, claim.key == opened)
    offer_csv(_claims_table(claims), f"splitlab-claims-{against}.csv")


def _pick_verdicts(counts: Counter[Verdict]) -> list[Verdict]:
    known = [verdict for verdict in get_args(Verdict) if counts[verdict]]
    forget_unknown(_VERDICTS, known)
    if asked := asked_by_link(_VERDICTS, known):
        st.session_state[_VERDICTS] = asked
    picked = st.pills(
        "Verdicts",
        known,
        selection_mode="multi",
        format_func=lambda verdict: f"{verdict}: {counts[verdict]}",
        key=_VERDICTS,
        help="Pick one or more to see only these.",
    )
    write_link(_VERDICTS, picked)
    return list(picked)


def _opened_claim(claims: Sequence[Claim]) -> str | None:
    """Return the key of the claim whose rows are shown; the link says which."""
    if asked := asked_by_link(_CLAIM, [claim.key for claim in claims]):
        st.session_state[_CLAIM] = asked[0]
    opened: str | None = st.session_state.setdefault(_CLAIM, None)
    write_link(_CLAIM, [opened] if opened else [])
    return opened


def _show_card(claim: Claim, opened: bool) -> None:
    look = _LOOKS.get(claim.verdict, _UNDECIDED)
    with st.container(border=True):
        verdict, text = st.columns([1.3, 4], gap="medium")
        verdict.badge(claim.verdict, icon=f":material/{look.icon}:", color=look.colour)
        verdict.caption("our own question" if claim.section == _OUR_SECTION else f"Sec. {claim.section}")
        text.markdown(as_plain(claim.statement))
        text.caption(as_plain(claim.finding))
        if len(claim.rows):
            text.button(
                "Hide the rows" if opened else f"Show the rows behind it: {len(claim.rows)}",
                key=f"rows {claim.key}",
                type="tertiary",
                icon=":material/table_rows:",
                on_click=_open,
                args=(None if opened else claim.key,),
            )
        if opened:
            show_table(claim.rows)


def _open(key: str | None) -> None:
    st.session_state[_CLAIM] = key


def _claims_table(claims: Sequence[Claim]) -> pd.DataFrame:
    """Return claims as rows of a CSV, with the number of table rows behind each."""
    columns = ["key", "section", "statement", "verdict", "finding"]
    rows = [[getattr(claim, column) for column in columns] for claim in claims]
    return pd.DataFrame(rows, columns=columns).assign(rows=[len(claim.rows) for claim in claims])
