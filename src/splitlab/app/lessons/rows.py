"""The models that lessons use: those of the paper, and those measured here."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from splitlab.app.lessons.lesson import ScreenView
from splitlab.app.widgets.sources import measured, published, training_images
from splitlab.app.widgets.text import as_plain
from splitlab.atlas.grid import equal_score_splits
from splitlab.atlas.tables import main_metric
from splitlab.budget.cost import Prices, box_hours, mask_hours, prices_for
from splitlab.budget.law import PaperCurve
from splitlab.budget.published import method_rows
from splitlab.budget.results import MEASURED, METRICS, SHORT_METRICS, by_common_seeds, ways_of_training
from splitlab.figures.lessons import YOURS
from splitlab.workspace import Workspace

_MOST_MEASURED = 5


@dataclass(frozen=True, eq=False)
class Series:
    """One model on one dataset, trained alike on several splits.

    Attributes:
        source: Published or measured.
        dataset, method: As in the results table.
        metric: The score to look at.
        rows: Rows of the results table with this score, one for each split.
    """

    source: str
    dataset: str
    method: str
    metric: str
    rows: pd.DataFrame

    @property
    def name(self) -> str:
        """The name in links and sentences."""
        return f"{self.method} on {self.dataset}, {self.source}"

    @property
    def axis(self) -> str:
        """The title of the score's axis."""
        return METRICS[self.metric]

    @property
    def score(self) -> str:
        """The short name of the score."""
        return SHORT_METRICS[self.metric]

    @property
    def images(self) -> int:
        """Number of training images; if unknown, the most that a split labels."""
        labelled = int((self.rows["full"] + self.rows["weak"]).max())
        return training_images(Workspace.here()).get(self.dataset, labelled)

    @property
    def is_measured(self) -> bool:
        """Whether it was measured here."""
        return self.source == MEASURED


def all_series() -> dict[str, Series]:
    """Return every series with at least two different splits, by name: the paper's, then those measured here.

    For a model trained in several ways, use the way with the most splits.
    """
    table = pd.concat([published(), by_common_seeds(measured(Workspace.here()))], ignore_index=True)
    models = table[table["group"] == "split"].groupby(["source", "dataset", "method"], sort=False)
    found = {}
    for (source, dataset, method), rows in models:
        metric = main_metric(str(dataset))
        scored = rows[rows[metric].notna()]
        trained_alike = [alike for _, alike in scored.groupby(ways_of_training(scored), sort=False)]
        most = max(trained_alike, key=len, default=rows.head(0))
        if len(most[["full", "weak"]].drop_duplicates()) >= 2:
            series = Series(str(source), str(dataset), str(method), metric, most)
            found[series.name] = series
    return found


def pick_series(view: ScreenView, key: str) -> Series:
    """Let a series be chosen; start with the paper's YOLOv5 on VOC2012."""
    known = all_series()
    return known[view.pick(key, list(known), next(iter(known)))]


def measured_splits(metric: str) -> pd.DataFrame:
    """Return the splits measured here that have a metric, one row each."""
    rows = by_common_seeds(measured(Workspace.here()))
    return rows[(rows["group"] == "split") & rows[metric].notna()]


def measured_alike(metric: str) -> pd.DataFrame:
    """Return a few measured splits of about equal score, of the model that has most of them."""
    rows = measured_splits(metric)
    of_models = rows.groupby(["dataset", "method", ways_of_training(rows)])
    alike = [equal_score_splits(of_model, metric) for _, of_model in of_models]
    return max(alike, key=len, default=rows).head(_MOST_MEASURED)


def say_measured(view: ScreenView, rows: pd.DataFrame) -> None:
    """Fill in the datasets on which splits were measured here, or that none were."""
    if rows.empty:
        view.say("nothing_measured")
    else:
        view.say(measured_on=as_plain(", ".join(sorted(rows["dataset"].unique()))))


def curve_rows(curve: PaperCurve) -> pd.DataFrame:
    """Return the rows of the paper's splits on one of its curves."""
    rows = method_rows(published(), curve.dataset, curve.method)
    return rows[[split in curve.splits for split in zip(rows["full"], rows["weak"], strict=True)]]


def as_hours(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows for the chart `split_hours`: a name, the hours of masks and boxes, and their sum in words."""
    bars = [_bar(row["full"], row["weak"], prices_for(row["dataset"])) for _, row in rows.iterrows()]
    names = [f"{row['dataset']} {row['full']:,}/{row['weak']:,}, {row['source']}" for _, row in rows.iterrows()]
    return pd.DataFrame(bars, columns=["mask_hours", "box_hours", "told"]).assign(
        name=names, source=rows["source"].tolist()
    )


def your_hours(full: int, weak: int, prices: Prices, name: str) -> pd.DataFrame:
    """Return one split, of the reader or of the law, as a row for the chart `split_hours`."""
    bar = pd.DataFrame([_bar(full, weak, prices)], columns=["mask_hours", "box_hours", "told"])
    return bar.assign(name=f"{name} {full:,}/{weak:,}", source=YOURS)


def _bar(full: int, weak: int, prices: Prices) -> tuple[float, float, str]:
    masks, boxes = mask_hours(float(full), prices), box_hours(float(weak), prices)
    return masks, boxes, f"{masks + boxes:,.1f} hours"
