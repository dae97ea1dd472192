"""Models without and with boxes, joined by a line: published outlined and dashed, measured filled and solid."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from scipy.optimize import isotonic_regression

from splitlab.budget.ap_surface import Floats
from splitlab.budget.results import MEASURED
from splitlab.figures.palette import FULL_HUE, WEAK_HUE
from splitlab.shown_numbers import shown

MASKS_ALONE, WITH_BOXES = "masks alone", "with boxes<br>on top"
_HEIGHT = 460
# A label has two lines; of the height about this share is left to the marks.
_LABEL = 50
_PLOT_SHARE = 0.75
_BESIDE_MARK = 16


def pair_slopes(pairs: pd.DataFrame, axis_title: str) -> go.Figure:
    """Draw a slope for each pair, with splits and scores beside its ends, none over another.

    Args:
        pairs: rows of `weak_gains`.
        axis_title: what the AP is.
    """
    figure = go.Figure()
    for _, pair in pairs.iterrows():
        is_measured = pair["source"] == MEASURED
        symbols = ["circle", "square"] if is_measured else ["circle-open", "square-open"]
        figure.add_scatter(
            x=[MASKS_ALONE, WITH_BOXES],
            y=[pair["alone"], pair["together"]],
            mode="lines+markers",
            text=[
                f"{pair['full']:,}/0 <b>{shown(pair['alone'])}</b>",
                f"{pair['dataset']}<br>{pair['full']:,}/{pair['weak']:,} <b>{shown(pair['together'])}</b>",
            ],
            line={"color": "#8A8F98", "width": 3, "dash": "solid" if is_measured else "dot"},
            marker={"symbol": symbols, "size": 17, "color": [FULL_HUE, WEAK_HUE], "line": {"width": 3}},
            hovertemplate="%{text}<extra></extra>",
            cliponaxis=False,
            name=f"{pair['dataset']}, {pair['source']}",
        )
    scores = pairs[["alone", "together"]].to_numpy(float)
    room = 0.25 * max(float(scores.max() - scores.min()), 1.0)
    low, high = float(scores.min()) - room, float(scores.max()) + room
    least = (high - low) * _LABEL / (_PLOT_SHARE * _HEIGHT)
    for end, (place, side) in enumerate(((MASKS_ALONE, "right"), (WITH_BOXES, "left"))):
        texts = [trace.text[end] for trace in figure.data]
        shift = _BESIDE_MARK if side == "left" else -_BESIDE_MARK
        for height, text in zip(apart(scores[:, end], least), texts, strict=True):
            figure.add_annotation(
                x=place, y=height, text=text, showarrow=False, xanchor=side, align=side, xshift=shift
            )  # fmt: skip
    figure.update_layout(height=_HEIGHT, showlegend=False)
    # Room for names on a telephone; every score stands beside its mark, so the axis needs no numbers.
    figure.update_xaxes(range=[-0.7, 2.3], title="", tickangle=0)
    figure.update_yaxes(title=axis_title, range=[low, high], showticklabels=False)
    return figure


def apart(heights: Floats, least: float) -> Floats:
    """Return heights, shape (N,), in the order of the given ones, `least` apart, and else as near to them as may be."""
    order = np.argsort(heights, kind="stable")
    steps = least * np.arange(len(heights))
    moved = np.empty(len(heights))
    moved[order] = isotonic_regression(heights[order] - steps).x + steps
    return moved
