"""Charts for a wall: letters large enough for the last row of a class."""

from __future__ import annotations

import plotly.graph_objects as go

LETTERS = 17


def projected(figure: go.Figure) -> go.Figure:
    """Return the figure with large letters on axes, in the legend and on hovering, and without a title's empty room."""
    large = {"size": LETTERS}
    return go.Figure(figure).update_layout(
        font=large, legend_font=large, hoverlabel_font=large, margin={"l": 10, "r": 10, "t": 30, "b": 10}
    ).update_xaxes(title_font=large, tickfont=large, automargin=True).update_yaxes(
        title_font=large, tickfont=large, automargin=True
    )  # fmt: skip
