"""Tables 2 and 3 and Fig. 5 of the paper, as it prints them."""

from __future__ import annotations

from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING

import streamlit as st

from splitlab.app.widgets.tables import COST_HEADING, FULL_HEADING, WEAK_HEADING, in_words
from splitlab.app.widgets.text import offer_csv
from splitlab.budget.law import PAPER_CURVES, PaperCurve
from splitlab.budget.published import FLATTERED, FLATTERED_METHOD, method_rows
from splitlab.budget.results import SHORT_METRICS, reported_metrics
from splitlab.figures.plan import published_hyperbola
from splitlab.shown_numbers import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

TABLE_NAMES: Mapping[str, str] = MappingProxyType({"VOC2012": "Table 2", "Cityscapes": "Table 3"})
_SECTIONS: Mapping[str, str] = MappingProxyType(
    {
        "weak/semi": "Semi and weak supervision",
        "full": "Full supervision",
        "hybrid": "Hybrid supervision",
        "split": "Ours (the paper's own models)",
    }
)
_REMARK_MARKS = "†‡§"
_STYLE = """<style>
.printed { overflow-x: auto; max-width: 46rem; }
.printed table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
.printed caption { caption-side: top; text-align: left; padding-bottom: .6rem; }
.printed thead th { border-bottom: 2px solid; vertical-align: bottom; }
.printed tbody { border-bottom: 1px solid; }
.printed th { font-weight: 600; text-align: left; }
.printed tbody th[scope=row] { font-weight: 400; vertical-align: top; }
.printed th, .printed td { padding: .15rem .5rem; }
.printed .number { text-align: right; }
.printed .section { padding-top: .7rem; font-style: italic; }
.printed .underlined td { text-decoration: underline; text-underline-offset: .2rem; }
@media (max-width: 40rem) {
    .printed table { font-size: .75rem; }
    .printed th, .printed td { padding: .15rem .2rem; }
}
</style>"""


def figure_names(dataset: str) -> dict[str, PaperCurve]:
    """Return the panels of Fig. 5 on a dataset by their names, such as "Fig. 5a"."""
    return {f"Fig. 5{curve.panel}": curve for curve in PAPER_CURVES if curve.dataset == dataset}


def show_printed_table(dataset: str, table: pd.DataFrame) -> None:
    """Show Table 2 or 3 as the paper prints it, and offer it as CSV with the same headings.

    Args:
        dataset: "VOC2012" or "Cityscapes".
        table: The published results.
    """
    rows = table[table["dataset"] == dataset]
    metrics = reported_metrics(rows, dataset)
    st.html(_STYLE + _table_html(rows, dataset, metrics))
    st.caption(FLATTERED)
    as_printed = rows[["group", "method", "full", "weak", "cost_hours_printed", *metrics, "note"]]
    as_printed = as_printed.replace({"group": dict(_SECTIONS)}).rename(columns={"cost_hours_printed": COST_HEADING})
    offer_csv(in_words(as_printed), f"splitlab-{TABLE_NAMES[dataset].lower().replace(' ', '-')}.csv")


def show_hyperbola(name: str, curve: PaperCurve, table: pd.DataFrame) -> None:
    """Show a panel of Fig. 5: the paper's hyperbola and the underlined models that it was drawn through.

    Args:
        name: Name of the panel, such as "Fig. 5a".
        curve: Its curve.
        table: The published results.
    """
    rows = _points_of(curve, table)
    metric = SHORT_METRICS[curve.metric]
    caption = (
        f"The equiscore hyperbola of {curve.method} on {curve.dataset}: models with {metric} of about {curve.score:g} "
        f"on its validation set, k = {curve.law.k:.2g}, φ₀ = {curve.law.phi0:,.0f} (Assertion 1)."
    )
    st.plotly_chart(
        published_hyperbola(curve, rows), key="hyperbola", config={"displayModeBar": False}, alt=f"{name}. {caption}"
    )
    st.markdown(
        f"**{name}.** {caption} Dotted: |F| near 0 or near φ₀, where the law does not hold (Remark 2). The figure is "
        "drawn from the paper's tables and its law."
    )
    if curve.method == FLATTERED_METHOD:
        st.caption(FLATTERED)
    with st.container(horizontal=True):
        offer_csv(in_words(rows), f"splitlab-fig-5{curve.panel}.csv")
        st.page_link(
            "pages/equiscore.py",
            label="Move this curve on Equiscore",
            icon=":material/ssid_chart:",
            query_params={"curve": curve.title},
        )


def _points_of(curve: PaperCurve, table: pd.DataFrame) -> pd.DataFrame:
    rows = method_rows(table, curve.dataset, curve.method)
    on_curve = [split in curve.splits for split in zip(rows["full"], rows["weak"], strict=True)]
    return rows.loc[on_curve, ["method", "full", "weak", "cost_hours", curve.metric]]


def _table_html(rows: pd.DataFrame, dataset: str, metrics: Sequence[str]) -> str:
    """Return the table: a head, one section for each kind of supervision, each method named once."""
    name, scored_on = TABLE_NAMES[dataset], rows["scored_on"].iloc[0]
    remarks = dict(zip((note for note in rows["note"] if note), _REMARK_MARKS, strict=False))
    heads = [FULL_HEADING, WEAK_HEADING, COST_HEADING, *(f"mask {SHORT_METRICS[metric]}" for metric in metrics)]
    numbers = "".join(f'<th scope="col" class="number">{head}</th>' for head in heads)
    head = f'<thead><tr><th scope="col">model</th>{numbers}</tr></thead>'
    underlined = {
        (curve.method, *split) for curve in PAPER_CURVES if curve.dataset == dataset for split in curve.splits
    }
    sections = []
    for group, title in _SECTIONS.items():
        lines = [f'<tr><th scope="rowgroup" class="section" colspan="{len(heads) + 1}">{title}</th></tr>']
        for method, models in rows[rows["group"] == group].groupby("method", sort=False):
            first = f'<th scope="row" rowspan="{len(models)}">{escape(str(method))}</th>'
            for _, model in models.iterrows():
                mark = ' class="underlined"' if (method, model["full"], model["weak"]) in underlined else ""
                lines.append(f"<tr{mark}>{first}{_cells(model, metrics, remarks)}</tr>")
                first = ""
        sections.append(f"<tbody>{''.join(lines)}</tbody>")
    notes = "".join(f"<p>{mark} {escape(note)}</p>" for note, mark in remarks.items())
    return (
        f'<div class="printed"><table><caption><b>{name}.</b> Instance segmentation results for the {dataset} '
        f"validation set (mask AP on {scored_on}; AP from 0 to 100). Underlined: models with about the same score, "
        f"which Fig. 5 shows.</caption>{head}{''.join(sections)}</table>{notes}</div>"
    )


def _cells(model: pd.Series, metrics: Sequence[str], remarks: Mapping[str, str]) -> str:
    """Return the numbers of a row; a dash stands for no images and for a score that is not reported."""
    scores = ["–" if model.isna()[metric] else shown(model[metric]) for metric in metrics]
    cost = f"{model['cost_hours_printed']:,.1f}{remarks.get(model['note'], '')}"
    counts = [f"{model[name]:,}" if model[name] else "–" for name in ("full", "weak")]
    return "".join(f'<td class="number">{text}</td>' for text in (*counts, cost, *scores))
