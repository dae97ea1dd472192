"""Where DETR looked for an object that is chosen: drawn when asked for."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from splitlab.evaluation.image_detections import ImageDetections
from splitlab.figures.attention_picture import attention_picture
from splitlab.figures.palette import class_colour
from splitlab.ui.models import Choice, look_of
from splitlab.ui.photos import Photo


def show_attention(choices: Mapping[str, Choice], seen: Mapping[str, ImageDetections], photo: Photo) -> None:
    """Offer the objects that models with a decoder found; light the photo where the chosen one's decoder looked."""
    names = [name for name in seen if choices[name].card.model.startswith("detr")]
    if not names:
        return
    with st.expander("Where DETR looked"):
        model_side, object_side = st.columns(2)
        name = model_side.selectbox("Checkpoint", names, key="attention_model")
        found, classes = seen[name], choices[name].card.class_names
        labels = [f"{i + 1}: {classes[index]} {found.scores[i]:.2f}" for i, index in enumerate(found.classes)]
        if not labels:
            st.caption("It found nothing here.")
            return
        row = labels.index(object_side.selectbox("Object", labels, key=f"attention_{name}_{photo.key}"))
        maps = look_of(choices[name], photo)
        if maps is None:
            st.caption("This model cannot tell where it looked.")
            return
        left, top, right, bottom = (float(side) for side in found.boxes[row])
        box, colour = (left, top, right, bottom), class_colour(int(found.classes[row]))
        st.image(attention_picture(photo.pixels, maps[row], box, colour), width="stretch")
        st.caption("The last decoder layer's attention, mean over its heads: bright where it looked for this object.")
