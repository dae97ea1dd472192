"""The colours of every chart, panel and page: one hue for F, one for W, a colour for each class."""

from __future__ import annotations

from collections.abc import Sequence

from plotly.colors import sample_colorscale

# Indigo and amber: told apart with any colour vision, readable on white and on near-black.
FULL_HUE = "#5B6CF0"
WEAK_HUE = "#E0930A"
PICK_HUE = "#D6336C"

_FULL_RAMP = ("#B9C2FA", "#8794F5", "#5B6CF0", "#4350D0")
_COMPARED = ("#8A8F98", "#6B7280", "#A3A8B0", "#7C828C")
# None is indigo or amber, which mean F and W.
_CLASSES = (
    "#00A087",
    "#E64B35",
    "#56B4E9",
    "#CC79A7",
    "#8FB339",
    "#9467BD",
    "#17BECF",
    "#B5651D",
    "#F781BF",
    "#5D8AA8",
)


def full_ramp(sizes: Sequence[int]) -> dict[int, str]:
    """Give each |F| a shade of F's hue, light to dark with size."""
    ordered = sorted(set(sizes))
    places = [rank / max(len(ordered) - 1, 1) for rank in range(len(ordered))]
    return dict(zip(ordered, sample_colorscale(list(_FULL_RAMP), places), strict=True))


def compared_grey(rank: int) -> str:
    """Give each method compared against a grey."""
    return _COMPARED[rank % len(_COMPARED)]


def class_colour(class_index: int) -> str:
    """Give each class its colour, the same everywhere."""
    return _CLASSES[class_index % len(_CLASSES)]


def translucent(colour: str, opacity: float) -> str:
    """Turn "#rrggbb" into an rgba() of this opacity, 0..1."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
