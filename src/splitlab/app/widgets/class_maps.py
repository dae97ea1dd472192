"""Models with other classes on a dataset's images: which are offered, and what their classes are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import streamlit as st

from splitlab.app.hosting import Hosting, may_change
from splitlab.app.navigation import errors_shown, rerun_with_message, show_message
from splitlab.app.widgets.comparisons import models_for
from splitlab.app.widgets.sources import Choice
from splitlab.app.widgets.text import as_plain
from splitlab.checkpoints.checkpoint import Card
from splitlab.data.classes import TABLES, fitting_tables
from splitlab.data.dataset import Dataset
from splitlab.evaluation.class_map import (
    IN_ORDER,
    ClassMap,
    by_name,
    class_map_for,
    keep_class_map,
    map_in_words,
    of_counterparts,
    require_known,
)

OTHERS = "others"
_AS_NOW, _BY_NAME = "as they are now", "by name"
_NAMED = {
    "voc20": "VOC's 20, numbered from 0",
    "voc20-ids": "VOC's ids 1 to 19, as a DETR of 20 classes has them",
    "voc21": "VOC's ids 1 to 20",
    "coco80": "COCO's 80, numbered from 0",
    "coco91": "COCO's ids 1 to 90, as DETR has them",
    IN_ORDER: "the dataset's, in its order",
}
_MODEL_CLASS, _DATA_CLASS = "class of the model", "class of the dataset"


def offer_models(choices: Mapping[str, Choice], dataset: Dataset) -> dict[str, Choice]:
    """Return the checkpoints with the dataset's own classes; with others where the user switches them on."""
    own = models_for(choices, dataset)
    if len(own) == len(choices):
        return own
    with_others = st.toggle(
        "Models with other classes",
        key=OTHERS,
        bind="query-params",
        help="Their classes are matched by name, or as you say; what has no counterpart is left out.",
    )
    return own | _best_known_first(choices, dataset) if with_others else own


def _best_known_first(choices: Mapping[str, Choice], dataset: Dataset) -> dict[str, Choice]:
    known = {name: len(class_map_for(choice.card, dataset.class_names).known) for name, choice in choices.items()}
    return {name: choices[name] for name in sorted(choices, key=lambda name: -known[name])}


def settle_classes(chosen: Mapping[str, Choice], dataset: Dataset) -> dict[str, Choice]:
    """Say what the classes of models from elsewhere are here, and let the user change it.

    Returns:
        The chosen models of which at least one class is known to be one of the dataset's.
    """
    show_message()
    maps = {name: class_map_for(choice.card, dataset.class_names) for name, choice in chosen.items()}
    others = {name: classes for name, classes in maps.items() if not classes.is_own}
    if not others:
        return dict(chosen)
    for name, classes in others.items():
        with errors_shown():
            require_known(classes, name, dataset.name)
            for told in map_in_words(classes, name, dataset.name):
                st.caption(as_plain(told))
    with st.popover("Classes of other models", icon=":material/swap_horiz:"), errors_shown():
        if may_change("Naming classes"):
            _edit({name: chosen[name] for name in others}, others, dataset)
    return {name: choice for name, choice in chosen.items() if maps[name].known}


def _edit(choices: Mapping[str, Choice], maps: Mapping[str, ClassMap], dataset: Dataset) -> None:
    name = st.selectbox("Model", list(choices), key="classes of")
    choice = choices[name]
    way = st.selectbox(
        "Its classes are",
        _ways(choice, dataset),
        key=f"classes by {name}",
        format_func=lambda way: _NAMED.get(way, way),
    )
    start = maps[name] if way == _AS_NOW else _start_of(way, choice.card, dataset.class_names)
    table = st.data_editor(
        pd.DataFrame({_MODEL_CLASS: start.model_classes, _DATA_CLASS: start.counterparts}, dtype="object"),
        column_config={_DATA_CLASS: st.column_config.SelectboxColumn(options=list(dataset.class_names))},
        disabled=[_MODEL_CLASS],
        hide_index=True,
        key=f"class map {name} {way} {dataset.source_hash}",
    )
    st.caption("A class without a counterpart is left out. The map is kept in the checkpoint's card.")
    if st.button("Use this map", type="primary", key="use class map", width="stretch"):
        _use_map(choice, dataset, [other if isinstance(other, str) else None for other in table[_DATA_CLASS]])
        rerun_with_message(f"The classes of {as_plain(name)} are kept in its card.")


def _start_of(way: str, card: Card, class_names: tuple[str, ...]) -> ClassMap:
    """Return the map that the names, a table or the dataset's order give; it may hold no pair."""
    if way == _BY_NAME:
        return by_name(card.class_names, class_names)
    if way == IN_ORDER:
        return of_counterparts(card.class_names, class_names, class_names)
    return replace(by_name(TABLES[way], class_names), model_classes=tuple(card.class_names))


def _use_map(choice: Choice, dataset: Dataset, counterparts: list[str | None]) -> None:
    """Keep a class map in a checkpoint's card.

    Raises:
        SplitLabError: it holds no pair, the card cannot be written, or visitors may change nothing.
    """
    Hosting.here().require_writable("Naming classes")
    classes = of_counterparts(choice.card.class_names, dataset.class_names, counterparts)
    keep_class_map(choice.folder, dataset.name, require_known(classes, choice.card.name, dataset.name))


def _ways(choice: Choice, dataset: Dataset) -> list[str]:
    count = len(choice.card.class_names)
    in_order = [IN_ORDER] if count == len(dataset.class_names) else []
    return [_AS_NOW, _BY_NAME, *fitting_tables(count), *in_order]
