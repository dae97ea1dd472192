"""Which data set's images, which models: the choices that Compare masks and Errors by split share."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from splitlab.data.dataset import Dataset
from splitlab.data.open_dataset import EMBEDDED, dataset_names
from splitlab.experiments.comparison import short_names
from splitlab.ui.datasets import read_dataset
from splitlab.ui.models import Choice
from splitlab.ui.named_links import asked_by_link, linked_selectbox, write_link
from splitlab.ui.plain_text import as_plain
from splitlab.workspace import Workspace

DATA, MODELS = "data", "models"
# The columns of the paper's Fig. 2.
FIRST_MODELS = 4
PHOTOS, DATA_IMAGES = "photos", "images of a data set"
BY_CLASS, BY_ERROR = "class", "kind of error"


def choose_dataset(choices: Mapping[str, Choice], workspace: Workspace) -> tuple[str, Dataset]:
    """Choose whose validation images; begin with a data set that a checkpoint was trained on.

    Raises:
        DataError: its files are broken.
    """
    names = dataset_names(workspace.data)
    trained_on = {choice.card.dataset for choice in choices.values()}
    start = next((name for name in names if name in trained_on), EMBEDDED)
    name = linked_selectbox("Data set", names, DATA, start, st.container(), tip="Its validation images.")
    return name, read_dataset(name, workspace).val


def models_for(choices: Mapping[str, Choice], dataset: Dataset) -> dict[str, Choice]:
    """Return the checkpoints whose classes are a data set's own."""
    return {name: choice for name, choice in choices.items() if tuple(choice.card.class_names) == dataset.class_names}


def choose_models(choices: Mapping[str, Choice]) -> list[str]:
    """Choose one or more of some checkpoints; the link holds their names."""
    names = list(choices)
    forget_unknown(MODELS, names)
    if asked := asked_by_link(MODELS, choices):
        st.session_state[MODELS] = asked
    st.session_state.setdefault(MODELS, names[:FIRST_MODELS])
    chosen = st.multiselect("Checkpoints", names, format_func=lambda name: choices[name].label, key=MODELS)
    write_link(MODELS, chosen)
    return chosen


def forget_unknown(key: str, options: list[str]) -> None:
    """Let a control of several choices begin anew where none of its choices is left, such as for other data."""
    before = st.session_state.get(key, [])
    kept = [name for name in before if name in options]
    if before and not kept:
        del st.session_state[key]
    elif kept != before:
        st.session_state[key] = kept


def by_short_name(choices: Mapping[str, Choice], names: list[str]) -> dict[str, Choice]:
    """Return the chosen checkpoints by the names that charts call them, their splits."""
    chosen = [choices[name] for name in names]
    return dict(zip(short_names([choice.card for choice in chosen]), chosen, strict=True))


def no_model_knows(name: str, dataset: Dataset) -> None:
    """Say what to do where no checkpoint knows a data set's classes."""
    shown = ", ".join(dataset.class_names[:6]) + (" …" if len(dataset.class_names) > 6 else "")
    st.info(
        f"No checkpoint knows the classes of '{as_plain(name)}' ({as_plain(shown)}). Train one on it; it appears here "
        "when it is done. A model from elsewhere may know some of them: switch on the models with other classes."
    )
    st.page_link(
        "pages/train.py",
        label=f"Train on {as_plain(name)}",
        icon=":material/model_training:",
        query_params={"data": name},
    )
