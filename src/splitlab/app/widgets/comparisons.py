"""Choose a dataset and models to compare, run the models on it, and compare them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from splitlab.app.widgets.links import asked_by_link, linked_selectbox, write_link
from splitlab.app.widgets.sources import Choice, read_dataset
from splitlab.app.widgets.text import as_plain
from splitlab.data.dataset import Dataset
from splitlab.data.fit_for_training import refuse_without_val, with_scorable_val
from splitlab.data.open_dataset import EMBEDDED, dataset_names
from splitlab.evaluation.class_map import class_map_for
from splitlab.evaluation.comparison import (
    ComparedModel,
    CompareSettings,
    Comparison,
    Measured,
    Mistakes,
    Seen,
    find_mistakes,
    measure,
    on_shared_classes,
    rank,
    short_names,
)
from splitlab.evaluation.disagreement import ComparedImage
from splitlab.workspace import Workspace

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

DATA, MODELS = "data", "models"
# The columns of the paper's Fig. 2.
_FIRST_MODELS = 4
PHOTOS, DATA_IMAGES = "photos", "images of a data set"
BY_CLASS, BY_ERROR = "class", "kind of error"


def choose_dataset(choices: Mapping[str, Choice], workspace: Workspace) -> tuple[str, Dataset]:
    """Choose a dataset, at first one that a checkpoint was trained on; return its name and validation images.

    Raises:
        DataError: Its files are broken, or it has no validation images.
        SplitError: It has no labels.
    """
    names = dataset_names(workspace.data)
    trained_on = {choice.card.dataset for choice in choices.values()}
    start = next((name for name in names if name in trained_on), EMBEDDED)
    name = linked_selectbox("Dataset", names, DATA, start, st.container(), tip="Its validation images are used.")
    data = read_dataset(name, workspace)
    refuse_without_val(data)
    return name, with_scorable_val(data).val


def models_for(choices: Mapping[str, Choice], dataset: Dataset) -> dict[str, Choice]:
    """Return the checkpoints with exactly the classes of a dataset."""
    return {name: choice for name, choice in choices.items() if tuple(choice.card.class_names) == dataset.class_names}


def choose_models(choices: Mapping[str, Choice]) -> list[str]:
    """Choose checkpoints; the link contains their names."""
    names = list(choices)
    forget_unknown(MODELS, names)
    if asked := asked_by_link(MODELS, choices):
        st.session_state[MODELS] = asked
    st.session_state.setdefault(MODELS, names[:_FIRST_MODELS])
    chosen = st.multiselect("Checkpoints", names, format_func=lambda name: choices[name].label, key=MODELS)
    write_link(MODELS, chosen)
    return chosen


def forget_unknown(key: str, options: list[str]) -> None:
    """Remove unknown choices from a control; reset it if none are left."""
    before = st.session_state.get(key, [])
    kept = [name for name in before if name in options]
    if before and not kept:
        del st.session_state[key]
    elif kept != before:
        st.session_state[key] = kept


def by_short_name(choices: Mapping[str, Choice], names: list[str]) -> dict[str, Choice]:
    """Return the chosen checkpoints by the short names that charts use, which are their splits."""
    chosen = [choices[name] for name in names]
    return dict(zip(short_names([choice.card for choice in chosen]), chosen, strict=True))


def no_model_knows(name: str, dataset: Dataset) -> None:
    """Say what to do if no checkpoint knows a dataset's classes."""
    shown = ", ".join(dataset.class_names[:6]) + (" …" if len(dataset.class_names) > 6 else "")
    st.info(
        f"No checkpoint knows the classes of '{as_plain(name)}' ({as_plain(shown)}). Train one on it; it appears here "
        "when it is done. Other models may know some of the classes: switch on models with other classes."
    )
    st.page_link(
        "pages/train.py",
        label=f"Train on {as_plain(name)}",
        icon=":material/model_training:",
        query_params={"data": name},
    )


_Key = tuple[str, int, str, str]


@dataclass
class _Stored:
    """A checkpoint's detections in a dataset, once they are known."""

    seen: Seen | None


def known(choice: Choice, dataset: Dataset, workspace: Workspace) -> Seen | None:
    """Return a checkpoint's stored detections in a dataset, if it was run on it before."""
    return _stored(_key(choice, dataset), choice, dataset, workspace).seen


def offer_look(choices: Mapping[str, Choice], dataset: Dataset, workspace: Workspace) -> None:
    """Offer to run those checkpoints on a dataset that were not run on it before.

    Raises:
        SplitLabError: A checkpoint or a photo cannot be read.
    """
    waiting = {name: choice for name, choice in choices.items() if known(choice, dataset, workspace) is None}
    if not waiting:
        return
    images, models = len(dataset.images), len(waiting)
    place = st.empty()
    with place.container(border=True):
        st.markdown(
            f"**{', '.join(map(as_plain, waiting))}** {'has' if models == 1 else 'have'} not been run on these "
            f"{images:,} images yet. This takes a moment per image; the results are saved."
        )
        asked = st.button(f"Run on {images:,} images", type="primary", icon=":material/visibility:", key="look")
    if asked:
        with place.container(border=True):
            _look(waiting, dataset, workspace)
        st.rerun()


def _look(choices: Mapping[str, Choice], dataset: Dataset, workspace: Workspace) -> None:
    """Run checkpoints with a progress bar; using any control of the page, such as Stop, ends it."""
    from splitlab.evaluation.compare_models import see

    bar = st.progress(0.0, "Loading")
    st.button("Stop", icon=":material/stop:", key="stop_looking")
    for name, choice in choices.items():
        stored = _stored(_key(choice, dataset), choice, dataset, workspace)
        stored.seen = see(choice.folder, dataset, workspace.detections, partial(_show_progress, bar, name))


def _show_progress(bar: DeltaGenerator, name: str, _what: str, done: int, total: int) -> None:
    # Streamlit ends the script here if it has to run again.
    bar.progress(done / max(total, 1), f"{as_plain(name)}: image {done:,} of {total:,}")


def compare_known(
    choices: Mapping[str, Choice], models: Mapping[str, Seen], dataset: Dataset, settings: CompareSettings
) -> Comparison:
    """Compare models by their detections, over the classes that all of them know; results are cached.

    Raises:
        CheckpointError: There is no class that all of them know.
    """
    keys = {name: _key(choices[name], dataset) for name in models}
    models, view = _on_shared_classes(tuple(keys.items()), models, dataset)
    keys = {name: (folder, version, view.source_hash, of_map) for name, (folder, version, _, of_map) in keys.items()}
    compared = []
    for name, seen in models.items():
        measured = _measured(keys[name], seen, view)
        mistakes = _mistakes(keys[name], settings, seen, measured, view)
        compared.append(ComparedModel(name, seen, measured, mistakes))
    ranked = _ranking(tuple(keys.items()), settings, models, view)
    return Comparison(view, settings, tuple(compared), ranked, dataset)


def ranking(
    choices: Mapping[str, Choice], models: Mapping[str, Seen], dataset: Dataset, settings: CompareSettings
) -> tuple[ComparedImage, ...]:
    """Sort a dataset's images by how much models differ, most first."""
    keys = tuple((name, _key(choices[name], dataset)) for name in models)
    return _ranking(keys, settings, models, dataset)


def _key(choice: Choice, dataset: Dataset) -> _Key:
    of_map = class_map_for(choice.card, dataset.class_names).key
    return str(choice.folder), choice.version, dataset.source_hash, of_map


@st.cache_resource(show_spinner=False, max_entries=16)
def _stored(key: _Key, _choice: Choice, _dataset: Dataset, _workspace: Workspace) -> _Stored:
    from splitlab.evaluation.compare_models import stored_detections, weights_hash

    classes = class_map_for(_choice.card, _dataset.class_names)
    found = stored_detections(_choice.folder, _dataset, _workspace.detections, classes)
    return _Stored(None if found is None else Seen(_choice.card, weights_hash(_choice.folder), found, classes))


@st.cache_resource(show_spinner=False, max_entries=4)
def _on_shared_classes(
    keys: tuple[tuple[str, _Key], ...],
    _models: Mapping[str, Seen],
    _dataset: Dataset,
) -> tuple[Mapping[str, Seen], Dataset]:
    return on_shared_classes(_models, _dataset)


@st.cache_resource(show_spinner=False, max_entries=16)
def _measured(key: _Key, _seen: Seen, _dataset: Dataset) -> Measured:
    return measure(_seen.detections, _dataset)


@st.cache_resource(show_spinner=False, max_entries=64)
def _mistakes(key: _Key, settings: CompareSettings, _seen: Seen, _measured: Measured, _dataset: Dataset) -> Mistakes:
    return find_mistakes(_seen, _measured, _dataset, settings)


@st.cache_resource(show_spinner=False, max_entries=16)
def _ranking(
    keys: tuple[tuple[str, _Key], ...],
    settings: CompareSettings,
    _models: Mapping[str, Seen],
    _dataset: Dataset,
) -> tuple[ComparedImage, ...]:
    return rank(_models, _dataset, settings)
