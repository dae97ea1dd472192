"""Table 4, and what was measured here, laid out class by class as the bars want them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

from splitlab.budget.few_shot_measured import NOVEL
from splitlab.figures.few_shot_bars import ALL_MASKS, FEW_MASKS, NO_MASKS, NO_MASKS_BUT_OTHERS, BarStyle

MEAN = "mean"
PUBLISHED: Mapping[str, BarStyle] = MappingProxyType(
    {
        "ImageNet": BarStyle("3 masks a class, from an ImageNet backbone", FEW_MASKS, hatched=True, published=True),
        "Cityscapes-seg": BarStyle("3 masks a class, from a Cityscapes model", FEW_MASKS, published=True),
        "YOLO-1464/9267": BarStyle("all 1,464 mask images: the baseline", ALL_MASKS, hatched=True, published=True),
    }
)
MEASURED: Mapping[str, BarStyle] = MappingProxyType(
    {
        "zero-shot, backbone": BarStyle("no mask, from the backbone", NO_MASKS, hatched=True),
        "zero-shot, base": BarStyle("no mask, from the base model", NO_MASKS),
        "partly supervised, backbone": BarStyle(
            "no mask, but masks of the base classes", NO_MASKS_BUT_OTHERS, hatched=True
        ),
        "few-shot, backbone": BarStyle("few masks, from the backbone", FEW_MASKS, hatched=True),
        "few-shot, base": BarStyle("few masks, from the base model", FEW_MASKS),
        "all masks, backbone": BarStyle("masks of every class", ALL_MASKS, hatched=True),
    }
)


def published_by_class(table: pd.DataFrame) -> pd.DataFrame:
    """Turn Table 4 so that each class is a row and each start a column; the last row is the mean, as printed."""
    turned = table.set_index("pretrain").T.rename(index={"all": MEAN})
    return turned.rename_axis("class").reset_index().rename_axis(columns=None)


def measured_by_class(table: pd.DataFrame, variant: str, metric: str) -> pd.DataFrame:
    """Return a row for each novel class of a variant and one for their mean, and a column for each way measured.

    Args:
        table: of `measured_few_shot`.
        variant: which classes are novel.
        metric: a column of it; the mean over seeds where there are several.
    """
    rows = table[(table["variant"] == variant) & (table["group"] == NOVEL)]
    rows = rows.assign(way=rows["setting"] + ", " + rows["start"])
    by_class = rows.pivot_table(index="class", columns="way", values=metric, aggfunc="mean", sort=False, dropna=False)
    by_class = by_class.reindex(columns=[way for way in MEASURED if way in by_class])
    by_class.loc[MEAN] = by_class.mean()
    return by_class.rename_axis("class").reset_index().rename_axis(columns=None)
