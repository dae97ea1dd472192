"""Controls that budget pages share: which results to plan from, which splits to fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import streamlit as st

from splitlab.app.widgets.sources import measured, published
from splitlab.atlas.tables import main_metric
from splitlab.budget.fit import FittedSurface
from splitlab.budget.pilot import fit_pilot, seeds_or_unknown
from splitlab.budget.published import published_surface
from splitlab.budget.results import METRICS, PUBLISHED, ways_of_training, where_it_tells_apart
from splitlab.budget.trained_splits import results_of
from splitlab.workspace import Workspace


@dataclass(frozen=True, eq=False)
class Source:
    """Results to plan from: models trained alike on one dataset, in one metric."""

    dataset: str
    method: str
    source: str
    metric: str
    rows: pd.DataFrame

    @cached_property
    def surface(self) -> FittedSurface:
        """The AP surface fitted to the results."""
        if self.source == PUBLISHED:
            return published_surface(self.dataset, self.method, self.metric)
        return fit_pilot(self.runs)

    @property
    def scored_on(self) -> str:
        """The images the scores were measured on; empty if unknown or if the rows name several."""
        names = self.rows["scored_on"].unique()
        return str(names[0]) if len(names) == 1 else ""

    @property
    def runs(self) -> pd.DataFrame:
        """The results behind the surface: one row per run, with full, weak, ap, and seed if measured."""
        if self.source == PUBLISHED:
            # The rows include a misprinted score, which the surface leaves out.
            return pd.DataFrame(results_of(self.surface))
        seed = seeds_or_unknown(self.rows["seed"])
        return self.rows[["full", "weak"]].assign(ap=self.rows[self.metric], seed=seed)


def choose_source() -> Source:
    """Choose models (published or measured here) and a metric."""
    table = pd.concat([published(), measured(Workspace.here())], ignore_index=True)
    # Models that saw no mask are left out, because no plan leads to them. So are models without a mask AP, such as a
    # run whose validation images have boxes only.
    scored = table[list(METRICS)].notna().any(axis="columns")
    splits = table[(table["group"] == "split") & (table["full"] > 0) & scored]
    names = splits["dataset"] + " " + splits["method"] + ", " + splits["source"]
    labels = names + where_it_tells_apart(ways_of_training(splits), names)
    known = list(labels.unique())
    chosen = st.selectbox("Results to plan from", known, key="source", bind="query-params") or known[0]
    rows = splits[labels == chosen]
    dataset, method, source = (str(rows[name].iloc[0]) for name in ("dataset", "method", "source"))
    metrics = [metric for metric in METRICS if rows[metric].notna().any()]
    main = main_metric(dataset)
    metric = st.selectbox(
        "Score",
        metrics,
        index=metrics.index(main) if main in metrics else 0,
        format_func=METRICS.__getitem__,
        key=f"plan_metric_{dataset}",
        bind="query-params",
    )
    return Source(dataset, method, source, metric, rows[rows[metric].notna()])


def toggle_clicked_splits(chart: str, link_name: str, chosen: Iterable[tuple[int, int]]) -> None:
    """Add the clicked splits of a chart to the chosen ones in the link, or remove them; a callback of the chart."""
    for point in st.session_state[chart]["selection"]["points"]:
        if point.get("customdata"):
            split = (int(point["customdata"][0]), int(point["customdata"][1]))
            st.query_params[link_name] = _write_splits(sorted({*chosen} ^ {split}))


def read_splits(text: str, known: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Read splits from a link, such as "400-5000,800-3000", and ignore those that are not known."""
    by_text = {_write_splits([split]): split for split in known}
    return [by_text[part] for part in text.split(",") if part in by_text]


def _write_splits(splits: Iterable[tuple[int, int]]) -> str:
    return ",".join(f"{full}-{weak}" for full, weak in splits)
