"""The columns of the paper's figures, picked at once; and the same in small among the checkpoints that are here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from splitlab.budget.annotation_cost import cost_hours, prices_for
from splitlab.budget.published import FLATTERED, FLATTERED_METHOD, MAIN_METRIC, method_rows
from splitlab.budget.published_figures import FIGURES, FigureColumn, PublishedFigure
from splitlab.budget.results import SHORT_METRICS
from splitlab.experiments.figure_presets import columns_at_hand, how_to_import, how_to_train, small_presets
from splitlab.ui.compare_choices import MODELS
from splitlab.ui.linked_controls import linked_choice
from splitlab.ui.models import Choice
from splitlab.ui.plain_text import as_plain
from splitlab.ui.tables import published


def offer_figures(choices: Mapping[str, Choice]) -> None:
    """Offer to pick the columns of a figure that are here; say how to get those that are not."""
    with st.popover("The paper's figures", icon=":material/view_column:", width="content"):
        by_name = {figure.name: figure for figure in FIGURES}
        name = linked_choice("Figure", list(by_name), FIGURES[0].name, "figure")
        _offer_figure(by_name[name], choices)


def offer_small_presets(choices: Mapping[str, Choice]) -> None:
    """Offer to pick several splits of one data set all at once: a figure's columns in small."""
    for preset in small_presets({name: choice.card for name, choice in choices.items()}):
        st.button(
            as_plain(f"{preset.dataset}, {preset.kind}: {', '.join(preset.splits)}"),
            icon=":material/done_all:",
            help="Pick these checkpoints: a figure's columns in small.",
            key=f"preset {preset.dataset} {preset.kind}",
            on_click=_pick,
            args=(preset.names,),
        )


def _offer_figure(figure: PublishedFigure, choices: Mapping[str, Choice]) -> None:
    there = columns_at_hand(figure, {name: choice.card for name, choice in choices.items()})
    found = [name for name in there.values() if name is not None]
    missing = [column for column, name in there.items() if name is None]
    st.markdown(
        f"**{figure.name}**: {figure.dataset}, {figure.method}. Different splits, about the same "
        f"{SHORT_METRICS[MAIN_METRIC[figure.dataset]]}."
    )
    one_decimal = st.column_config.NumberColumn(format="%.1f")
    st.dataframe(_column_table(figure, there), hide_index=True, column_config={"hours": one_decimal})
    if figure.method == FLATTERED_METHOD:
        st.caption(FLATTERED)
    if found:
        label = f"Pick {len(found)} of {len(there)}" if missing else f"Pick all {len(there)}"
        st.button(label, icon=":material/done_all:", key="preset figure", on_click=_pick, args=(found,))
    if missing:
        _tell_how(figure, missing)


def _column_table(figure: PublishedFigure, there: Mapping[FigureColumn, str | None]) -> pd.DataFrame:
    metric = MAIN_METRIC[figure.dataset]
    rows = method_rows(published(), figure.dataset, figure.method).set_index(["full", "weak"])
    prices = prices_for(figure.dataset)
    return pd.DataFrame(
        {
            "column": column.printed,
            "split": f"{column.full:,}/{column.weak:,}",
            "hours": cost_hours(float(column.full), float(column.weak), prices),
            f"{SHORT_METRICS[metric]} printed": rows.loc[(column.full, column.weak), metric],
            "here": name or "missing",
        }
        for column, name in there.items()
    )


def _tell_how(figure: PublishedFigure, missing: Sequence[FigureColumn]) -> None:
    listed = ", ".join(column.printed for column in missing)
    st.markdown(f"Not here: **{listed}**. Train one as the authors did, hours to days on a GPU, or import their file.")
    column = missing[0]
    if len(missing) > 1:
        by_head = {each.printed: each for each in missing}
        column = by_head[st.selectbox("How to get", list(by_head), key=f"how {figure.name}")]
    commands = [*how_to_train(figure, column), "", "# or, with the authors' checkpoint", how_to_import(figure, column)]
    st.code("\n".join(commands), language="bash", wrap_lines=True)
    st.caption("Until then, a button beside this one picks splits of what is here: the same idea in small.")


def _pick(names: Sequence[str]) -> None:
    st.session_state[MODELS] = list(names)
