"""About the paper: what it says, and whether its own tables and our own runs bear it out."""

import streamlit as st

from splitlab.budget.atlas.grid import verdict_metric
from splitlab.budget.published import FLATTERED
from splitlab.budget.results import METRICS, SHORT_METRICS
from splitlab.experiments.atlas.plans import atlas_names
from splitlab.ui.named_links import linked_selectbox, write_link
from splitlab.ui.page import answered, page_head
from splitlab.ui.shown_claims import claims_table, show_claims
from splitlab.ui.tables import claims_of_atlas, claims_of_paper
from splitlab.workspace import Workspace

AGAINST, SCORE, JUDGED = "against", "by", "judged last"
PAPER = "paper"
SHOWN = {PAPER: "the paper's own tables"}
RULE = (
    "A difference counts where it is more than noise between seeds. That rule was fixed before pets and street were "
    "measured, but after the embedded scenes, whose verdicts by the first rule are in docs/atlas.md."
)

page_head(
    "About the paper",
    "What *Balancing Bounding Box and Mask Annotations for Semi-Supervised Instance Segmentation* says, sentence by "
    "sentence, and whether its own tables and our own runs bear it out.",
)

st.markdown(
    "A training set is a **full set F**, images with masks, and a **weak set W**, images with boxes only. A mask takes "
    "6 to 11 times as long to draw as a box. YOLOv5 learns from batches that mix both: box and class from all images, "
    "masks from F alone. DETR learns boxes from F and W first, then masks from F. At equal cost a split in the middle "
    "scores best; splits of equal score lie on a hyperbola |W| = k phi0² / |F|; and models of equal score make "
    "different mistakes."
)

workspace = Workspace.here()
left, right = st.columns([2, 1])
link = st.query_params.to_dict()  # as it was before the control below writes into it
against = linked_selectbox(
    "Check it against",
    [PAPER, *atlas_names(workspace.measured)],
    AGAINST,
    PAPER,
    left,
    lambda name: SHOWN.get(name, f"our own runs on {name}"),
    "Published: every sentence with a number, computed again from the paper's tables. Measured here: its seven "
    "observations and its law on the grids of the atlas.",
)
turned = st.session_state.get(JUDGED, against) != against
st.session_state[JUDGED] = against
with answered():
    if against == PAPER:
        write_link(SCORE, [])
        claims = claims_of_paper()
        st.caption(FLATTERED)
    else:
        fixed = verdict_metric(against)
        if turned and not (link.get(AGAINST) == against and SCORE in link):
            st.session_state[SCORE] = fixed  # the score of another atlas says nothing about this one
        metric = linked_selectbox(
            "Score",
            list(METRICS),
            SCORE,
            fixed,
            right,
            lambda name: SHORT_METRICS[name] + (", fixed before" if name == fixed else ""),
        )
        with st.spinner("Holding the paper against the runs", show_time=True):
            claims = claims_of_atlas(against, metric, workspace)
    if claims:
        if against != PAPER:
            st.caption(RULE)
        show_claims(claims)
        st.download_button(
            "Download CSV",
            claims_table(claims).to_csv(index=False),
            f"splitlab-claims-{against}.csv",
            icon=":material/download:",
        )
    else:
        st.info(f"Nothing of {against} has been measured yet. This measures it, in hours, and goes on after any end:")
        st.code(f"splitlab atlas run {against}", language="bash")

st.page_link("pages/cost_against_ap.py", label="The tables as a chart", icon=":material/scatter_plot:")
st.page_link("pages/lessons.py", label="The paper as seven lessons", icon=":material/school:")
