"""Presets of Compare masks: columns of the paper's figures; and pictures of what DETR attends to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray
from PIL import ImageColor

from splitlab.app.widgets.comparisons import MODELS
from splitlab.app.widgets.figure_presets import columns_at_hand, how_to_import, how_to_train, small_presets
from splitlab.app.widgets.links import linked_choice
from splitlab.app.widgets.photos import Photo
from splitlab.app.widgets.sources import Choice, attention_of, detect_objects, published
from splitlab.app.widgets.text import as_plain
from splitlab.budget.cost import cost_hours, prices_for
from splitlab.budget.published import (
    FIGURES,
    FLATTERED,
    FLATTERED_METHOD,
    MAIN_METRIC,
    FigureColumn,
    PublishedFigure,
    method_rows,
)
from splitlab.budget.results import SHORT_METRICS
from splitlab.families import family_of
from splitlab.figures.palette import class_colour
from splitlab.geometry import FloatArray

_DARKEST = 0.25
_Picture = NDArray[np.uint8]


def offer_figures(choices: Mapping[str, Choice]) -> None:
    """Offer to pick the available columns of a figure, and say how to get the others."""
    with st.popover("The paper's figures", icon=":material/view_column:", width="content"):
        by_name = {figure.name: figure for figure in FIGURES}
        name = linked_choice("Figure", list(by_name), FIGURES[0].name, "figure")
        _offer_figure(by_name[name], choices)


def offer_small_presets(choices: Mapping[str, Choice]) -> None:
    """Offer to pick several splits of one dataset at once, like the columns of a figure."""
    for preset in small_presets({name: choice.card for name, choice in choices.items()}):
        st.button(
            as_plain(f"{preset.dataset}, {preset.kind}: {', '.join(preset.splits)}"),
            icon=":material/done_all:",
            help="Pick these checkpoints, like the columns of a figure.",
            key=f"preset {preset.dataset} {preset.kind}",
            on_click=_pick,
            args=(preset.names,),
        )


def _offer_figure(figure: PublishedFigure, choices: Mapping[str, Choice]) -> None:
    available = columns_at_hand(figure, {name: choice.card for name, choice in choices.items()})
    found = [name for name in available.values() if name is not None]
    missing = [column for column, name in available.items() if name is None]
    st.markdown(
        f"**{figure.name}**: {figure.dataset}, {figure.method}. Different splits, about the same "
        f"{SHORT_METRICS[MAIN_METRIC[figure.dataset]]}."
    )
    one_decimal = st.column_config.NumberColumn(format="%.1f")
    st.dataframe(_column_table(figure, available), hide_index=True, column_config={"hours": one_decimal})
    if figure.method == FLATTERED_METHOD:
        st.caption(FLATTERED)
    if found:
        label = f"Pick {len(found)} of {len(available)}" if missing else f"Pick all {len(available)}"
        st.button(label, icon=":material/done_all:", key="preset figure", on_click=_pick, args=(found,))
    if missing:
        _show_how_to_get(figure, missing)


def _column_table(figure: PublishedFigure, available: Mapping[FigureColumn, str | None]) -> pd.DataFrame:
    metric = MAIN_METRIC[figure.dataset]
    rows = method_rows(published(), figure.dataset, figure.method).set_index(["full", "weak"])
    prices = prices_for(figure.dataset)
    return pd.DataFrame(
        {
            "column": column.printed,
            "split": f"{column.full:,}/{column.weak:,}",
            "hours": cost_hours(float(column.full), float(column.weak), prices),
            f"{SHORT_METRICS[metric]} printed": rows.loc[(column.full, column.weak), metric],
            "checkpoint": name or "missing",
        }
        for column, name in available.items()
    )


def _show_how_to_get(figure: PublishedFigure, missing: Sequence[FigureColumn]) -> None:
    listed = ", ".join(column.printed for column in missing)
    st.markdown(f"Missing: **{listed}**. Train one as the authors did (hours to days on a GPU), or import their file.")
    column = missing[0]
    if len(missing) > 1:
        column = st.selectbox("How to get", missing, key=f"how {figure.name}", format_func=lambda one: one.printed)
    commands = [*how_to_train(figure, column), "", "# or, with the authors' checkpoint", how_to_import(figure, column)]
    st.code("\n".join(commands), language="bash", wrap_lines=True)
    st.caption("Until then, the button beside this one picks several splits of a smaller dataset.")


def _pick(names: Sequence[str]) -> None:
    st.session_state[MODELS] = list(names)


def show_attention(choices: Sequence[Choice], photo: Photo) -> None:
    """For models with attention, show where the decoder looked for a chosen object."""
    by_label = {choice.label: choice for choice in choices if family_of(choice.card.model).has_attention}
    kinds = " and ".join(sorted({family_of(choice.card.model).kind for choice in by_label.values()}))
    if not by_label or not st.toggle(f"Show where {kinds} looked", key="attention", bind="query-params"):
        return
    model_side, object_side = st.columns(2)
    choice = by_label[model_side.selectbox("Checkpoint", list(by_label), key="attention_model", bind="query-params")]
    found, maps = detect_objects(choice, photo), attention_of(choice, photo)
    names = [choice.card.class_names[index] for index in found.classes]
    objects = [f"{row + 1}: {name} {found.scores[row]:.2f}" for row, name in enumerate(names)]
    if not objects or maps is None:
        st.caption("It finds nothing in this image.")
        return
    key = f"attention_{choice.label}_{photo.key}"
    row = objects.index(object_side.selectbox("Object", objects, key=key, bind="query-params"))
    colour = class_colour(int(found.classes[row]))
    st.image(_attention_picture(photo.pixels, maps[row], found.boxes[row], colour), width="stretch")
    st.caption("Attention of the last decoder layer, mean over its heads: bright where it looked for this object.")


def _attention_picture(
    photo: _Picture, attention: FloatArray, box: Sequence[float] | FloatArray, colour: str
) -> _Picture:
    """Darken a photo where the model did not look, and draw the object's box.

    Args:
        photo: (H, W, 3) uint8 RGB.
        attention: (H, W), 0..1.
        box: xyxy, pixels.
        colour: "#rrggbb" of the box.
    """
    light = _DARKEST + (1 - _DARKEST) * np.sqrt(attention)[..., None]
    picture = (photo * light).astype(np.uint8)
    left, top, right, bottom = (round(float(side)) for side in box)
    width = max(round(max(photo.shape[:2]) / 300), 1)
    cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), ImageColor.getrgb(colour), width)
    return picture
