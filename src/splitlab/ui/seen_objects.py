"""Which objects of an image all models see, which only some, one or none: a filter of what is drawn, and a table."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from splitlab.evaluation.disagreement import ComparedImage, ComparedObject
from splitlab.evaluation.seen_by import SeenBy, ShownObjects, class_votes, mean_iou, seen_by, shown_objects

SEEN = "seen"
_IOU = "mask IoU between models"


def choose_seen(image: ComparedImage) -> ShownObjects | None:
    """Choose by how many models an object must be seen to be drawn; None where all objects are."""
    some_can_be = len(image.models) > 2
    labelled = any(compared.truth_index is not None for compared in image.objects)
    options = [
        each.value
        for each in SeenBy
        if (each is not SeenBy.SOME or some_can_be) and (each is not SeenBy.NONE or labelled)
    ]
    chosen = st.pills(
        "Only objects seen by",
        options,
        selection_mode="multi",
        key=SEEN,
        bind="query-params",
        help="Seen: a mask IoU of 0.5 or more with the object, whatever class the model names. Nothing chosen: all.",
    )
    return shown_objects(image, {SeenBy(each) for each in chosen}) if chosen else None


def show_seen(image: ComparedImage, class_names: Sequence[str]) -> None:
    """Show a row for each object: what it is, who sees it, as what, and how alike the masks are."""
    if not image.objects:
        return
    st.dataframe(
        seen_table(image, class_names),
        hide_index=True,
        column_config={_IOU: st.column_config.NumberColumn(_IOU, format="%.2f")},
        placeholder="–",
        key="seen_table",
    )
    st.caption("Each model's best detection of an object. The IoU is the mean over all pairs of models that see it.")


def seen_table(image: ComparedImage, class_names: Sequence[str]) -> pd.DataFrame:
    """Return the table; see `show_seen`."""
    return pd.DataFrame([_row(image, compared, class_names) for compared in image.objects])


def _row(image: ComparedImage, compared: ComparedObject, names: Sequence[str]) -> dict[str, object]:
    votes = [f"{count} {names[index]}" for index, count in class_votes(compared)]
    says = {model: f"{names[vote.class_index]} {vote.score:.2f}" for model, vote in compared.votes.items()}
    return {
        "labelled as": None if compared.truth_class is None else names[compared.truth_class],
        "seen by": f"{seen_by(image, compared).value}: {len(compared.votes)} of {len(image.models)}",
        "class votes": ", ".join(votes) or None,
        _IOU: mean_iou(compared),
        **{model: says.get(model) for model in image.models},
    }
