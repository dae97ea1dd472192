"""What each further thousand of boxes brings, step by step."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from splitlab.figures.palette import WEAK_HUE, translucent


def step_bars(steps: pd.DataFrame, score: str, *, filled: bool) -> go.Figure:
    """Draw one bar for each step of one |F|, as high as the AP that a thousand boxes bring along it.

    Args:
        steps: of `steps_of`, those of one |F|, growing in |W|.
        score: what the AP is called.
        filled: whether they were measured here; published ones are outlined.
    """
    names = [f"{before:,} to {weak:,}" for before, weak in zip(steps["before"], steps["weak"], strict=True)]
    figure = go.Figure(
        go.Bar(
            x=names,
            y=steps["per_thousand"],
            text=[f"{gain:+.1f}" for gain in steps["per_thousand"]],
            textposition="outside",
            cliponaxis=False,
            marker={
                "color": WEAK_HUE if filled else translucent(WEAK_HUE, 0.12),
                "line": {"color": WEAK_HUE, "width": 3},
            },
            hovertemplate="%{x}: %{y:+.2f} AP for 1,000 images with boxes<extra></extra>",
        )
    )
    figure.update_layout(height=390, bargap=0.45)
    figure.update_xaxes(title="images with boxes, from and to")
    figure.update_yaxes(title=f"{score} gained by 1,000 more", zeroline=True)
    return figure
