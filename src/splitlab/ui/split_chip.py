"""A split, always shown the same way: F / W, and a bar whose length is hours, masks first, boxes behind."""

from __future__ import annotations

import streamlit as st

from splitlab.budget.annotation_cost import Prices, box_hours, cost_hours, mask_hours
from splitlab.figures.palette import FULL_HUE, WEAK_HUE


def split_chip(full: int, weak: int, prices: Prices, scale_hours: float) -> None:
    """Draw a split.

    Args:
        full: |F|.
        weak: |W|.
        prices: what labels cost.
        scale_hours: the hours that fill the whole width; more than that is cut.
    """
    st.html(split_chip_html(full, weak, prices, scale_hours))


def split_chip_html(full: int, weak: int, prices: Prices, scale_hours: float) -> str:
    """Return the chip as HTML; see `split_chip`."""
    masks, boxes = mask_hours(float(full), prices), box_hours(float(weak), prices)
    total = cost_hours(float(full), float(weak), prices)
    widths = [min(100 * hours / max(scale_hours, total, 1e-9), 100) for hours in (masks, boxes)]
    text = f"{full:,} images with masks, {masks:.1f} hours; {weak:,} with boxes, {boxes:.1f} hours"
    return (
        f'<div role="img" aria-label="{text}" title="{text}" style="max-width:34rem">'
        '<div style="display:flex;gap:.6rem;align-items:baseline;flex-wrap:wrap">'
        f'<span style="font-weight:650;font-size:1.15rem;font-variant-numeric:tabular-nums">'
        f'<span style="color:{FULL_HUE}">{full:,}</span> / <span style="color:{WEAK_HUE}">{weak:,}</span></span>'
        f'<span style="opacity:.75">{total:,.1f} hours: {masks:,.1f} masks, {boxes:,.1f} boxes</span></div>'
        '<div style="display:flex;height:.7rem;border-radius:.35rem;overflow:hidden;'
        'background:rgba(128,128,128,.18);margin-top:.3rem">'
        f'<div style="width:{widths[0]:.2f}%;background:{FULL_HUE}"></div>'
        f'<div style="width:{widths[1]:.2f}%;background:{WEAK_HUE}"></div></div></div>'
    )
