"""Sec. 1 and 2.2: the two ratios of masks to boxes that the experiments are to bear out."""

import pandas as pd

from splitlab.budget.annotation_cost import CITYSCAPES, PRESETS, VOC2012
from splitlab.budget.cheapest_point import cheapest_point
from splitlab.budget.claims.claim import Claim, verdict
from splitlab.budget.claims.lookup import pick
from splitlab.budget.equiscore import PAPER_CURVES
from splitlab.budget.published import TRAINING_IMAGES

BEST_SPLITS = (("YOLOv5", 400, 5000), ("YOLOv5", 800, 5000), ("DETR", 800, 3000), ("DETR", 800, 5000))
"""The splits of VOC2012 that Sec. 4.3 names as the best for their cost."""


def claims_of_ratios(table: pd.DataFrame) -> list[Claim]:
    """The two claims, in the paper's order."""
    return [_optimal_ratio(table), _mask_to_box_price(table)]


def _optimal_ratio(table: pd.DataFrame) -> Claim:
    ratios, words, rows = [], [], []
    for curve in PAPER_CURVES:
        point = cheapest_point(curve.law, PRESETS[curve.dataset], TRAINING_IMAGES[curve.dataset])
        ratios.append(point.weak / point.full)
        words.append(f"1:{ratios[-1]:.1f} for {curve.method} on {curve.dataset}")
        rows.append(pick(table, curve.dataset, *((curve.method, full, weak) for full, weak in curve.splits)))
    named = [f"1:{weak / full:g} ({method} {full}/{weak})" for method, full, weak in BEST_SPLITS]
    ratios += [weak / full for _, full, weak in BEST_SPLITS]
    rows.append(pick(table, "VOC2012", *BEST_SPLITS))
    outside = sum(not 4 <= ratio <= 7 for ratio in ratios)
    return Claim(
        key="optimal-ratio",
        section="1",
        statement="The optimal mask-to-box labeled data ratio for training segmentation models is approximately 1:4 "
        "... 1:7.",
        verdict=verdict(outside < len(ratios), exceptions=outside > 0),
        finding=f"The splits it calls best in Sec. 4.3 lie at {', '.join(named)}. The cheapest points of its curves "
        f"lie at {', '.join(words)}: the ratio follows the prices.",
        rows=pd.concat(rows).drop_duplicates(),
    )


def _mask_to_box_price(table: pd.DataFrame) -> Claim:
    return Claim(
        key="mask-6.3-times-a-box",
        section="2.2",
        statement="Annotating full masks in Pascal VOC takes approximately 6.3 times as long as bounding boxes.",
        verdict=verdict(round(VOC2012.mask_to_box, 1) == 6.3, exceptions=False),
        finding=f"239.7 s / 38.1 s = {VOC2012.mask_to_box:.2f}; on Cityscapes it is {CITYSCAPES.mask_to_box:.2f}.",
        rows=table.iloc[:0],
    )
