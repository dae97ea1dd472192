"""Images of a data set to look at: those first where the models differ most, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from splitlab.data.dataset import Dataset, ImageLabels
from splitlab.data.images import load_labelled
from splitlab.evaluation.class_map import class_map_for
from splitlab.evaluation.image_detections import ImageDetections
from splitlab.experiments.comparison import CompareSettings
from splitlab.ui.comparisons import known, offer_look, ranking
from splitlab.ui.models import Choice, detect_objects
from splitlab.ui.named_links import linked_selectbox
from splitlab.ui.photos import Photo
from splitlab.workspace import Workspace

IMAGE = "image"


def choose_image(choices: Mapping[str, Choice], dataset: Dataset, workspace: Workspace) -> ImageLabels:
    """Choose one of a data set's images: by its name, or the next one.

    Where all models have looked at all images, those come first on which they differ most; else the files' order
    decides, and it is offered to let them look.

    Raises:
        SplitLabError: a checkpoint or a photo cannot be read.
    """
    images = _ordered(choices, dataset, workspace)
    by_name = {str(labels.image_id): labels for labels in images}
    names = list(by_name)
    before, middle, after = st.columns([1, 6, 1], vertical_alignment="bottom")
    name = linked_selectbox("Image", names, IMAGE, names[0], middle)
    place = names.index(name)
    for column, step, icon, text in (
        (before, -1, ":material/chevron_left:", "Previous image"),
        (after, 1, ":material/chevron_right:", "Next image"),
    ):
        other = names[(place + step) % len(names)]
        column.button(
            "", icon=icon, help=text, key=text, width="stretch", on_click=st.session_state.__setitem__,
            args=(IMAGE, other),
        )  # fmt: skip
    return by_name[name]


def detections_in(
    choices: Mapping[str, Choice], dataset: Dataset, labels: ImageLabels, workspace: Workspace
) -> dict[str, ImageDetections]:
    """Return what each model sees in one image: from what it has looked at before, else it looks at this one now."""
    photo = labelled_photo(dataset.source_hash, str(labels.image_id), labels)
    place = dataset.images.index(labels)
    found = {}
    for name, choice in choices.items():
        seen = known(choice, dataset, workspace)
        if seen is None:
            found[name] = class_map_for(choice.card, dataset.class_names).apply(detect_objects(choice, photo))
        else:
            found[name] = seen.detections[place]
    return found


@st.cache_resource(show_spinner=False, max_entries=16)
def labelled_photo(source: str, image_id: str, _labels: ImageLabels) -> Photo:
    """Open a data set's photo, in the size of its labels.

    Raises:
        SplitLabError: it cannot be read.
    """
    return Photo(image_id, f"data {source} {image_id}", load_labelled(_labels), None)


def _ordered(choices: Mapping[str, Choice], dataset: Dataset, workspace: Workspace) -> Sequence[ImageLabels]:
    if len(choices) < 2:
        return dataset.images
    seen = {name: known(choice, dataset, workspace) for name, choice in choices.items()}
    there = {name: one for name, one in seen.items() if one is not None}
    if len(there) < len(choices):
        st.caption("Let the models look at all images once, and those where they differ most come first.")
        offer_look(choices, dataset, workspace)
        return dataset.images
    # One order whatever the slider says: images that change places while one looks are no help.
    ranked = ranking(choices, there, dataset, CompareSettings())
    return [dataset.by_id[image.image_id] for image in ranked]
