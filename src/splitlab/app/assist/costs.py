"""What masks cost with proposals, by the answers so far."""

from __future__ import annotations

from statistics import median

import streamlit as st

from splitlab.app.widgets.links import linked_count
from splitlab.assist.cost import AssistedPrices
from splitlab.assist.proposals import Proposals

_BOX, _LOOK, _MASK, _MOST = 10, 4, 80, 3600
_LEAST_TIMED = 10


def show_costs(proposals: Proposals) -> None:
    """Show the seconds of one mask with and without proposals; the prices are in the link."""
    timed = proposals.look_seconds
    measured = f"; you take {median(timed):.1f}" if len(timed) >= _LEAST_TIMED else ""
    box_at, look_at, mask_at = st.columns(3)
    prices = AssistedPrices(
        linked_count("Box, s", 0, _MOST, _BOX, "assist_box", box_at, help="Seconds to draw one box."),
        linked_count(
            "Look, s", 0, _MOST, _LOOK, "assist_look", look_at,
            help=f"Seconds to accept or reject one proposal{measured}.",
        ),
        linked_count("Mask, s", 0, _MOST, _MASK, "assist_mask", mask_at, help="Seconds to draw one mask by hand."),
    )  # fmt: skip
    share = proposals.rejected_share
    seconds = prices.mask_with_proposal(share)
    st.metric(
        "A mask with proposals",
        f"{seconds:.0f} s",
        f"{seconds - prices.mask_seconds:+.0f} s against drawing it",
        delta_color="inverse",
        help="Box + look + share not accepted x mask.",
    )
    st.caption(
        f"{share:.0%} of the answered ones were not accepted. Proposals pay up to {prices.break_even:.0%}{measured}."
    )
