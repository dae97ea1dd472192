"""Charts of masks alone against mixed splits: a line that turns with the price ratio, and costs by ratio."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from splitlab.budget.label_prices import PricePreset
from splitlab.budget.law import EquiscoreLaw
from splitlab.budget.mix_or_masks import EqualScore, MixOrMasks, share_by_law
from splitlab.figures.lessons import LEGEND_ABOVE
from splitlab.figures.palette import FULL_HUE, PICK_HUE, WEAK_HUE, compared_grey, translucent
from splitlab.figures.plan import law_lines
from splitlab.shown_numbers import shown

_TICKS = (0.1, 0.2, 0.5, 1, 2, 4, 6, 10, 20, 50, 100)
_LEAST_RATIO, _MOST_RATIO, _RATIOS = 0.5, 20.0, 120


def turning_line(law: EquiscoreLaw, found: MixOrMasks) -> go.Figure:
    """Draw the curve and what masks alone cost at the price ratio: a line that turns about the point of masks alone.

    Mixing pays where the line cuts the curve. At the ratio `found.pays_above` it touches.
    """
    end, top = 1.08 * law.phi0, 8 * law.k * law.phi0
    x = np.linspace(0, law.phi0, 200)
    figure = go.Figure()
    figure.add_scatter(
        x=x, y=np.minimum(found.ratio * (law.phi0 - x), 2 * top), mode="lines", fill="tozeroy", hoverinfo="skip",
        line={"color": WEAK_HUE, "width": 3}, fillcolor=translucent(WEAK_HUE, 0.15),
        name=f"cost of masks alone, ratio {shown(found.ratio)}",
    )  # fmt: skip
    for line in law_lines(law, end, top):
        figure.add_trace(line.update(showlegend=line.line.dash == "solid"))
    if found.pays_above:
        figure.add_scatter(
            x=[0, law.phi0], y=[found.pays_above * law.phi0, 0], mode="lines", hoverinfo="skip",
            line={"color": compared_grey(0), "width": 2, "dash": "dash"},
            name=f"the same at {shown(found.pays_above)}, where mixing begins to pay",
        )  # fmt: skip
    if found.pays:
        _add_point(figure, found.mixed.full, found.mixed.weak, "circle", "cheapest mixed split")
    _add_point(figure, found.masks, 0, "diamond", "masks alone")
    figure.update_layout(height=470, margin={"l": 10, "r": 10, "t": 10, "b": 10}, legend=LEGEND_ABOVE)
    figure.update_xaxes(title="|F|, images with masks", range=[0, end])
    return figure.update_yaxes(title="|W|, images with boxes only", range=[-0.03 * top, top])


def _add_point(figure: go.Figure, full: int, weak: int, symbol: str, name: str) -> None:
    figure.add_scatter(
        x=[full], y=[weak], mode="markers", cliponaxis=False, name=f"{name}: {full:,} / {weak:,}",
        marker={"size": 15, "color": PICK_HUE, "symbol": symbol},
        hovertemplate=f"<b>{name}: %{{x:,}} / %{{y:,}}</b><extra></extra>",
    )  # fmt: skip


def pays_from(law: EquiscoreLaw, tau: float) -> go.Figure:
    """Draw the price ratio above which each split of the curve costs less than masks alone, and a mark at `tau`.

    Args:
        law: k and phi0.
        tau: |F| / phi0 of the marked split.
    """
    low, high = (end / law.phi0 for end in law.valid_full)
    x = np.linspace(low, high, 200)
    needed = law.k / (tau * (1 - tau))
    figure = go.Figure()
    figure.add_scatter(
        x=100 * x, y=law.k / (x * (1 - x)), mode="lines", line={"color": FULL_HUE, "width": 4},
        name="ratio above which the split pays", hovertemplate="%{x:.0f}% of the masks: %{y:.1f}<extra></extra>",
    )  # fmt: skip
    figure.add_hline(y=4 * law.k, line={"color": compared_grey(0), "width": 2, "dash": "dash"})
    figure.add_scatter(
        x=[100 * tau], y=[needed], mode="markers", marker={"size": 18, "color": PICK_HUE}, cliponaxis=False,
        name=f"yours: {shown(needed)}", hoverinfo="skip",
    )  # fmt: skip
    figure.update_layout(height=390, legend=LEGEND_ABOVE)
    figure.update_xaxes(title="masks, % of masks alone")
    return figure.update_yaxes(title="price ratio", rangemode="tozero")


def preset_ratios(presets: Sequence[PricePreset], law: EquiscoreLaw) -> go.Figure:
    """Draw the price ratio of each preset as a bar, and a line at 4k; bars below it are masks only."""
    figure = go.Figure()
    ratios = [preset.ratio for preset in presets]
    figure.add_bar(
        x=ratios, y=[preset.label for preset in presets], orientation="h", text=[shown(ratio) for ratio in ratios],
        marker={"color": [WEAK_HUE if ratio > 4 * law.k else FULL_HUE for ratio in ratios]}, textposition="outside",
        cliponaxis=False, hoverinfo="skip",
    )  # fmt: skip
    figure.add_vline(x=4 * law.k, line={"color": PICK_HUE, "width": 3})
    figure.update_layout(height=110 + 42 * len(presets), bargap=0.35)
    figure.update_xaxes(title="price ratio: boxes for one mask", range=[0, 1.12 * max(ratios)])
    return figure.update_yaxes(ticksuffix="  ", type="category")


def costs_by_ratio(score: EqualScore, law: EquiscoreLaw | None, ratio: float) -> go.Figure:
    """Draw the cost of the cheapest split, in percent of masks alone, against the price ratio.

    Args:
        score: Splits of one expected score, by the AP surface.
        law: The equiscore law of the same results; None if there is none.
        ratio: The user's price ratio, marked.
    """
    ratios = np.geomspace(min(_LEAST_RATIO, ratio / 1.5), max(_MOST_RATIO, ratio * 1.5), _RATIOS)
    figure = go.Figure()
    lines = [("by the AP surface", FULL_HUE, "solid", [score.share(at) for at in ratios])]
    if law is not None:
        by_law = [min(share_by_law(law, score.pool.images, at), 1.0) for at in ratios]
        lines.append((f"by the law: less than masks alone above {shown(4 * law.k)} (4k)", WEAK_HUE, "dash", by_law))
    for name, hue, dash, shares in lines:
        figure.add_scatter(
            x=ratios, y=100 * np.array(shares), mode="lines", line={"color": hue, "width": 2.5, "dash": dash},
            name=name, hovertemplate="ratio %{x:.1f}: %{y:.1f}%<extra></extra>",
        )  # fmt: skip
    mine = 100 * score.share(ratio)
    figure.add_vline(x=ratio, line={"color": PICK_HUE, "width": 2})
    figure.add_scatter(
        x=[ratio], y=[mine], mode="markers", marker={"size": 14, "color": PICK_HUE},
        name=f"your ratio of {shown(ratio)}", hovertemplate="your ratio %{x:.1f}: %{y:.1f}%<extra></extra>",
    )  # fmt: skip
    figure.update_layout(height=340, margin={"l": 10, "r": 10, "t": 10, "b": 10}, legend=LEGEND_ABOVE)
    ticks = [tick for tick in _TICKS if ratios[0] <= tick <= ratios[-1]]
    labels = [f"{tick:g}" for tick in ticks]
    figure.update_xaxes(title="price ratio: boxes for one mask", type="log", tickvals=ticks, ticktext=labels)
    return figure.update_yaxes(title="cost, % of masks alone", range=[0, 105])
