"""Colours and styles of all charts, for light and dark pages and projectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from splitlab.evaluation.matches import ErrorKind

# Indigo and amber: distinguishable with any colour vision, visible on white and on near-black. White digits on indigo
# have a contrast of 4.6 to 1.
FULL_HUE = "#5667EF"
WEAK_HUE = "#E0930A"
PICK_HUE = "#D6336C"

_FULL_RAMP = ("#B9C2FA", "#8794F5", "#5667EF", "#4350D0")
_COMPARED = ("#8A8F98", "#6B7280", "#A3A8B0", "#7C828C")
# Without indigo and amber, which stand for F and W.
_CLASSES = (
    "#00A087", "#E64B35", "#56B4E9", "#CC79A7", "#8FB339", "#9467BD", "#17BECF", "#B5651D", "#F781BF", "#5D8AA8",
)  # fmt: skip


def full_ramp(sizes: Sequence[int]) -> dict[int, str]:
    """Return a shade of F's colour for each |F|, darker with size."""
    ordered = sorted(set(sizes))
    places = [rank / max(len(ordered) - 1, 1) for rank in range(len(ordered))]
    return dict(zip(ordered, sample_colorscale(list(_FULL_RAMP), places), strict=True))


def compared_grey(rank: int) -> str:
    """Return the grey of a compared method."""
    return _COMPARED[rank % len(_COMPARED)]


def class_colour(class_index: int) -> str:
    """Return the colour of a class, the same in all charts."""
    return _CLASSES[class_index % len(_CLASSES)]


def translucent(colour: str, opacity: float) -> str:
    """Return "#rrggbb" as an rgba() with this opacity, 0..1."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


ERROR_COLOURS: Mapping[ErrorKind, str] = MappingProxyType(
    {
        ErrorKind.FOUND: "#6B7280",
        ErrorKind.MISCLASSIFIED: "#D55E00",
        ErrorKind.BAD_MASK: "#56B4E9",
        ErrorKind.BOTH: "#8E3A80",
        ErrorKind.DUPLICATE: "#F0E442",
        ErrorKind.BACKGROUND: "#A3A8B0",
        ErrorKind.MISSED: "#1B7F4B",
    }
)


_LETTERS = 17


def projected(figure: go.Figure) -> go.Figure:
    """Return the figure with large text, and without the space for a title."""
    large = {"size": _LETTERS}
    return go.Figure(figure).update_layout(
        font=large, legend_font=large, hoverlabel_font=large, margin={"l": 10, "r": 10, "t": 30, "b": 10}
    ).update_xaxes(title_font=large, tickfont=large, automargin=True).update_yaxes(
        title_font=large, tickfont=large, automargin=True
    )  # fmt: skip
