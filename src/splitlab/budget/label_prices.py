"""What others measured or charge for labels, presets of masks and boxes made of it, and prices as you state them.

Importing this module does not import numpy: `splitlab cost` must start quickly.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from splitlab.budget.cost import Prices
from splitlab.errors import BudgetError

SECONDS = "seconds"
MONEY_PER_HOUR = 8.0
"""Money for an hour of labelling where none is stated: the lowest list price in the shipped table (USD, Labelbox)."""

OBJECTS_PER_IMAGE: Mapping[str, float] = MappingProxyType({"VOC2012": 2.8, "Cityscapes": 17.5})
"""Mean number of objects in an image, derived from Table 1.

On both datasets its two prices are a fixed time plus 7 s (a box) or 79 s (a mask) for each object: 239.7 - 38.1 = 2.8 *
72 on VOC2012, and 1387.5 - 127.5 = 17.5 * 72 on Cityscapes.
"""

_SECONDS_PER_HOUR = 3600.0
_TABLES = files("splitlab.budget") / "tables"


@dataclass(frozen=True)
class PriceFigure:
    """A published figure: what one label takes or costs.

    Attributes:
        id: Short name.
        label: What is drawn, and how.
        per: What the figure is for, such as "object".
        unit: `SECONDS`, or a currency.
        low: The figure, or the lower end of its range.
        high: The upper end; equal to `low` if it is no range.
        year: Year of the source.
        source: Who measured or charges it.
        seen_in: Where the figure was read.
        second_hand: Whether it was read elsewhere than in its source, or derived from such a figure.
    """

    id: str
    label: str
    per: str
    unit: str
    low: float
    high: float
    year: int
    source: str
    seen_in: str
    second_hand: bool

    @property
    def middle(self) -> float:
        """The middle of its range."""
        return round((self.low + self.high) / 2, 6)

    def in_words(self) -> str:
        """Say the figure, its source and year, and whether it is second-hand."""
        number = f"{self.low:g}" if self.low == self.high else f"{self.low:g} to {self.high:g}"
        unit = "s" if self.unit == SECONDS else self.unit
        mark = ", second-hand" if self.second_hand else ""
        return f"{self.label}: {number} {unit} per {self.per} ({self.source}, {self.year}{mark})"


@cache
def price_figures() -> Mapping[str, PriceFigure]:
    """Return the shipped figures by id: seconds of annotators first, then list prices of sellers."""
    timed = [_figure(row, SECONDS, row["seconds"], row["seconds"]) for row in _rows("label_prices.csv")]
    sold = [_figure(row, row["currency"], row["low"], row["high"]) for row in _rows("market_prices.csv")]
    return MappingProxyType({figure.id: figure for figure in (*timed, *sold)})


def _rows(table: str) -> list[dict[str, str]]:
    return list(csv.DictReader((_TABLES / table).read_text(encoding="utf-8").splitlines()))


def _figure(row: dict[str, str], unit: str, low: str, high: str) -> PriceFigure:
    return PriceFigure(
        id=row["id"],
        label=row["label"],
        per=row["per"],
        unit=unit,
        low=float(low),
        high=float(high),
        year=int(row["year"]),
        source=row["source"],
        seen_in=row["seen_in"],
        second_hand=row["second_hand"] == "yes",
    )


@dataclass(frozen=True)
class LabelPrices:
    """What boxes and masks cost, as somebody states it.

    Attributes:
        box: Price of a box, or of the boxes of one image: seconds, or money if `in_money`.
        mask: Price of a mask, or of the masks of one image, in the same unit.
        per_object: Whether the prices are for one object rather than for all objects of an image.
        in_money: Whether they are amounts of money rather than seconds.
        name: Name of these prices, for legends and reports.

    Raises:
        BudgetError: If a price is not a positive, finite number.
    """

    box: float
    mask: float
    per_object: bool = False
    in_money: bool = False
    name: str = "own prices"

    def __post_init__(self) -> None:
        for label, price in (("box", self.box), ("mask", self.mask)):
            if not (math.isfinite(price) and price > 0):
                unit = "money" if self.in_money else "seconds"
                raise BudgetError(f"the price of a {label} is {price}: give {unit} as a number above 0.")

    def per_image(self, objects_per_image: float = 1.0, money_per_hour: float = MONEY_PER_HOUR) -> Prices:
        """Return the prices in seconds per image, which budgets and plans use.

        Money is converted to the time it pays for. The rate decides the hours that are shown, but no split: it scales
        both prices and a budget of money alike.

        Args:
            objects_per_image: Mean number of objects in an image; used only for prices of an object.
            money_per_hour: Money for an hour of labelling; used only for prices in money.

        Raises:
            BudgetError: If one of them is not a positive, finite number.
        """
        scale = _SECONDS_PER_HOUR / checked_rate(money_per_hour) if self.in_money else 1.0
        box, mask = self.box * scale, self.mask * scale
        if self.per_object:
            return Prices.per_instance(box, mask, objects_per_image, self.name)
        return Prices(box, mask, self.name)


def checked_rate(money_per_hour: float) -> float:
    """Return the money for an hour of labelling.

    Raises:
        BudgetError: If it is not a positive, finite number.
    """
    if not (math.isfinite(money_per_hour) and money_per_hour > 0):
        raise BudgetError(f"{money_per_hour} for an hour of labelling: give the money as a number above 0, such as 15.")
    return money_per_hour


@dataclass(frozen=True)
class PricePreset:
    """A pair of published figures, one for boxes and one for masks.

    Attributes:
        name: Name on the command line and in links.
        label: Name in lists.
        box: What is paid for a box.
        mask: What is paid for a mask.
        per_object: Whether both are for one object rather than for all objects of an image.
    """

    name: str
    label: str
    box: PriceFigure
    mask: PriceFigure
    per_object: bool = True

    @property
    def prices(self) -> LabelPrices:
        """The prices: the middle of a range."""
        in_money = self.mask.unit != SECONDS
        return LabelPrices(self.box.middle, self.mask.middle, self.per_object, in_money, self.label)

    @property
    def ratio(self) -> float:
        """How many boxes cost as much as one mask."""
        return self.mask.middle / self.box.middle

    @property
    def second_hand(self) -> bool:
        """Whether one of its figures is second-hand."""
        return self.box.second_hand or self.mask.second_hand

    def sources(self) -> str:
        """Say where its prices come from."""
        return f"Mask: {self.mask.in_words()}. Box: {self.box.in_words()}."


_PAIRS = (
    ("voc2012", "VOC2012", "box-voc", "mask-voc"),
    ("cityscapes", "Cityscapes", "box-cityscapes", "mask-cityscapes"),
    ("coco-polygon", "COCO polygon, verified box", "box-ilsvrc", "mask-coco"),
    ("extreme-clicks", "polygon, box by extreme clicks", "box-extreme", "mask-coco"),
    ("sam", "SAM-assisted mask", "box-extreme", "sam1"),
    ("verify", "verified mask proposal", "box-extreme", "sam-prelabel-agri"),
    ("google", "Google Cloud, 2020", "google-box", "google-polygon"),
    ("welabeldata", "WeLabelData", "welabeldata-box", "welabeldata-mask"),
    ("ai-taggers", "AI Taggers (AUD)", "ai-taggers-box", "ai-taggers-mask"),
)
_PAPER = ("voc2012", "cityscapes")


@cache
def price_presets() -> Mapping[str, PricePreset]:
    """Return the presets by name: Table 1 of the paper, ways of drawing, sellers."""
    figures = price_figures()
    return MappingProxyType(
        {
            name: PricePreset(name, label, figures[box], figures[mask], per_object=name not in _PAPER)
            for name, label, box, mask in _PAIRS
        }
    )


def price_preset(name: str) -> PricePreset:
    """Return a preset; the case of its name does not matter.

    Raises:
        BudgetError: If there is no such preset.
    """
    presets = price_presets()
    if name.strip().lower() not in presets:
        raise BudgetError(f"no label prices named {name[:40]!r}: choose one of {', '.join(presets)}.")
    return presets[name.strip().lower()]
