"""How many objects of each class there are, with masks and with boxes only."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from splitlab.figures.palette import FULL_HUE, WEAK_HUE

ROW_PIXELS, HEAD_PIXELS = 26, 90


def class_counts_chart(
    with_masks: Mapping[str, int], boxes_only: Mapping[str, int], title: str, names: tuple[str, str]
) -> go.Figure:
    """Draw one bar a class, the largest on top: objects with masks, then objects with only boxes.

    Args:
        with_masks: objects of each class that have a mask.
        boxes_only: objects of the same classes that have none.
        title: above the chart.
        names: what the two are called in the legend.
    """
    classes = sorted(with_masks, key=lambda name: with_masks[name] + boxes_only[name])
    figure = go.Figure()
    for label, counts, colour in zip(names, (with_masks, boxes_only), (FULL_HUE, WEAK_HUE), strict=True):
        if any(counts.values()):
            values = [counts[name] for name in classes]
            hover = f"%{{y}}: %{{x:,}} {label}<extra></extra>"
            figure.add_bar(y=classes, x=values, orientation="h", name=label, marker_color=colour, hovertemplate=hover)
    figure.update_layout(
        barmode="stack",
        title={"text": title, "font": {"size": 15}},
        xaxis_title="objects",
        height=HEAD_PIXELS + ROW_PIXELS * max(len(classes), 3),
        margin={"l": 10, "r": 10, "t": 40, "b": 40},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right", "traceorder": "normal"},
    )
    figure.update_yaxes(automargin=True)
    return figure
