"""A mask taken apart on the page Few-shot: what a real checkpoint's prototypes and coefficients make of a photo."""

from __future__ import annotations

import streamlit as st

from splitlab.data.images import load_labelled
from splitlab.data.open_dataset import EMBEDDED
from splitlab.families import family_of
from splitlab.figures.palette import class_colour
from splitlab.figures.prototype_pictures import masked_square, prototype_square
from splitlab.ui.datasets import read_dataset
from splitlab.ui.models import Choice, checkpoint_choices, take_apart_with
from splitlab.ui.named_links import linked_selectbox
from splitlab.ui.photos import SAMPLES, Photo, sample_photo
from splitlab.ui.plain_text import as_plain
from splitlab.workspace import Workspace

SHOWN = 4


def offer_taken_apart(workspace: Workspace) -> None:
    """Offer checkpoints that make masks of prototypes; on demand take the mask of the best object apart.

    Raises:
        SplitLabError: the checkpoint's files are broken.
    """
    shown = checkpoint_choices(workspace).items()
    choices = {name: one for name, one in shown if family_of(one.card.model).has_prototypes}
    if not choices:
        st.info("There is no YOLO checkpoint here. Train one, or put the shipped ones back.")
        return
    name = linked_selectbox("Checkpoint", list(choices), "apart", next(iter(choices)), st.container())
    if not st.toggle("Take a mask apart", key="take_apart", bind="query-params"):
        return
    with st.spinner("Looking"):
        _show(choices[name], _photo_for(choices[name], workspace))


def _photo_for(choice: Choice, workspace: Workspace) -> Photo:
    """Take a scene for who knows scenes, a photo for who knows photos."""
    if not choice.card.dataset.startswith(EMBEDDED):
        return sample_photo(next(iter(SAMPLES)))
    labels = read_dataset(EMBEDDED, workspace).val.images[0]
    return Photo("a scene", f"scene {labels.image_id}", load_labelled(labels), None)


def _show(choice: Choice, photo: Photo) -> None:
    apart = take_apart_with(choice, photo)
    if apart is None:
        st.caption(f"It sees nothing in {as_plain(photo.name)} that it is sure of.")
        return
    colour = class_colour(apart.class_index)
    name = as_plain(choice.card.class_names[apart.class_index].replace("_", " "))
    columns = st.columns(SHOWN + 2)
    for column, place in zip(columns, apart.strongest[:SHOWN], strict=False):
        weight = float(apart.coefficients[place])
        column.image(prototype_square(apart.prototypes[place], weight), width="stretch")
        column.caption(f"prototype {place}, coefficient {weight:+.1f}")
    columns[-2].image(masked_square(apart.square, apart.box, apart.mask, colour), width="stretch")
    columns[-2].caption(f"all {len(apart.coefficients)} added up: {name} {apart.score:.2f}")
    middle = len(apart.by_chance) // 2
    columns[-1].image(masked_square(apart.square, apart.box, apart.by_chance[middle], colour), width="stretch")
    columns[-1].caption(f"coefficients drawn at random, the median of {len(apart.by_chance)} draws")
    low, high = (float(apart.chance_ious[place]) for place in (len(apart.by_chance) // 20, -len(apart.by_chance) // 20))
    st.caption(
        f"The same prototypes with coefficients that nobody taught: IoU with the mask on their left "
        f"{apart.chance_ious[middle]:.2f} at the median, {low:.2f} to {high:.2f} for nine draws of ten. The filled box "
        f"alone reaches {apart.filled_box_iou:.2f}."
    )
