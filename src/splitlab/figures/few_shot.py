"""The few-shot table as bar charts and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd
import plotly.graph_objects as go

from splitlab.atlas.rows import NOVEL
from splitlab.figures.palette import FULL_HUE, WEAK_HUE, translucent

_HEIGHT = 380
_FEW_MASKS, _ALL_MASKS, _NO_MASKS, _NO_MASKS_BUT_OTHERS = "#A3ADF8", FULL_HUE, WEAK_HUE, "#A66A00"
"""Light F for few masks of a class, F for all masks, W for boxes alone, dark W if other classes have masks."""


@dataclass(frozen=True)
class BarStyle:
    """How one way of training is drawn: hatched if it starts from a backbone only, as an outline if published."""

    name: str
    colour: str
    hatched: bool = False
    published: bool = False


def class_bars(rows: pd.DataFrame, styles: Mapping[str, BarStyle], axis: str, highest: float = 100.0) -> go.Figure:
    """Draw a group of bars for each class.

    Args:
        rows: A column `class` and one for each key of `styles`; NaN if there is no score.
        styles: Styles of the bars, left to right.
        axis: Title of the y axis.
        highest: Upper end of the y axis.
    """
    figure = go.Figure()
    digits = ".1f" if highest > 1 else ".2f"
    for key, style in styles.items():
        figure.add_bar(
            x=rows["class"].tolist(), y=rows[key].tolist(), name=style.name, marker=_marker(style),
            texttemplate=f"%{{y:{digits}}}", textposition="outside", textangle=0, cliponaxis=False,
            hovertemplate=f"%{{x}}, {style.name}: %{{y:{digits}}}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        barmode="group", bargap=0.22, height=_HEIGHT, margin={"l": 10, "r": 10, "t": 10, "b": 10},
        yaxis={"title": axis, "range": [0, highest * 1.08]},
        legend={"orientation": "h", "y": -0.14, "yanchor": "top", "x": 0, "traceorder": "normal"}, uirevision="keep",
    )  # fmt: skip
    return figure


def _marker(style: BarStyle) -> dict[str, object]:
    # Filled bars are hatched in white, outlines in their own hue.
    lines = {"fgcolor": style.colour} if style.published else {"fgcolor": "white", "fillmode": "overlay"}
    return {
        "color": translucent(style.colour, 0.25) if style.published else style.colour,
        "line": {"color": style.colour, "width": 1.5},
        "pattern": {"shape": "/" if style.hatched else "", "size": 6, **lines},
    }


_MEAN = "mean"
PUBLISHED: Mapping[str, BarStyle] = MappingProxyType(
    {
        "ImageNet": BarStyle("3 masks a class, from an ImageNet backbone", _FEW_MASKS, hatched=True, published=True),
        "Cityscapes-seg": BarStyle("3 masks a class, from a Cityscapes model", _FEW_MASKS, published=True),
        "YOLO-1464/9267": BarStyle("all 1,464 mask images: the baseline", _ALL_MASKS, hatched=True, published=True),
    }
)
MEASURED: Mapping[str, BarStyle] = MappingProxyType(
    {
        "zero-shot, backbone": BarStyle("no mask, from the backbone", _NO_MASKS, hatched=True),
        "zero-shot, base": BarStyle("no mask, from the base model", _NO_MASKS),
        "partly supervised, backbone": BarStyle(
            "no mask, but masks of the base classes", _NO_MASKS_BUT_OTHERS, hatched=True
        ),
        "few-shot, backbone": BarStyle("few masks, from the backbone", _FEW_MASKS, hatched=True),
        "few-shot, base": BarStyle("few masks, from the base model", _FEW_MASKS),
        "all masks, backbone": BarStyle("masks of every class", _ALL_MASKS, hatched=True),
    }
)


def published_by_class(table: pd.DataFrame) -> pd.DataFrame:
    """Return Table 4 with one row per class and one column per start; the last row is the printed mean."""
    turned = table.set_index("pretrain").T.rename(index={"all": _MEAN})
    return turned.rename_axis("class").reset_index().rename_axis(columns=None)


def measured_by_class(table: pd.DataFrame, variant: str, metric: str) -> pd.DataFrame:
    """Return a row per novel class of a variant and one for their mean, and a column per way of training.

    Args:
        table: Result of `measured_few_shot`.
        variant: Which classes are novel.
        metric: One of its columns, averaged over seeds.
    """
    rows = table[(table["variant"] == variant) & (table["group"] == NOVEL)]
    rows = rows.assign(way=rows["setting"] + ", " + rows["start"])
    by_class = rows.pivot_table(index="class", columns="way", values=metric, aggfunc="mean", sort=False, dropna=False)
    by_class = by_class.reindex(columns=[way for way in MEASURED if way in by_class])
    by_class.loc[_MEAN] = by_class.mean()
    return by_class.rename_axis("class").reset_index().rename_axis(columns=None)
