"""Scores class by class, a bar for each way to learn the class: hue for its labels, hatching for the start weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from splitlab.figures.palette import FULL_HUE, WEAK_HUE, translucent

HEIGHT = 380
FEW_MASKS, ALL_MASKS, NO_MASKS, NO_MASKS_BUT_OTHERS = "#A3ADF8", FULL_HUE, WEAK_HUE, "#A66A00"
"""A light F for a few masks of a class, F for all of them, W for boxes alone, a dark W where others have masks."""


@dataclass(frozen=True)
class BarStyle:
    """How one way to learn is drawn.

    Attributes:
        name: in the legend.
        colour: "#rrggbb".
        hatched: where only the backbone's weights are there to start with.
        published: drawn as an outline; measured ones are filled.
    """

    name: str
    colour: str
    hatched: bool = False
    published: bool = False


def class_bars(rows: pd.DataFrame, styles: Mapping[str, BarStyle], axis: str, highest: float = 100.0) -> go.Figure:
    """Draw a group of bars for each class.

    Args:
        rows: a column `class`, in its order, and one for each key of `styles`; NaN where there is no score.
        styles: of the bars, from left to right.
        axis: title of the y axis.
        highest: where the y axis ends.
    """
    figure = go.Figure()
    digits = ".1f" if highest > 1 else ".2f"
    for key, style in styles.items():
        figure.add_bar(
            x=rows["class"].tolist(),
            y=rows[key].tolist(),
            name=style.name,
            marker=_marker(style),
            texttemplate=f"%{{y:{digits}}}",
            textposition="outside",
            textangle=0,
            cliponaxis=False,
            hovertemplate=f"%{{x}}, {style.name}: %{{y:{digits}}}<extra></extra>",
        )
    figure.update_layout(
        barmode="group",
        bargap=0.22,
        height=HEIGHT,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        yaxis={"title": axis, "range": [0, highest * 1.08]},
        legend={"orientation": "h", "y": -0.14, "yanchor": "top", "x": 0, "traceorder": "normal"},
        uirevision="keep",
    )
    return figure


def _marker(style: BarStyle) -> dict[str, object]:
    # Filled bars are hatched in white, outlines in their own hue.
    lines = {"fgcolor": style.colour} if style.published else {"fgcolor": "white", "fillmode": "overlay"}
    return {
        "color": translucent(style.colour, 0.25) if style.published else style.colour,
        "line": {"color": style.colour, "width": 1.5},
        "pattern": {"shape": "/" if style.hatched else "", "size": 6, **lines},
    }
