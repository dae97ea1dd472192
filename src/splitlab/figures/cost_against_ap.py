"""Labelling cost against AP: the paper's Fig. 1 a and b, together with measured results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from splitlab.budget.results import MEASURED, METRICS, SPREAD_COLUMNS, ways_of_training, where_it_tells_apart
from splitlab.figures.palette import PICK_HUE, compared_grey, full_ramp
from splitlab.shown_numbers import shown

SPLIT_GROUP = "split"
GROUP_LABELS = {
    SPLIT_GROUP: "the paper's splits",
    "weak/semi": "weak or semi",
    "full": "masks only",
    "hybrid": "hybrid",
}
_METHOD_MARKS = ("circle", "square", "diamond", "hexagon")
_COMPARED_MARKS = ("x", "triangle-up", "triangle-down", "cross", "star", "pentagon", "hexagram", "bowtie")
_DASHES = ("solid", "dot", "dash", "dashdot")
_COST_TICKS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]


def row_key(row: pd.Series) -> str:
    """Return an identifier of a row of a results table, which charts return on a click."""
    return "|".join(str(row[name]) for name in ("source", "dataset", "method", "full", "weak", "run"))


def cost_against_ap(table: pd.DataFrame, metric: str, picked: str | None = None) -> go.Figure:
    """Draw rows of a results table as a scatter of cost (hours, log) against a metric (AP, 0..100).

    Models trained alike on F/W splits are joined by a line for each |F|, labelled with |F| at the end with the fewest
    boxes and with the model at its best score. Published marks are outlined. Measured ones are filled, and have bars if
    several seeds were trained. Methods compared with are grey, and listed below the chart.

    Args:
        table: Rows to draw, from `by_common_seeds` if there are bars; rows without the metric are left out.
        metric: A key of `METRICS`.
        picked: The `row_key` of the row to ring.
    """
    figure = go.Figure()
    drawn = table[table[metric].notna()]
    names = drawn["method"] + (", " + drawn["source"] if drawn["source"].nunique() > 1 else "")
    drawn = drawn.assign(model=names + where_it_tells_apart(ways_of_training(drawn), names))
    splits = drawn[drawn["group"] == SPLIT_GROUP]
    ramp = full_ramp(splits["full"].tolist())
    for rank, (_, model) in enumerate(splits.groupby("model", sort=False)):
        _add_model(figure, model, metric, ramp, rank)
    _add_compared(figure, drawn[drawn["group"] != SPLIT_GROUP], metric)
    _ring(figure, drawn, metric, picked)
    figure.update_layout(
        xaxis={"title": "labelling cost (hours, log scale)", "type": "log", "tickvals": _COST_TICKS, "tickangle": 0},
        yaxis={"title": f"{METRICS[metric]}{_part(drawn)}"}, height=520, margin={"l": 10, "r": 10, "t": 10, "b": 10},
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "itemwidth": 30},
        hoverlabel={"align": "left"}, clickmode="event+select", uirevision="keep",
    )  # fmt: skip
    return figure


def _part(rows: pd.DataFrame) -> str:
    """Return the images that all rows were scored on, for the title of an axis; empty if there are several."""
    parts = rows["scored_on"].unique()
    return f"<br>{parts[0]}" if len(parts) == 1 and parts[0] else ""


def _add_model(figure: go.Figure, rows: pd.DataFrame, metric: str, ramp: dict[int, str], rank: int) -> None:
    """Draw the lines of one model, with labels at their ends; `rank` numbers the models of the chart."""
    symbol = _METHOD_MARKS[rank % len(_METHOD_MARKS)]
    name, is_measured = str(rows["model"].iloc[0]), rows["source"].iloc[0] == MEASURED
    lines = [(int(str(full)), line) for full, line in rows.sort_values("weak").groupby("full")]
    for full, line in lines:
        _add_points(
            figure, line, metric, name=f"{name}, |F| = {full:,}", mode="lines+markers", showlegend=False,
            line={"color": ramp[full], "width": 1.5, "dash": _DASHES[rank % len(_DASHES)]},
            marker={
                "symbol": symbol if is_measured else f"{symbol}-open", "size": 9, "color": ramp[full],
                "line": {"width": 1 if is_measured else 2.2, "color": "#7C828C" if is_measured else ramp[full]},
            },
            error_y=_bars(line, metric),
        )  # fmt: skip
    starts = pd.DataFrame([line.iloc[0] for _, line in lines])
    # Only the first says what the numbers are; the others would run into one another.
    texts = [f"{full:,}" if place else f"|F| = {full:,}" for place, (full, _) in enumerate(lines)]
    _add_labels(figure, starts, metric, texts, "bottom center")
    _add_labels(figure, rows.nlargest(1, metric), metric, [f"<b>{name}</b>"], "top left")


def _add_labels(figure: go.Figure, rows: pd.DataFrame, metric: str, texts: Sequence[str], place: str) -> None:
    # Invisible marks keep the text away from those that it names.
    figure.add_scatter(
        x=rows["cost_hours"], y=rows[metric], mode="markers+text", marker={"size": 12, "opacity": 0}, text=texts,
        textposition=place, hoverinfo="skip", showlegend=False, cliponaxis=False,
    )  # fmt: skip


def _add_compared(figure: go.Figure, rows: pd.DataFrame, metric: str) -> None:
    for rank, ((group, method), marks) in enumerate(rows.groupby(["group", "method"], sort=False)):
        symbol = f"{_COMPARED_MARKS[rank % len(_COMPARED_MARKS)]}-open"
        _add_points(
            figure, marks, metric, name=f"{method} ({GROUP_LABELS[str(group)]})", mode="markers",
            marker={"symbol": symbol, "size": 8, "color": compared_grey(rank)},
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
            hoverinfo="skip", showlegend=False,
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
