"""The `cost` command, and the options that set prices."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from splitlab.budget.cost import Prices, cost_hours, mask_share, preset
from splitlab.cli.output import JsonOption, app, out, print_json
from splitlab.errors import BudgetError

DatasetOption = Annotated[str, typer.Option(help="Use the prices and results of voc2012 or cityscapes.")]
BoxOption = Annotated[float | None, typer.Option(help="Your own seconds for the boxes of one image.")]
MaskOption = Annotated[float | None, typer.Option(help="Your own seconds for the masks of one image.")]
ObjectsOption = Annotated[
    float | None, typer.Option("--instances-per-image", help="Objects in an image, if your seconds are for one object.")
]


@app.command(epilog="Example: `splitlab cost --dataset voc2012 --full 400 --weak 5000 --json`")
def cost(
    full: Annotated[int, typer.Option(help="|F|: images with masks.")],
    weak: Annotated[int, typer.Option(help="|W|: images with boxes only.")] = 0,
    dataset: DatasetOption = "voc2012",
    box_seconds: BoxOption = None,
    mask_seconds: MaskOption = None,
    instances: ObjectsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the annotation cost of a split in hours, and the share of it that masks take."""
    prices = prices_of(dataset, box_seconds, mask_seconds, instances)
    hours, share = cost_hours(float(full), float(weak), prices), mask_share(full, weak, prices)
    if as_json:
        print_json(
            {"hours": round(hours, 1), "mask_share": round(share, 4), "full": full, "weak": weak, **asdict(prices)}
        )
    else:
        out.print(f"{full}/{weak}: {hours:,.1f} hours, {share:.0%} of them on masks ({prices.name}).")


def prices_of(dataset: str, box_seconds: float | None, mask_seconds: float | None, instances: float | None) -> Prices:
    """Return the prices that the options ask for; those of the dataset where an option is missing.

    Raises:
        BudgetError: the dataset has no prices, a price is not above 0, or `instances` is given without both prices.
    """
    known = preset(dataset)
    if instances is not None:
        if box_seconds is None or mask_seconds is None:
            raise BudgetError("--instances-per-image needs prices of one object: add --box-seconds, --mask-seconds.")
        return Prices.per_instance(box_seconds, mask_seconds, instances)
    if box_seconds is None and mask_seconds is None:
        return known
    return Prices(
        known.box_seconds if box_seconds is None else box_seconds,
        known.mask_seconds if mask_seconds is None else mask_seconds,
        "own prices" if None not in (box_seconds, mask_seconds) else f"one own price, one of {known.name}",
    )
