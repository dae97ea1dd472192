"""The `cost` and `prices` commands, and the options that set prices."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from splitlab.budget.cost import Prices, cost_hours, mask_share, preset
from splitlab.budget.label_prices import (
    MONEY_PER_HOUR,
    OBJECTS_PER_IMAGE,
    LabelPrices,
    checked_rate,
    price_figures,
    price_preset,
    price_presets,
)
from splitlab.cli.output import JsonOption, app, out, print_json
from splitlab.errors import BudgetError

DatasetOption = Annotated[str, typer.Option(help="Use the prices and results of voc2012 or cityscapes.")]
PricesOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Use these label prices; `splitlab prices` lists them.")
]
BoxOption = Annotated[float | None, typer.Option(help="Your own seconds for the boxes of one image.")]
MaskOption = Annotated[float | None, typer.Option(help="Your own seconds for the masks of one image.")]
BoxMoneyOption = Annotated[float | None, typer.Option(help="Your own price in money for the boxes of one image.")]
MaskMoneyOption = Annotated[float | None, typer.Option(help="Your own price in money for the masks of one image.")]
ObjectsOption = Annotated[
    float | None, typer.Option("--instances-per-image", help="Objects in an image, if prices are for one object.")
]
RateOption = Annotated[
    float | None, typer.Option(help=f"Money for an hour of labelling; for prices in money {MONEY_PER_HOUR:g}.")
]


@dataclass(frozen=True)
class PriceOptions:
    """The options that set prices, as given; None where an option is missing.

    Attributes:
        dataset: Dataset of Table 1 whose prices are used where no others are given.
        name: Name of a preset.
        box_seconds: Seconds for the boxes of one image, or for a box.
        mask_seconds: Seconds for the masks of one image, or for a mask.
        box_money: The same in money.
        mask_money: The same in money.
        instances: Objects in an image; makes own prices those of one object.
        money_per_hour: Money for an hour of labelling.
    """

    dataset: str
    name: str | None = None
    box_seconds: float | None = None
    mask_seconds: float | None = None
    box_money: float | None = None
    mask_money: float | None = None
    instances: float | None = None
    money_per_hour: float | None = None

    def prices(self) -> Prices:
        """Return the prices in seconds per image; those of the dataset where an option is missing.

        Raises:
            BudgetError: The dataset or the preset is unknown, a price is not above 0, or options contradict each other.
        """
        known = preset(self.dataset)
        if self.name is not None:
            return self._of_preset(self.name, known.name)
        if self._has_money:
            return self._in_money()
        if self.instances is not None:
            if self.box_seconds is None or self.mask_seconds is None:
                raise BudgetError(
                    "--instances-per-image needs prices of one object: add --box-seconds, --mask-seconds."
                )
            return Prices.per_instance(self.box_seconds, self.mask_seconds, self.instances)
        if self.box_seconds is None and self.mask_seconds is None:
            return known
        return Prices(
            known.box_seconds if self.box_seconds is None else self.box_seconds,
            known.mask_seconds if self.mask_seconds is None else self.mask_seconds,
            "own prices"
            if None not in (self.box_seconds, self.mask_seconds)
            else f"one own price, one of {known.name}",
        )

    def rate(self) -> float | None:
        """Return the money for an hour; None if money plays no part.

        Raises:
            BudgetError: It is not above 0.
        """
        if self.money_per_hour is not None:
            return checked_rate(self.money_per_hour)
        sold = self.name is not None and price_preset(self.name).prices.in_money
        return MONEY_PER_HOUR if sold or self._has_money else None

    @property
    def _has_money(self) -> bool:
        return self.box_money is not None or self.mask_money is not None

    @property
    def _has_seconds(self) -> bool:
        return self.box_seconds is not None or self.mask_seconds is not None

    def _of_preset(self, name: str, dataset: str) -> Prices:
        if self._has_money or self._has_seconds:
            raise BudgetError("Give either --prices or prices of your own, such as --box-seconds 7 --mask-seconds 14.")
        stated = price_preset(name).prices
        objects = OBJECTS_PER_IMAGE[dataset] if self.instances is None else self.instances
        return stated.per_image(objects, self.rate() or MONEY_PER_HOUR)

    def _in_money(self) -> Prices:
        if self.box_money is None or self.mask_money is None or self._has_seconds:
            raise BudgetError("Prices in money need both, and no seconds: --box-money 0.06 --mask-money 0.85.")
        stated = LabelPrices(self.box_money, self.mask_money, self.instances is not None, in_money=True)
        return stated.per_image(1.0 if self.instances is None else self.instances, self.rate() or MONEY_PER_HOUR)


@app.command(epilog="Example: `splitlab cost --dataset voc2012 --full 400 --weak 5000 --json`")
def cost(
    full: Annotated[int, typer.Option(help="|F|: images with masks.")],
    weak: Annotated[int, typer.Option(help="|W|: images with boxes only.")] = 0,
    dataset: DatasetOption = "voc2012",
    prices: PricesOption = None,
    box_seconds: BoxOption = None,
    mask_seconds: MaskOption = None,
    box_money: BoxMoneyOption = None,
    mask_money: MaskMoneyOption = None,
    instances: ObjectsOption = None,
    money_per_hour: RateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the annotation cost of a split in hours, and the share of it that masks take."""
    given = PriceOptions(dataset, prices, box_seconds, mask_seconds, box_money, mask_money, instances, money_per_hour)
    own, rate = given.prices(), given.rate()
    hours, share = cost_hours(float(full), float(weak), own), mask_share(full, weak, own)
    if as_json:
        content = {"hours": round(hours, 1), "mask_share": round(share, 4), "full": full, "weak": weak, **asdict(own)}
        print_json(content | money_in_json(hours, rate))
    else:
        money = money_in_words(hours, rate)
        out.print(f"{full}/{weak}: {hours:,.1f} hours{money}, {share:.0%} of them on masks ({own.name}).")


def money_in_words(hours: float, rate: float | None) -> str:
    """Return what hours cost, to follow them in a sentence; empty without a rate."""
    return "" if rate is None else f" ({hours * rate:,.0f} in money, at {rate:,g} an hour)"


def money_in_json(hours: float, rate: float | None) -> dict[str, float]:
    """Return what hours cost, for JSON; empty without a rate."""
    return {} if rate is None else {"money": round(hours * rate, 2), "money_per_hour": rate}


@app.command(epilog="Examples: `splitlab prices` · `splitlab prices --all --json`")
def prices(
    every: Annotated[bool, typer.Option("--all", help="List every figure, not only the presets.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List label prices that others measured or charge, with their sources; `--prices NAME` uses one."""
    if every:
        figures = price_figures().values()
        if as_json:
            print_json([asdict(figure) for figure in figures])
        else:
            for figure in figures:
                out.print(f"{figure.id}: {figure.in_words()}. Read in: {figure.seen_in}.", soft_wrap=True)
        return
    presets = price_presets().values()
    if as_json:
        print_json([{**asdict(one), "price_ratio": round(one.ratio, 2)} for one in presets])
        return
    for one in presets:
        out.print(f"{one.name}: a mask costs {one.ratio:.1f} boxes. {one.sources()}", soft_wrap=True)
