"""Controls for what labels cost: presets with their sources, or prices that a visitor types."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from splitlab.app.navigation import keep_prices_for_all_pages
from splitlab.app.widgets.links import linked_number, linked_option
from splitlab.budget.cost import Prices, prices_for
from splitlab.budget.label_prices import (
    MONEY_PER_HOUR,
    OBJECTS_PER_IMAGE,
    LabelPrices,
    PricePreset,
    price_presets,
)

_PAPER, _OWN = "paper", "own"
_SHOWN = "label prices shown last"
_SECONDS, _MONEY = "seconds", "money"
_PER_IMAGE, _PER_OBJECT = "an image", "an object"
_FIRST_BOX, _FIRST_MASK, _LEAST, _MOST = 38.1, 239.7, 0.001, 100_000.0
_GUESSED_OBJECTS, _LEAST_OBJECTS, _MOST_OBJECTS, _MOST_MONEY = 3.0, 0.1, 10_000.0, 10_000.0
_LEAST_RATIO, _MOST_RATIO = 0.2, 30.0
_MONEY_HELP = "Shows what the hours cost. 0 leaves money out; prices in money are then counted at {:g} an hour."


@dataclass(frozen=True)
class ChosenPrices:
    """The prices that a visitor chose.

    Attributes:
        stated: As they were stated.
        per_image: In seconds per image.
        money_per_hour: Money for an hour; None where money plays no part.
    """

    stated: LabelPrices
    per_image: Prices
    money_per_hour: float | None

    def money(self, hours: float) -> str:
        """Return what hours cost, to follow them in a sentence; empty where money plays no part."""
        rate = self.money_per_hour
        return "" if rate is None else f" ({hours * rate:,.0f} in money, at {rate:,g} an hour)"


def choose_prices(dataset: str, objects_per_image: float | None = None) -> ChosenPrices:
    """Choose what labels cost; start with the paper's prices for the dataset.

    Args:
        dataset: Name of the dataset, such as "VOC2012".
        objects_per_image: Its mean number of objects in an image, if it was counted.
    """
    keep_prices_for_all_pages()
    presets = _presets_for(dataset)
    chosen = linked_option(
        "Label prices",
        [*presets, _OWN],
        _PAPER,
        "prices",
        shown=lambda name: "own prices" if name == _OWN else _listed(presets[name], name),
        on_change=_begin_own,
    )
    stated = _own_prices() if chosen == _OWN else presets[chosen].prices
    st.session_state[_SHOWN] = stated
    objects = _choose_objects(dataset, objects_per_image) if stated.per_object else 1.0
    tip = _MONEY_HELP.format(MONEY_PER_HOUR)
    rate = linked_number("Money for an hour", 0.0, _MOST_MONEY, 0.0, "money_hour", step=1.0, help=tip)
    money = rate or (MONEY_PER_HOUR if stated.in_money else None)
    prices = stated.per_image(objects, money or MONEY_PER_HOUR)
    st.caption(_explained(presets.get(chosen), prices))
    return ChosenPrices(stated, prices, money)


def turn_price_ratio(chosen: ChosenPrices) -> None:
    """Show a slider for the price ratio; moving it makes the prices own ones, with the same price of a box."""
    ratio = chosen.per_image.mask_to_box
    st.session_state["price_ratio"] = min(max(round(ratio, 1), _LEAST_RATIO), _MOST_RATIO)
    st.slider(
        "Price ratio: boxes for one mask", _LEAST_RATIO, _MOST_RATIO, step=0.1, key="price_ratio",
        on_change=_set_ratio,
    )  # fmt: skip


def link_to_prices(prices: LabelPrices) -> dict[str, str]:
    """Return the parameters of a link to a page with these prices as own ones."""
    return {
        "prices": _OWN,
        "own_mask": f"{prices.mask:.10g}",
        "own_box": f"{prices.box:.10g}",
        "own_per": _PER_OBJECT if prices.per_object else _PER_IMAGE,
        "own_unit": _MONEY if prices.in_money else _SECONDS,
    }


def _presets_for(dataset: str) -> dict[str, PricePreset]:
    """Return the presets by their names in links; the paper's for the dataset comes first, as `_PAPER`."""
    presets = price_presets()
    own = prices_for(dataset).name.lower()
    return {_PAPER: presets[own], **{name: preset for name, preset in presets.items() if name != own}}


def _listed(preset: PricePreset, name: str) -> str:
    paper = "paper, " if name == _PAPER or not preset.per_object else ""
    mark = " (second-hand)" if preset.second_hand else ""
    return f"{paper}{preset.label}, {preset.ratio:.1f}:1{mark}"


def _explained(preset: PricePreset | None, prices: Prices) -> str:
    per_image = f"Per image: masks {prices.mask_seconds:,.1f} s, boxes {prices.box_seconds:,.1f} s."
    return f"{preset.sources()} {per_image}" if preset else per_image


def _own_prices() -> LabelPrices:
    left, right = st.columns(2)
    unit = linked_option("Prices in", [_SECONDS, _MONEY], _SECONDS, "own_unit", left)
    per = linked_option("for", [_PER_IMAGE, _PER_OBJECT], _PER_IMAGE, "own_per", right)
    mask_name, box_name = ("A mask", "A box") if per == _PER_OBJECT else ("Its masks", "Its boxes")
    left, right = st.columns(2)
    mask = linked_number(mask_name, _LEAST, _MOST, _FIRST_MASK, "own_mask", left)
    box = linked_number(box_name, _LEAST, _MOST, _FIRST_BOX, "own_box", right)
    return LabelPrices(box, mask, per == _PER_OBJECT, unit == _MONEY, "your prices")


def _choose_objects(dataset: str, counted: float | None) -> float:
    known = round(counted, 1) if counted else OBJECTS_PER_IMAGE.get(dataset.split(" (", maxsplit=1)[0])
    start = min(max(known or _GUESSED_OBJECTS, _LEAST_OBJECTS), _MOST_OBJECTS)
    label = "Objects in an image" if known else "Objects in an image (a guess: enter yours)"
    return linked_number(label, _LEAST_OBJECTS, _MOST_OBJECTS, start, f"objects_{start:g}", step=0.1)


def _begin_own() -> None:
    """Begin own prices with those that were shown."""
    if st.session_state["prices"] == _OWN:
        shown: LabelPrices = st.session_state[_SHOWN]
        _set_own(shown, shown.mask)


def _set_ratio() -> None:
    shown: LabelPrices = st.session_state[_SHOWN]
    st.session_state["prices"] = _OWN
    _set_own(shown, round(shown.box * st.session_state["price_ratio"], 4))


def _set_own(shown: LabelPrices, mask: float) -> None:
    st.session_state["own_box"], st.session_state["own_mask"] = shown.box, mask
    st.session_state["own_unit"] = _MONEY if shown.in_money else _SECONDS
    st.session_state["own_per"] = _PER_OBJECT if shown.per_object else _PER_IMAGE
