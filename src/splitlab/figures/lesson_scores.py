"""Charts of the lessons: scores over splits, pairs of splits, thresholds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import sample_colorscale
from scipy.optimize import isotonic_regression

from splitlab.budget.planner import SplitForecast
from splitlab.budget.results import MEASURED, SHORT_METRICS
from splitlab.budget.surface import Floats
from splitlab.figures.lessons import LEGEND_ABOVE
from splitlab.figures.palette import FULL_HUE, PICK_HUE, WEAK_HUE, compared_grey, full_ramp, translucent
from splitlab.figures.plan import lines_by_spending, masks_axis
from splitlab.shown_numbers import shown

Grows = Literal["weak", "full"]
_THRESHOLDS = ("ap50", "ap70", "ap75")
_WEAK_RAMP = ("#F2CC85", WEAK_HUE, "#9A6405")
_GROWING_AXIS = {"weak": "images with boxes only, W", "full": "images with masks, F"}
_SLOPES_HEIGHT = 460
# Height of a two-line label in pixels, and the share of the chart's height that the plot takes.
_LABEL, _PLOT_SHARE = 50, 0.75
_BESIDE_MARK = 16


def by_threshold(rows: pd.DataFrame) -> go.Figure:
    """Draw AP50, AP70 and AP75 of each row as a line: dotted and outlined if published, else solid and filled."""
    ramp = full_ramp(rows["full"].tolist())
    figure = go.Figure()
    for _, row in rows.sort_values(["full", "weak"]).iterrows():
        is_measured = row["source"] == MEASURED
        name = f"{row['full']:,}/{row['weak']:,}"
        figure.add_scatter(
            x=[SHORT_METRICS[metric] for metric in _THRESHOLDS], y=[row[metric] for metric in _THRESHOLDS],
            mode="lines+markers", name=name, hovertemplate=f"{name}<br>%{{x}}: %{{y:.1f}}<extra></extra>",
            line={"color": ramp[row["full"]], "width": 3, "dash": "solid" if is_measured else "dot"},
            marker={"symbol": "circle" if is_measured else "circle-open", "size": 14, "line": {"width": 3}},
        )  # fmt: skip
    figure.update_layout(height=400, legend={"title": {"text": "masks/boxes"}})
    figure.update_xaxes(title="required overlap of mask and ground truth: 50%, 70%, 75%", range=[-0.15, 2.15])
    figure.update_yaxes(title="mask AP")
    return figure


def extremes_chart(
    rows: pd.DataFrame, metric: str, extremes: pd.DataFrame, picked: pd.Series, axis_title: str, *, filled: bool
) -> go.Figure:
    """Draw cost against AP of one model's splits, with an arrow from the chosen extreme split to one that beats it.

    `extremes` is the result of `extreme_splits`, and `picked` one of its rows. Published points are outlined.
    """
    figure = go.Figure()
    middle = rows.merge(extremes[["full", "weak"]], on=["full", "weak"], how="left", indicator=True)
    middle = middle[middle["_merge"] == "left_only"]
    for splits, score, hue, name in (
        (middle, metric, FULL_HUE, "middle splits"),
        (extremes, "ap", compared_grey(0), "extreme splits: no boxes, or every image labelled"),
    ):
        figure.add_scatter(
            x=splits["cost_hours"], y=splits[score], mode="markers", name=name,
            text=[f"{full:,}/{weak:,}" for full, weak in zip(splits["full"], splits["weak"], strict=True)],
            marker={"symbol": _symbol(filled), "size": 13, "color": hue, "line": {"width": 2.5}},
            hovertemplate="<b>%{text}</b><br>%{x:.1f} hours, AP %{y:.1f}<extra></extra>",
        )  # fmt: skip
    _point_at(figure, picked)
    figure.update_layout(height=430, legend=LEGEND_ABOVE)
    figure.update_xaxes(title="annotation cost (hours)")
    figure.update_yaxes(title=axis_title)
    return figure


def _point_at(figure: go.Figure, picked: pd.Series) -> None:
    x, y = picked["cost_hours"], picked["ap"]
    unnamed = {"mode": "markers+text", "showlegend": False, "hoverinfo": "skip", "cliponaxis": False}
    figure.add_scatter(
        x=[x], y=[y], text=[f"<b>{picked['full']:,}/{picked['weak']:,}</b>  "], textposition="bottom center",
        marker={"symbol": "circle-open", "size": 24, "color": PICK_HUE, "line": {"width": 3}}, **unnamed,
    )  # fmt: skip
    if picked["beaten"]:
        better_x, better_y = picked["by_hours"], picked["by_ap"]
        figure.add_scatter(
            x=[better_x], y=[better_y], text=[f"<b>{picked['by_full']:,.0f}/{picked['by_weak']:,.0f}</b>  "],
            textposition="top left", marker={"symbol": "circle", "size": 15, "color": PICK_HUE}, **unnamed,
        )  # fmt: skip
        figure.add_annotation(
            x=better_x, y=better_y, ax=x, ay=y, xref="x", yref="y", axref="x", ayref="y", showarrow=True, arrowhead=2,
            arrowsize=1.4, arrowwidth=2.5, arrowcolor=PICK_HUE, standoff=10, startstandoff=14,
        )  # fmt: skip


def growing_lines(
    rows: pd.DataFrame, metric: str, grows: Grows, reach: int, axis_title: str, *, filled: bool
) -> go.Figure:
    """Draw AP against |W| for each |F|, or against |F| for each |W|; points beyond the size `reach` are faint.

    The rows are those of one model on one dataset. Published points are outlined.
    """
    fixed = "full" if grows == "weak" else "weak"
    figure = go.Figure()
    hues = (full_ramp if fixed == "full" else _weak_ramp)(rows[fixed].unique().tolist())
    for size, line in rows.sort_values(grows).groupby(fixed):
        for drawn, opacity in ((line, 0.22), (line[line[grows] <= reach], 1.0)):
            figure.add_scatter(
                x=drawn[grows], y=drawn[metric], mode="lines+markers", opacity=opacity, cliponaxis=False,
                line={"color": hues[int(str(size))], "width": 3}, name=f"{fixed[0].upper()} = {size:,}",
                marker={"symbol": _symbol(filled), "size": 11, "line": {"width": 2.5}},
                # A line of a single point (the largest |W| of some |F|) needs no legend entry.
                showlegend=opacity == 1.0 and len(line) > 1,
                hovertemplate="%{x:,}: AP %{y:.1f}<extra>" + f"{size:,}" + "</extra>",
            )  # fmt: skip
    figure.update_layout(height=400, legend={"traceorder": "reversed"})
    figure.update_xaxes(title=_GROWING_AXIS[grows], rangemode="tozero")
    figure.update_yaxes(title=axis_title)
    return figure


def _weak_ramp(sizes: Iterable[int]) -> dict[int, str]:
    ordered = sorted(sizes)
    places = [rank / max(len(ordered) - 1, 1) for rank in range(len(ordered))]
    return dict(zip(ordered, sample_colorscale(list(_WEAK_RAMP), places), strict=True))


def step_bars(steps: pd.DataFrame, score: str, *, filled: bool) -> go.Figure:
    """Draw the AP gained per 1,000 boxes for each step between box counts of one |F| (rows of `steps_of`).

    Bars of measured rows are filled, of published ones outlined.
    """
    figure = go.Figure()
    figure.add_bar(
        x=[f"{before:,} to {weak:,}" for before, weak in zip(steps["before"], steps["weak"], strict=True)],
        y=steps["per_thousand"], text=[f"{gain:+.1f}" for gain in steps["per_thousand"]],
        textposition="outside", cliponaxis=False, hovertemplate="%{x}: %{y:+.2f} AP per 1,000 images<extra></extra>",
        marker={"color": translucent(WEAK_HUE, 1.0 if filled else 0.12), "line": {"color": WEAK_HUE, "width": 3}},
    )  # fmt: skip
    figure.update_layout(height=390, bargap=0.45)
    figure.update_xaxes(title="images with boxes, from and to")
    figure.update_yaxes(title=f"{score} gained per 1,000 images", zeroline=True)
    return figure


def one_budget(line: pd.DataFrame, chosen: SplitForecast, axis_title: str, spends_from: int) -> go.Figure:
    """Draw expected AP along one budget (rows of `budget_line`) with its interval, and a chosen split.

    Splits with fewer masks than `spends_from` of `PlanLimit` leave hours unspent and are drawn dotted.
    """
    edges = {"x": line["full"], "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    beside = "top left" if chosen.full > line["full"].max() / 2 else "top right"
    figure = go.Figure()
    figure.add_scatter(y=line["low"], **edges)
    figure.add_scatter(y=line["high"], fill="tonexty", fillcolor=translucent(FULL_HUE, 0.18), **edges)
    figure.add_traces([trace.update(showlegend=False) for trace in lines_by_spending(line, spends_from, width=4)])
    figure.add_scatter(
        x=[chosen.full], y=[chosen.ap], mode="markers+text", showlegend=False, cliponaxis=False, hoverinfo="skip",
        text=[f"<b>{chosen.full:,} / {chosen.weak:,}: {chosen.ap:.1f}</b>"], textposition=beside,
        marker={"size": 20, "color": PICK_HUE},
    )  # fmt: skip
    figure.update_layout(height=390)
    figure.update_xaxes(title=masks_axis(line, spends_from), rangemode="tozero")
    # The curve falls to 0 towards no masks, which would flatten the rest.
    figure.update_yaxes(title=axis_title, range=[max(line["low"].quantile(0.1) - 4, 0), line["high"].max() + 3])
    return figure


def pair_slopes(pairs: pd.DataFrame, axis_title: str) -> go.Figure:
    """Draw a slope from masks alone to masks with boxes for each pair (rows of `weak_gains`), labelled at both ends.

    Published pairs are dotted and outlined, measured ones solid and filled.
    """
    figure = go.Figure()
    places = ("masks alone", "with boxes<br>added")
    for _, pair in pairs.iterrows():
        is_measured = pair["source"] == MEASURED
        symbols = ["circle", "square"] if is_measured else ["circle-open", "square-open"]
        figure.add_scatter(
            x=places, y=[pair["alone"], pair["together"]], mode="lines+markers", cliponaxis=False,
            text=[
                f"{pair['full']:,}/0 <b>{shown(pair['alone'])}</b>",
                f"{pair['dataset']}<br>{pair['full']:,}/{pair['weak']:,} <b>{shown(pair['together'])}</b>",
            ],
            line={"color": "#8A8F98", "width": 3, "dash": "solid" if is_measured else "dot"},
            marker={"symbol": symbols, "size": 17, "color": [FULL_HUE, WEAK_HUE], "line": {"width": 3}},
            hovertemplate="%{text}<extra></extra>", name=f"{pair['dataset']}, {pair['source']}",
        )  # fmt: skip
    scores = pairs[["alone", "together"]].to_numpy(float)
    room = 0.25 * max(float(scores.max() - scores.min()), 1.0)
    low, high = float(scores.min()) - room, float(scores.max()) + room
    least = (high - low) * _LABEL / (_PLOT_SHARE * _SLOPES_HEIGHT)
    for end, (place, side, shift) in enumerate(zip(places, ("right", "left"), (-1, 1), strict=True)):
        for trace, height in zip(list(figure.data), _apart(scores[:, end], least), strict=True):
            figure.add_annotation(
                x=place, y=height, text=trace.text[end], showarrow=False, xanchor=side, align=side,
                xshift=shift * _BESIDE_MARK,
            )  # fmt: skip
    figure.update_layout(height=_SLOPES_HEIGHT, showlegend=False)
    # Leave space for labels on a phone; every mark shows its score, so the axis needs no numbers.
    figure.update_xaxes(range=[-0.7, 2.3], title="", tickangle=0)
    figure.update_yaxes(title=axis_title, range=[low, high], showticklabels=False)
    return figure


def _apart(heights: Floats, least: float) -> Floats:
    """Return heights, shape (N,), in their given order and at least `least` apart, moved as little as possible."""
    order = np.argsort(heights, kind="stable")
    steps = least * np.arange(len(heights))
    moved = np.empty(len(heights))
    moved[order] = isotonic_regression(heights[order] - steps).x + steps
    return moved


def _symbol(filled: bool) -> str:
    return "circle" if filled else "circle-open"
