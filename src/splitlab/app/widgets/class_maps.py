"""Models with other classes than the dataset: offering them, and mapping their classes."""

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
_MAPPING = "Mapping classes"
_AS_NOW, _BY_NAME = "as they are now", "by name"
_NAMED = {
    "voc20": "the 20 of VOC, numbered from 0",
    "voc20-ids": "VOC's ids 1 to 19, as in a DETR with 20 classes",
    "voc21": "VOC's ids 1 to 20",
    "coco80": "the 80 of COCO, numbered from 0",
    "coco91": "COCO's ids 1 to 90, as in DETR",
    IN_ORDER: "those of the dataset, in its order",
}
_MODEL_CLASS, _DATA_CLASS = "class of the model", "class of the dataset"


def offer_models(choices: Mapping[str, Choice], dataset: Dataset) -> dict[str, Choice]:
    """Return the checkpoints with the dataset's classes, and others if the user switches them on."""
    own = models_for(choices, dataset)
    if len(own) == len(choices):
        return own
    with_others = st.toggle(
        "Models with other classes",
        key=OTHERS,
        bind="query-params",
        help="Their classes are matched by name or as you choose; classes without a counterpart are left out.",
    )
    return own | _best_known_first(choices, dataset) if with_others else own


def _best_known_first(choices: Mapping[str, Choice], dataset: Dataset) -> dict[str, Choice]:
    known = {name: len(class_map_for(choice.card, dataset.class_names).known) for name, choice in choices.items()}
    return {name: choices[name] for name in sorted(choices, key=lambda name: -known[name])}


def settle_classes(chosen: Mapping[str, Choice], dataset: Dataset) -> dict[str, Choice]:
    """Show which classes of the dataset the classes of other models match, and let the user change it.

    Returns:
        The chosen models with at least one matching class.
    """
    show_message()
    maps = {name: class_map_for(choice.card, dataset.class_names) for name, choice in chosen.items()}
    others = {name: classes for name, classes in maps.items() if not classes.is_own}
    if not others:
        return dict(chosen)
    for name, classes in others.items():
        with errors_shown():
            require_known(classes, name, dataset.name)
            for sentence in map_in_words(classes, name, dataset.name):
                st.caption(as_plain(sentence))
    with st.popover("Classes of other models", icon=":material/swap_horiz:"), errors_shown():
        if may_change(_MAPPING):
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
    whole = pd.DataFrame({_MODEL_CLASS: start.labels, _DATA_CLASS: start.counterparts}, dtype="object")
    table = st.data_editor(
        whole.drop(index=list(start.unused)),
        column_config={_DATA_CLASS: st.column_config.SelectboxColumn(options=list(dataset.class_names))},
        disabled=[_MODEL_CLASS],
        hide_index=True,
        key=f"class map {name} {way} {dataset.source_hash}",
    )
    st.caption("Classes without a counterpart are left out. The map is saved in the checkpoint's card.")
    if st.button("Use this map", type="primary", key="use class map", width="stretch"):
        counterparts = table[_DATA_CLASS].reindex(whole.index)
        _use_map(choice, dataset, [other if isinstance(other, str) else None for other in counterparts])
        rerun_with_message(f"The class map of {as_plain(name)} was saved in its card.")


def _start_of(way: str, card: Card, class_names: tuple[str, ...]) -> ClassMap:
    """Return the map by names, by a table or by the dataset's order; it may be empty."""
    if way == _BY_NAME:
        return by_name(card.class_names, class_names)
    if way == IN_ORDER:
        return of_counterparts(card.class_names, class_names, class_names)
    return replace(by_name(TABLES[way], class_names), model_classes=tuple(card.class_names))


def _use_map(choice: Choice, dataset: Dataset, counterparts: list[str | None]) -> None:
    """Save a class map in a checkpoint's card."""
    Hosting.here().require_writable(_MAPPING)
    classes = of_counterparts(choice.card.class_names, dataset.class_names, counterparts)
    keep_class_map(choice.folder, dataset.name, require_known(classes, choice.card.name, dataset.name))


def _ways(choice: Choice, dataset: Dataset) -> list[str]:
    count = len(choice.card.class_names)
    in_order = [IN_ORDER] if count == len(dataset.class_names) else []
    return [_AS_NOW, _BY_NAME, *fitting_tables(count), *in_order]
