"""Wrong classes and mask quality against |F| and |W|: what Observations 5 and 6 of the paper say, as measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from splitlab.evaluation.scores_of_objects import Estimate
from splitlab.figures.palette import compared_grey, full_ramp

_SIZES = (("full", "|F|, images with masks"), ("weak", "|W|, images with boxes"))
_MEASURES = (
    ("class_confusion", "objects given<br>the wrong class", ".0%"),
    ("mask_iou", "mask IoU of<br>found objects", ".2f"),
)


@dataclass(frozen=True)
class SplitMistakes:
    """One model, and what `class_confusion_rate` and `mean_mask_iou` say of it.

    Attributes:
        name: of the model.
        trained: its network and how it was trained, but for split and seed.
        full, weak: |F| and |W|, images.
        class_confusion, mask_iou: the two means.
    """

    name: str
    trained: str
    full: int
    weak: int
    class_confusion: Estimate
    mask_iou: Estimate


def mistakes_by_split(models: Sequence[SplitMistakes]) -> go.Figure:
    """Draw the share of wrong classes (top) and the mean mask IoU (below) against |F| (left) and |W| (right).

    Bars are 95 % intervals over images. A model without such objects is left out.
    """
    # Axes that share a fixed range keep plotly.js 3 from finding the range of the others: each has its own here.
    figure = make_subplots(2, 2, shared_yaxes="rows", horizontal_spacing=0.04, vertical_spacing=0.1)
    for row, (measure, title, number) in enumerate(_MEASURES, start=1):
        for column, (size, size_title) in enumerate(_SIZES, start=1):
            figure.add_trace(_marks(models, measure, size, number), row, column)
            last = size_title if row == len(_MEASURES) else None
            figure.update_xaxes(
                title=last, range=_span([getattr(model, size) for model in models]), row=row, col=column
            )
        figure.update_yaxes(title=title, tickformat=number, row=row, col=1)
    figure.update_layout(
        height=560,
        margin={"l": 10, "r": 10, "t": 20, "b": 10},
        showlegend=False,
        clickmode="event+select",
        uirevision="keep",
        hoverlabel={"align": "left"},
    )
    return figure


def _span(sizes: Sequence[int]) -> list[float]:
    """Leave room for marks at 0 and for names to the right of the last."""
    largest = max(sizes, default=0) or 1
    return [-0.06 * largest, 1.6 * largest]


def _marks(models: Sequence[SplitMistakes], measure: str, size: str, number: str) -> go.Scatter:
    shown = [(model, getattr(model, measure)) for model in models if getattr(model, measure).value is not None]
    ramp = full_ramp([model.full for model in models])
    return go.Scatter(
        x=[getattr(model, size) for model, _ in shown],
        y=[estimate.value for _, estimate in shown],
        error_y={
            "array": [estimate.high - estimate.value for _, estimate in shown],
            "arrayminus": [estimate.value - estimate.low for _, estimate in shown],
            "color": compared_grey(0),
            "thickness": 1.2,
        },
        mode="markers+text",
        text=[model.name for model, _ in shown],
        textposition="middle right",
        customdata=[[model.name, estimate.low, estimate.high, estimate.objects] for model, estimate in shown],
        marker={"size": 11, "color": [ramp[model.full] for model, _ in shown]},
        unselected={"marker": {"opacity": 1}},
        cliponaxis=False,
        hovertemplate=f"<b>%{{customdata[0]}}</b>: %{{y:{number}}}<br>95 % interval %{{customdata[1]:{number}}} to "
        f"%{{customdata[2]:{number}}}, %{{customdata[3]:,}} objects<extra></extra>",
    )
