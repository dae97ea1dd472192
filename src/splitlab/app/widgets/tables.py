"""Tables of results with headings in words."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import streamlit as st

from splitlab.budget.results import SHORT_METRICS, SPREAD_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

FULL_HEADING, WEAK_HEADING, COST_HEADING = (
    "images with masks, |F|",
    "images with boxes only, |W|",
    "labelling cost, hours",
)
_HEADINGS: Mapping[str, str] = MappingProxyType(
    {
        "group": "supervision",
        "method": "model",
        "full": FULL_HEADING,
        "weak": WEAK_HEADING,
        "cost_hours": COST_HEADING,
        "cost_hours_printed": "labelling cost as printed, hours",
        **SHORT_METRICS,
        **{low: f"{SHORT_METRICS[name]}, lower end" for name, (low, _) in SPREAD_COLUMNS.items()},
        **{high: f"{SHORT_METRICS[name]}, upper end" for name, (_, high) in SPREAD_COLUMNS.items()},
        "settings": "trained with",
        "scored_on": "scored on",
        "note": "remark",
        "ap": "AP",
        "tau": "|F| / φ₀",
        "c": "|F| |W| / φ₀²",
        "used": "used in the fit",
        "weak_of_law": "|W| by the law",
        "ratio": "|W| / |W| by the law",
        "box_ap50": "box AP50",
        "mask_iou": "mask IoU",
        "adjusted_iou": "adjusted mask IoU",
    }
)

# Whole numbers with commas between thousands; and those with another number of decimals than one.
_COUNTS = ("full", "weak", "weak_of_law", "objects", "train_images", "test_images", "seed")
_THREE_DECIMALS = ("tau", "c", "ratio", "mask_iou", "adjusted_iou", "localised", "found", "class_confusion")


def in_words(table: pd.DataFrame) -> pd.DataFrame:
    """Return a results table with headings in words, without its empty columns.

    Empty are columns in which every cell is missing or an empty text, such as a metric that no row reports.
    """
    empty = table.isna() | (table.astype(str) == "")
    return table.loc[:, ~empty.all()].rename(columns=_heading)


def show_table(table: pd.DataFrame) -> None:
    """Show a results table with headings in words; missing cells are dashes."""
    numbers = table.select_dtypes("number").columns
    st.dataframe(
        in_words(table),
        hide_index=True,
        column_config={_heading(name): st.column_config.NumberColumn(format=_format(name)) for name in numbers},
        placeholder="–",
    )


def _heading(column: str) -> str:
    return _HEADINGS.get(column, column.replace("_", " "))


def _format(column: str) -> str:
    if column in _COUNTS:
        return "localized"
    return "%.3f" if column.removesuffix("_low").removesuffix("_high") in _THREE_DECIMALS else "%.1f"
