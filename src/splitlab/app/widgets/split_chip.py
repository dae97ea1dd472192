"""The bar that shows a split and what it costs."""

import streamlit as st

from splitlab.budget.cost import Prices, box_hours, mask_hours
from splitlab.figures.palette import FULL_HUE, WEAK_HUE
from splitlab.shown_numbers import hours_and_sum


def split_chip(full: int, weak: int, prices: Prices, scale_hours: float) -> None:
    """Show |F| and |W| of a split and what they cost, with a bar whose whole width is `scale_hours`."""
    st.html(_split_chip_html(full, weak, prices, scale_hours))


def _split_chip_html(full: int, weak: int, prices: Prices, scale_hours: float) -> str:
    hours = [mask_hours(float(full), prices), box_hours(float(weak), prices)]
    (masks, boxes), total = hours_and_sum(hours)
    widths = [min(100 * part / max(scale_hours, sum(hours), 1e-9), 100) for part in hours]
    text = f"{full:,} images with masks, {masks} hours; {weak:,} with boxes, {boxes} hours"
    return (
        f'<div role="img" aria-label="{text}" title="{text}" style="max-width:34rem">'
        '<div style="display:flex;gap:.6rem;align-items:baseline;flex-wrap:wrap">'
        f'<span style="font-weight:650;font-size:1.15rem;font-variant-numeric:tabular-nums">'
        f'<span style="border-bottom:.2rem solid {FULL_HUE}">{full:,}</span> / '
        f'<span style="border-bottom:.2rem solid {WEAK_HUE}">{weak:,}</span></span>'
        f'<span style="opacity:.8">{total} hours: {masks} for masks, {boxes} for boxes</span></div>'
        '<div style="display:flex;height:.7rem;border-radius:.35rem;overflow:hidden;'
        'background:rgba(128,128,128,.18);margin-top:.3rem">'
        f'<div style="width:{widths[0]:.2f}%;background:{FULL_HUE}"></div>'
        f'<div style="width:{widths[1]:.2f}%;background:{WEAK_HUE}"></div></div></div>'
    )
