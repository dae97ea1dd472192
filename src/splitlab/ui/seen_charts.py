"""Over a whole data set: how many objects all models see, only some, one or none. A click leads to their images."""

from __future__ import annotations

import streamlit as st

from splitlab.evaluation.seen_by import SeenBy, count_seen, objects_seen
from splitlab.experiments.comparison import Comparison
from splitlab.figures.seen_bars import seen_bars, seen_in_words
from splitlab.ui.error_charts import clickable
from splitlab.ui.images_behind import KIND, NOTHING, SOMETHING, TRUTH, ask_for
from splitlab.ui.letters import letter_colour


def show_seen_counts(comparison: Comparison) -> None:
    """Show buttons with the totals and a bar for each class; nothing where only one model is compared."""
    models = len(comparison.models)
    if models < 2:
        return
    classes = list(comparison.dataset.class_names)
    counts = count_seen(objects_seen(comparison.ranking), len(classes))
    labelled = counts.loc[: len(classes) - 1]
    st.subheader("Seen by all, some or one", anchor=False)
    st.markdown(f"Of {int(labelled[list(SeenBy)].sum().sum()):,} labelled objects, models see")
    with st.container(horizontal=True):
        for each in SeenBy:
            if each is not SeenBy.SOME or models > 2:
                st.button(
                    f"{seen_in_words(each, models)}: **{int(labelled[each].sum()):,}**",
                    key=f"seen {each}",
                    help="Show their images.",
                    on_click=ask_for,
                    kwargs={KIND: f"seen by {each.value}", TRUTH: SOMETHING},
                )

    def take(data: list[str]) -> None:
        ask_for(**{TRUTH: data[0], KIND: f"seen by {data[1]}"})

    clickable(seen_bars(counts, [*classes, NOTHING], models, letter_colour()), "seen_bars", take)
    st.caption(
        f"Seen: a mask IoU of 0.5 or more, whatever class is named; {int(labelled['named_differently'].sum()):,} "
        f"labelled objects are given more than one class. In the row '{NOTHING}' is what models see and nobody "
        "labelled: where all of them agree, a label may be missing."
    )
