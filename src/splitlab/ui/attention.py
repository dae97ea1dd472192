"""Where DETR looked for an object that is chosen: drawn when asked for."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from splitlab.families import family_of
from splitlab.figures.attention_picture import attention_picture
from splitlab.figures.palette import class_colour
from splitlab.geometry import FloatArray
from splitlab.ui.models import Choice, detect_objects, look_of
from splitlab.ui.photos import Photo


def show_attention(choices: Sequence[Choice], photo: Photo) -> None:
    """Offer the objects that models with a decoder see; light the photo where the chosen one's decoder looked."""
    by_label = {choice.label: choice for choice in choices if family_of(choice.card.model).has_attention}
    kinds = " and ".join(sorted({family_of(choice.card.model).kind for choice in by_label.values()}))
    if not by_label or not st.toggle(f"Show where {kinds} looked", key="attention", bind="query-params"):
        return
    model_side, object_side = st.columns(2)
    choice = by_label[model_side.selectbox("Checkpoint", list(by_label), key="attention_model", bind="query-params")]
    found, maps = detect_objects(choice, photo), look_of(choice, photo)
    names = [choice.card.class_names[index] for index in found.classes]
    objects = [f"{row + 1}: {name} {found.scores[row]:.2f}" for row, name in enumerate(names)]
    if not objects or maps is None:
        st.caption("It sees nothing here.")
        return
    key = f"attention_{choice.label}_{photo.key}"
    row = objects.index(object_side.selectbox("Object", objects, key=key, bind="query-params"))
    colour = class_colour(int(found.classes[row]))
    st.image(attention_picture(photo.pixels, maps[row], _sides(found.boxes[row]), colour), width="stretch")
    st.caption("The last decoder layer's attention, mean over its heads: bright where it looked for this object.")


def _sides(box: FloatArray) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(side) for side in box)
    return left, top, right, bottom
