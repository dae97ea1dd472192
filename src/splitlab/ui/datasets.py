"""Data sets as the pages read them: opened once for all users, a few kept."""

from __future__ import annotations

import streamlit as st

from splitlab.data.dataset import ImageLabels, TrainVal
from splitlab.data.images import ImageArray, load_labelled
from splitlab.data.open_dataset import open_dataset
from splitlab.figures.label_pictures import as_full, as_weak
from splitlab.workspace import Workspace


# Nobody changes what a data set holds, so all get the same one: copying 10,000 images takes a second.
@st.cache_resource(show_spinner="Reading the data set", max_entries=4, ttl=60)
def read_dataset(name: str, workspace: Workspace) -> TrainVal:
    """Read a data set of the work space.

    Raises:
        DataError: there is no such data set, or its files are broken.
    """
    return open_dataset(name, workspace.data)


@st.cache_data(show_spinner=False, max_entries=64, ttl=600, hash_funcs={ImageLabels: repr})
def label_pictures(labels: ImageLabels) -> tuple[ImageArray, ImageArray]:
    """Return a photo with its masks and with its boxes drawn in.

    Raises:
        DataError, ImageError: the photo or a mask cannot be read.
    """
    photo = load_labelled(labels)
    return as_full(photo, labels), as_weak(photo, labels)
