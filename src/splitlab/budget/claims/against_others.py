"""Sec. 4.3, comparison with the state of the art."""

import pandas as pd

from splitlab.budget.claims.claim import Checked, ClaimList, pick, verdict
from splitlab.budget.published import method_rows
from splitlab.shown_numbers import rounded, shown

AGAINST_OTHERS = ClaimList()
_SAME_COST = 0.10
"""Costs that differ by at most this share count as the same."""


def _margins(rows: pd.DataFrame, metric: str) -> list[float]:
    return [rounded(float(rows[metric].iloc[0] - ap)) for ap in rows[metric].iloc[1:]]


def _in_words(rows: pd.DataFrame, metric: str) -> str:
    first, others = rows[metric].iloc[0], rows[metric].iloc[1:]
    named = zip(others, rows["method"].iloc[1:], strict=True)
    return "; ".join(f"{first} - {ap} = {shown(first - ap)} ({method})" for ap, method in named)


@AGAINST_OTHERS.add(
    "yolo-over-full-supervision",
    "4.3",
    "YOLO-1464/9267 surpasses the fully supervised Mask R-CNN, CenterMask and YOLACT by 8.1, 5.7 and 2.6 in AP70.",
)
def _margins_over_full_supervision(table: pd.DataFrame) -> Checked:
    others = [(method, 10582, 0) for method in ("Mask R-CNN", "Center-mask", "YOLACT")]
    rows = pick(table, "VOC2012", ("YOLOv5", 1464, 9267), *others)
    return verdict(_margins(rows, "ap70") == [8.1, 5.7, 2.6]), f"{_in_words(rows, 'ap70')}.", rows


@AGAINST_OTHERS.add("yolo-3.5-times-cheaper", "4.3", "It does so while reducing labeling costs by 3.5 times.")
def _cost_below_full_supervision(table: pd.DataFrame) -> Checked:
    rows = pick(table, "VOC2012", ("YOLOv5", 1464, 9267), ("Mask R-CNN", 10582, 0))
    ours, theirs = rows["cost_hours"]
    times = theirs / ours
    finding = f"{theirs:,.1f} h / {ours:,.1f} h = {shown(times)} times: a little more than the paper says."
    return verdict(times >= 3.5, exceptions=round(times, 1) != 3.5), finding, rows


@AGAINST_OTHERS.add(
    "yolo-over-weak-supervision",
    "4.3",
    "Under the same labeling cost, YOLO-800/5000 outperforms LACI, BBAM and Box2Mask_T by 20, 14 and 2.7 in AP70.",
)
def _margins_over_boxes_alone(table: pd.DataFrame) -> Checked:
    others = [(method, 0, 10582) for method in ("LACI", "BBAM", "Box2Mask-T")]
    rows = pick(table, "VOC2012", ("YOLOv5", 800, 5000), *others)
    ours, theirs = rows["cost_hours"].iloc[:2]
    same_cost = abs(theirs / ours - 1) <= _SAME_COST
    finding = f"{_in_words(rows, 'ap70')}; it costs {ours:,.1f} h, they cost {theirs:,.1f} h."
    return verdict(_margins(rows, "ap70") == [20.0, 14.0, 2.7] and same_cost), finding, rows


@AGAINST_OTHERS.add(
    "yolo-over-hybrids",
    "4.3",
    "It also outperforms Hybrid Mask R-CNN and CenterMask across all data splits, while being cheaper to label.",
)
def _better_than_hybrids(table: pd.DataFrame) -> Checked:
    ours = pick(table, "VOC2012", ("YOLOv5", 800, 5000))
    hybrids = table[(table["dataset"] == "VOC2012") & (table["group"] == "hybrid")]
    best, cheapest = hybrids["ap70"].max(), hybrids["cost_hours"].min()
    ap, cost = ours["ap70"].item(), ours["cost_hours"].item()
    finding = (
        f"AP70 {ap} against {best} for the best of {len(hybrids)}; {cost:,.1f} h against {cheapest:,.1f} h for the "
        "cheapest."
    )
    return verdict(ap > best and cost < cheapest), finding, pd.concat([ours, hybrids])


@AGAINST_OTHERS.add(
    "yolo-on-cityscapes",
    "4.3",
    "YOLO-200/1000 outperforms WSSPS, Ubteacher-297/0 and Noisy Boundaries-297/0 by 10.3, 7.3 and 5.2 in AP50:95, "
    "while maintaining the same labeling cost.",
)
def _margins_on_cityscapes(table: pd.DataFrame) -> Checked:
    others = [("WSSPS", 0, 2975), ("Ubteacher", 297, 0), ("Noisy Boundaries", 297, 0)]
    rows = pick(table, "Cityscapes", ("YOLOv5", 200, 1000), *others)
    costs = rows["cost_hours"]
    same_cost = bool((costs / costs.iloc[0] - 1).abs().max() <= _SAME_COST)
    finding = (
        f"{_in_words(rows, 'ap50_95')}; the costs are {', '.join(f'{cost:,.1f}' for cost in costs)} h, so WSSPS is "
        f"{1 - costs.iloc[1] / costs.iloc[0]:.0%} cheaper."
    )
    return verdict(_margins(rows, "ap50_95") == [10.3, 7.3, 5.2] and same_cost), finding, rows


@AGAINST_OTHERS.add(
    "yolo-near-center-mask",
    "4.3",
    "YOLO-1475/1500 achieves 33.3 AP50:95, nearly matching the fully supervised CenterMask (34.7) and outperforming "
    "both PANet (31.8) and Mask R-CNN (31.5).",
)
def _near_center_mask(table: pd.DataFrame) -> Checked:
    others = [(method, 2975, 0) for method in ("Center-mask", "PANet", "Mask-R-CNN")]
    rows = pick(table, "Cityscapes", ("YOLOv5", 1475, 1500), *others)
    below, over_panet, over_rcnn = _margins(rows, "ap50_95")
    as_printed = rows["ap50_95"].tolist() == [33.3, 34.7, 31.8, 31.5]
    finding = f"It is {-below} AP below CenterMask, {over_panet} above PANet and {over_rcnn} above Mask R-CNN."
    return verdict(as_printed and min(over_panet, over_rcnn) > 0), finding, rows


@AGAINST_OTHERS.add("yolo-half-the-cost", "4.3", "It does so while reducing labeling costs by half.")
def _half_the_cost(table: pd.DataFrame) -> Checked:
    rows = pick(table, "Cityscapes", ("YOLOv5", 1475, 1500), ("Center-mask", 2975, 0))
    ours, theirs = rows["cost_hours"]
    share = ours / theirs
    finding = f"{ours:,.1f} h of {theirs:,.1f} h are {share:.0%}: {1 - share:.0%} less, somewhat short of half."
    return verdict(abs(share - 0.5) <= _SAME_COST, exceptions=share > 0.5), finding, rows


@AGAINST_OTHERS.add("detr-below-yolo", "4.3", "Notably, DETR performs significantly worse than YOLO.")
def _detr_below_yolo(table: pd.DataFrame) -> Checked:
    detr, yolo = method_rows(table, "VOC2012", "DETR"), method_rows(table, "VOC2012", "YOLOv5")
    pairs = detr.merge(yolo, on=["full", "weak"], suffixes=("_detr", "_yolo"))
    gaps = pairs["ap70_yolo"] - pairs["ap70_detr"]
    finding = (
        f"On all {len(gaps)} splits that both were trained on, DETR is {shown(gaps.min())} to {shown(gaps.max())} AP70 "
        "lower."
    )
    return verdict(bool((gaps > 0).all())), finding, pd.concat([detr, yolo])


@AGAINST_OTHERS.add(
    "training-resolution",
    "4.3",
    "DETR requires higher training resolutions (800 pixels versus YOLO's 512 pixels).",
)
def _training_resolution(table: pd.DataFrame) -> Checked:
    finding = "Sec. 4.2 gives 800 for DETR and 512 for YOLO on VOC2012, where DETR was trained (1,024 on Cityscapes)."
    return "holds", finding, table.iloc[:0]
