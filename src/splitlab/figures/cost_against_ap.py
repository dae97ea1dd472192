"""Labelling cost against AP: the paper's Fig. 1 a and b, together with measured results."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from splitlab.budget.results import MEASURED, METRICS, SPREAD_COLUMNS, ways_of_training
from splitlab.figures.palette import PICK_HUE, compared_grey, full_ramp
from splitlab.shown_numbers import shown

SPLIT_GROUP = "split"
GROUP_LABELS = {
    SPLIT_GROUP: "the paper's splits",
    "weak/semi": "weak or semi",
    "full": "masks only",
    "hybrid": "hybrid",
}
_METHOD_MARKS = ("circle", "square", "diamond")
_COMPARED_MARKS = ("x", "triangle-up", "triangle-down", "cross", "star", "pentagon", "hexagram", "bowtie")
_MEASURED_MARKS = ("star", "star-diamond", "hexagram", "star-square", "star-triangle-up", "star-triangle-down")
_COST_TICKS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]


def row_key(row: pd.Series) -> str:
    """Return an identifier of a row of a results table, which charts return on a click."""
    return "|".join(str(row[name]) for name in ("source", "dataset", "method", "full", "weak", "run"))


def cost_against_ap(
    table: pd.DataFrame, metric: str, picked: str | None = None, measured_sets: Sequence[str] | None = None
) -> go.Figure:
    """Draw rows of a results table as a scatter of cost (hours, log) against a metric (AP, 0..100).

    The paper's models are outlined and joined by a line for each |F|; methods compared with are grey. Measured rows are
    filled, joined if they were trained alike, and have bars if several seeds were trained.

    Args:
        table: Rows to draw, from `by_common_seeds` if there are bars; rows without the metric are left out.
        metric: A key of `METRICS`.
        picked: The `row_key` of the row to ring.
        measured_sets: All measured datasets, including hidden ones, so that each keeps its symbol; by default those of
            the table.
    """
    figure = go.Figure()
    shown = table[table[metric].notna()]
    measured = shown["source"] == MEASURED
    ramp = full_ramp(shown.loc[shown["group"] == SPLIT_GROUP, "full"].tolist())
    _add_own(figure, shown[~measured & (shown["group"] == SPLIT_GROUP)], metric, ramp)
    _add_compared(figure, shown[~measured & (shown["group"] != SPLIT_GROUP)], metric)
    _add_measured_lines(figure, shown[measured], metric, ramp)
    _add_measured(figure, shown[measured], metric, ramp, measured_sets or sorted(shown[measured]["dataset"].unique()))
    _ring(figure, shown, metric, picked)
    figure.update_layout(
        xaxis={"title": "labelling cost (hours, log scale)", "type": "log", "tickvals": _COST_TICKS},
        yaxis={"title": METRICS[metric]}, legend={"tracegroupgap": 4, "font": {"size": 11}, "itemwidth": 30},
        margin={"l": 10, "r": 10, "t": 10, "b": 10}, height=560, hoverlabel={"align": "left"}, clickmode="event+select",
        uirevision="keep",
    )  # fmt: skip
    return figure


def _add_own(figure: go.Figure, rows: pd.DataFrame, metric: str, ramp: dict[int, str]) -> None:
    for mark, (method, models) in zip(_METHOD_MARKS, rows.groupby("method", sort=False), strict=False):
        for full, line in models.sort_values("weak").groupby("full"):
            colour = ramp[int(str(full))]
            _add_points(
                figure, line, metric, name=f"|F| = {full}", mode="lines+markers",
                line={"color": colour, "width": 1.5, "dash": "solid" if mark == "circle" else "dot"},
                marker={"symbol": f"{mark}-open", "size": 9, "color": colour, "line": {"width": 2.2}},
                legendgroup=method, legendgrouptitle={"text": f"{method}, published"},
            )  # fmt: skip


def _add_compared(figure: go.Figure, rows: pd.DataFrame, metric: str) -> None:
    for rank, ((group, method), marks) in enumerate(rows.groupby(["group", "method"], sort=False)):
        symbol = f"{_COMPARED_MARKS[rank % len(_COMPARED_MARKS)]}-open"
        _add_points(
            figure, marks, metric, name=str(method), mode="markers",
            marker={"symbol": symbol, "size": 8, "color": compared_grey(rank)},
            legendgroup=str(group), legendgrouptitle={"text": f"{GROUP_LABELS[str(group)]}, published"},
        )  # fmt: skip


def _add_measured_lines(figure: go.Figure, rows: pd.DataFrame, metric: str, ramp: dict[int, str]) -> None:
    rows = rows.assign(way=ways_of_training(rows))
    lines = rows.sort_values("weak").groupby(["dataset", "method", "way", "full"])
    by_itself = not figure.data and len(rows[["dataset", "method", "way"]].drop_duplicates()) == 1
    for _, line in lines:
        full = int(line["full"].iloc[0])
        if len(line) > 1:
            figure.add_scatter(
                x=line["cost_hours"], y=line[metric], name=f"|F| = {full}", mode="lines",
                line={"color": ramp[full], "width": 1.5}, legendgroup="measured",
                # Together with published lines, the legend would list each |F| twice.
                showlegend=by_itself, hoverinfo="skip",
            )  # fmt: skip


def _add_measured(
    figure: go.Figure, rows: pd.DataFrame, metric: str, ramp: dict[int, str], measured_sets: Sequence[str]
) -> None:
    marks = dict(zip(measured_sets, cycle(_MEASURED_MARKS), strict=False))
    for dataset, models in rows.groupby("dataset"):
        hues = [ramp[full] for full in models["full"]]
        _add_points(
            figure, models, metric, name=str(dataset), mode="markers", error_y=_bars(models, metric),
            marker={"symbol": marks[str(dataset)], "size": 14, "color": hues, "line": {"width": 1, "color": "#7C828C"}},
            legendgroup="measured", legendgrouptitle={"text": "measured here, filled"},
        )  # fmt: skip


def _bars(rows: pd.DataFrame, metric: str) -> dict[str, Any] | None:
    low, high = SPREAD_COLUMNS[metric]
    if low not in rows or rows[low].isna().all():
        return None
    # A mark may be one of several seeds, outside of their spread.
    up, down = (end.fillna(0).clip(lower=0) for end in (rows[high] - rows[metric], rows[metric] - rows[low]))
    return {"array": up, "arrayminus": down, "color": compared_grey(0), "thickness": 1.2}


def _ring(figure: go.Figure, rows: pd.DataFrame, metric: str, picked: str | None) -> None:
    chosen = rows[rows.apply(row_key, axis=1) == picked] if len(rows) else rows
    if len(chosen):
        figure.add_scatter(
            x=chosen["cost_hours"], y=chosen[metric], mode="markers",
            marker={"symbol": "circle-open", "size": 22, "color": PICK_HUE, "line": {"width": 3}}, name="your pick",
            hoverinfo="skip",
        )  # fmt: skip


def _add_points(figure: go.Figure, rows: pd.DataFrame, metric: str, **style: Any) -> None:
    figure.add_scatter(
        x=rows["cost_hours"], y=rows[metric], customdata=[[row_key(row)] for _, row in rows.iterrows()],
        text=[_hover(row) for _, row in rows.iterrows()], hovertemplate="%{text}<extra></extra>",
        # A selection does not fade the other points.
        unselected={"marker": {"opacity": 1}}, **style,
    )  # fmt: skip


def _hover(row: pd.Series) -> str:
    scores = [
        f"{METRICS[metric]}: {shown(row[metric])}{_ends(row, metric)}" for metric in METRICS if pd.notna(row[metric])
    ]
    notes = [str(row["note"])] if row["note"] else []
    lines = [
        f"<b>{row['method']} {row['full']}/{row['weak']}</b>",
        f"{row['dataset']}, {row['source']}",
        *([f"scored on {row['scored_on']}"] if row["scored_on"] else []),
        f"{row['full']:,} images with masks, {row['weak']:,} with boxes",
        f"{row['cost_hours']:,.1f} hours of labelling",
        *scores,
        *notes,
    ]
    return "<br>".join(lines)


def _ends(row: pd.Series, metric: str) -> str:
    low, high = (row.get(end) for end in SPREAD_COLUMNS[metric])
    return "" if low is None or high is None or pd.isna(low) else f" ({shown(low)} to {shown(high)})"
