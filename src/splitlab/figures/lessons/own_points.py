"""Splits with their scores, and the hyperbola through the ones that the reader took."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from splitlab.budget.equiscore import LawFit
from splitlab.figures.palette import FULL_HUE, PICK_HUE, compared_grey
from splitlab.shown_numbers import shown


def own_points(points: pd.DataFrame, fit: LawFit | None, *, filled: bool) -> go.Figure:
    """Draw |W| against |F|: every split with its score, taken ones strong, and the law fitted to those.

    Args:
        points: splits with the columns full, weak, ap, taken.
        fit: the law through the taken ones; None where there is none yet.
        filled: whether they were measured here; published ones are outlined.
    """
    figure = go.Figure()
    end, top = 1.12 * float(points["full"].max()), 1.12 * max(float(points["weak"].max()), 1.0)
    if fit is not None:
        full = np.linspace(end / 300, end, 400)
        weak = fit.law.weak(full)
        visible = weak <= top
        figure.add_scatter(
            x=full[visible], y=weak[visible], mode="lines", line={"color": FULL_HUE, "width": 4}, hoverinfo="skip",
            name=f"W = {fit.law.k * fit.law.phi0**2:,.0f} / F",
        )  # fmt: skip
    for taken, hue, name in ((False, compared_grey(0), "not taken"), (True, PICK_HUE, "taken")):
        rows = points[points["taken"] == taken]
        figure.add_scatter(
            x=rows["full"],
            y=rows["weak"],
            mode="markers+text",
            text=[shown(ap) for ap in rows["ap"]],
            textposition="top right",
            textfont={"color": hue},
            marker={"size": 18, "color": hue, "symbol": "circle" if filled else "circle-open", "line": {"width": 3.5}},
            # A list: numpy arrays come back from a click as objects with numbered keys.
            customdata=rows[["full", "weak"]].to_numpy().tolist(),
            hovertemplate="<b>%{x:,} / %{y:,}</b><br>AP %{text}<extra></extra>",
            unselected={"marker": {"opacity": 1}, "textfont": {"color": hue}},
            cliponaxis=False,
            name=name,
        )
    figure.update_layout(
        height=430, clickmode="event+select", legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    )
    figure.update_xaxes(title="images with masks, F", range=[0, end])
    figure.update_yaxes(title="images with boxes only, W", range=[-0.05 * top, top])
    return figure
