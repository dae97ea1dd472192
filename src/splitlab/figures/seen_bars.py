"""How many objects of each class all models see, or only some, one or none: one bar a class, to click for images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pandas as pd
import plotly.graph_objects as go

from splitlab.evaluation.seen_by import SeenBy
from splitlab.figures.palette import compared_grey, translucent

ROW_PIXELS, HEAD_PIXELS = 30, 130
# The more models, the further from the page, be it white or near-black; what none sees is hollow.
_OPACITIES: Mapping[SeenBy, float] = MappingProxyType(
    {SeenBy.ALL: 0.65, SeenBy.SOME: 0.4, SeenBy.ONE: 0.15, SeenBy.NONE: 0.0}
)


def seen_bars(counts: pd.DataFrame, row_names: Sequence[str], models: int, letters: str) -> go.Figure:
    """Draw counts, stacked; a click brings back `customdata`: the row's name and the `SeenBy`.

    Args:
        counts: of `count_seen`.
        row_names: of its rows, the classes and what stands for nothing labelled.
        models: how many were compared.
        letters: the colour of the page's letters, which stand on it and on the bars; plotly takes all pages for white.
    """
    figure = go.Figure()
    for each, opacity in _OPACITIES.items():
        if each is SeenBy.SOME and models < 3:
            continue
        figure.add_bar(
            y=list(row_names),
            x=counts[each].tolist(),
            orientation="h",
            name=seen_in_words(each, models),
            marker={
                "color": translucent(compared_grey(0), opacity),
                "line": {"width": 1, "color": compared_grey(0)},
            },
            text=[count or "" for count in counts[each]],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            insidetextfont={"color": letters},
            customdata=[[name, each.value] for name in row_names],
            hovertemplate=f"%{{y}}: %{{x:,}} seen {seen_in_words(each, models)}<extra></extra>",
        )
    figure.update_layout(
        barmode="stack",
        xaxis_title="objects",
        height=HEAD_PIXELS + ROW_PIXELS * len(row_names),
        margin={"l": 10, "r": 10, "t": 10, "b": 40},
        # Above the bars, however many rows it takes: plotly keeps room for what is placed against the container.
        legend={"orientation": "h", "yref": "container", "y": 1, "yanchor": "top", "x": 0, "traceorder": "normal"},
        clickmode="event+select",
        uirevision="keep",
    )
    figure.update_yaxes(autorange="reversed", automargin=True, type="category", ticksuffix=" ")
    return figure


def seen_in_words(each: SeenBy, models: int) -> str:
    """Say it for this many models, such as "by all 4"."""
    return f"by all {models}" if each is SeenBy.ALL else f"by {each.value}"
