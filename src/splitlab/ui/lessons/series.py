"""The models that a lesson can look at: those of the paper, and those measured here."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from splitlab.budget.results import MEASURED, METRICS, SHORT_METRICS
from splitlab.budget.seed_spread import by_common_seeds
from splitlab.budget.ways_of_training import ways_of_training
from splitlab.experiments.atlas.measured_tables import main_metric
from splitlab.ui.named_links import linked_selectbox
from splitlab.ui.tables import measured, published, training_images
from splitlab.workspace import Workspace


@dataclass(frozen=True, eq=False)
class Series:
    """One model on one data set, trained alike on several splits.

    Attributes:
        source: published or measured.
        dataset, method: as the results table names them.
        metric: the score that is looked at.
        rows: those of the results table that report it; one for each split.
    """

    source: str
    dataset: str
    method: str
    metric: str
    rows: pd.DataFrame

    @property
    def name(self) -> str:
        """What stands in a link and in sentences."""
        return f"{self.method} on {self.dataset}, {self.source}"

    @property
    def axis(self) -> str:
        """The score in words, for an axis."""
        return METRICS[self.metric]

    @property
    def score(self) -> str:
        """The score in short."""
        return SHORT_METRICS[self.metric]

    @property
    def images(self) -> int:
        """Training images there are: the paper's figure, the atlas's, else the most that a split labels."""
        labelled = int((self.rows["full"] + self.rows["weak"]).max())
        return training_images(Workspace.here()).get(self.dataset, labelled)

    @property
    def is_measured(self) -> bool:
        """Whether it was measured here."""
        return self.source == MEASURED


def all_series(least_splits: int = 2) -> dict[str, Series]:
    """Return every series with so many different splits or more by its name: the paper's, then those measured here.

    Of a model that was trained in several ways the way with most splits counts.
    """
    table = pd.concat([published(), by_common_seeds(measured(Workspace.here()))], ignore_index=True)
    found = {}
    for (source, dataset, method), rows in table[table["group"] == "split"].groupby(
        ["source", "dataset", "method"], sort=False
    ):
        metric = main_metric(str(dataset))
        scored = rows[rows[metric].notna()]
        trained_alike = [alike for _, alike in scored.groupby(ways_of_training(scored), sort=False)]
        most = max(trained_alike, key=len, default=rows.head(0))
        if len(most[["full", "weak"]].drop_duplicates()) >= least_splits:
            series = Series(str(source), str(dataset), str(method), metric, most)
            found[series.name] = series
    return found


def choose_series(key: str, least_splits: int = 2) -> Series:
    """Choose a series; the paper's YOLOv5 on VOC2012 to begin with."""
    known = all_series(least_splits)
    names = list(known)
    return known[linked_selectbox("Models", names, key, names[0], st.container())]
