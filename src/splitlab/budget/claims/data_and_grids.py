"""Claims about the datasets, the grids of splits, ratios of prices and printed costs (Sec. 1 to 4.1)."""

from dataclasses import dataclass

import pandas as pd

from splitlab.budget.claims.claim import Checked, ClaimList, pick, splits, verdict
from splitlab.budget.cost import CITYSCAPES, PRESETS, VOC2012
from splitlab.budget.law import PAPER_CURVES
from splitlab.budget.planner import cheapest_point
from splitlab.budget.published import TRAINING_IMAGES, method_rows

DATA_AND_GRIDS = ClaimList()

_FULL = {"VOC2012": (200, 400, 800, 1464), "Cityscapes": (200, 400, 800, 1475)}
_WEAK = {"VOC2012": (0, 1000, 3000, 5000), "Cityscapes": (0, 1000, 2000)}
_SERIES = (("VOC2012", "YOLOv5"), ("VOC2012", "DETR"), ("Cityscapes", "YOLOv5"))
_CLASSES = ("person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle")
# Half of the last printed digit, and a tolerance for rounding errors.
_PRINTED = 0.0501

_BEST_SPLITS = (("YOLOv5", 400, 5000), ("YOLOv5", 800, 5000), ("DETR", 800, 3000), ("DETR", 800, 5000))
"""The splits of VOC2012 that Sec. 4.3 calls the best for their cost."""


@DATA_AND_GRIDS.add(
    "optimal-ratio",
    "1",
    "The optimal mask-to-box labeled data ratio for training segmentation models is approximately 1:4 ... 1:7.",
)
def _optimal_ratio(table: pd.DataFrame) -> Checked:
    ratios, words, rows = [], [], []
    for curve in PAPER_CURVES:
        point = cheapest_point(curve.law, PRESETS[curve.dataset], TRAINING_IMAGES[curve.dataset])
        ratios.append(point.weak / point.full)
        words.append(f"1:{ratios[-1]:.1f} for {curve.method} on {curve.dataset}")
        rows.append(pick(table, curve.dataset, *((curve.method, full, weak) for full, weak in curve.splits)))
    named = [f"1:{weak / full:g} ({method} {full}/{weak})" for method, full, weak in _BEST_SPLITS]
    ratios += [weak / full for _, full, weak in _BEST_SPLITS]
    rows.append(pick(table, "VOC2012", *_BEST_SPLITS))
    outside = sum(not 4 <= ratio <= 7 for ratio in ratios)
    finding = (
        f"The best splits of Sec. 4.3 have ratios of {', '.join(named)}. The cheapest points of its curves have ratios "
        f"of {', '.join(words)}: the ratio depends on the prices."
    )
    return verdict(outside < len(ratios), exceptions=outside > 0), finding, pd.concat(rows).drop_duplicates()


@DATA_AND_GRIDS.add(
    "mask-6.3-times-a-box",
    "2.2",
    "Annotating full masks in Pascal VOC takes approximately 6.3 times as long as bounding boxes.",
)
def _mask_to_box_price(table: pd.DataFrame) -> Checked:
    finding = f"239.7 s / 38.1 s = {VOC2012.mask_to_box:.2f}; on Cityscapes it is {CITYSCAPES.mask_to_box:.2f}."
    return verdict(round(VOC2012.mask_to_box, 1) == 6.3), finding, table.iloc[:0]


@DATA_AND_GRIDS.add(
    "numbers-of-masks",
    "3.1",
    "|F| is 200, 400, 800 or 1464 for Pascal VOC 2012, and 200, 400, 800 or 1475 for Cityscapes.",
)
def _numbers_of_masks(table: pd.DataFrame) -> Checked:
    sizes = {(dataset, method): method_rows(table, dataset, method)["full"].unique() for dataset, method in _SERIES}
    words = [f"{method} on {name} has {', '.join(map(str, sorted(sizes[name, method])))}" for name, method in sizes]
    exact = [set(found) == set(_FULL[dataset]) for (dataset, _), found in sizes.items()]
    finding = f"In Tables 2 and 3 {'; '.join(words)}: DETR has no 200, and Cityscapes has 2975 besides."
    return verdict(any(exact), exceptions=not all(exact)), finding, table.iloc[:0]


@DATA_AND_GRIDS.add(
    "all-the-rest-in-prior-work",
    "3.1",
    "In prior works the number of weak labels is the total size of the training dataset minus |F|.",
)
def _all_the_rest_in_prior_work(table: pd.DataFrame) -> Checked:
    rows = table[table["group"] == "hybrid"]
    labelled = rows["full"] + rows["weak"]
    most = labelled.groupby(rows["dataset"])
    off = rows[labelled != most.transform("max")]
    short = ", ".join(
        f"{full}/{weak} ({full + weak:,})"
        for full, weak in off[["full", "weak"]].drop_duplicates().itertuples(index=False)
    )
    totals = " and ".join(f"{images:,} on {name}" for name, images in most.max().items())
    finding = (
        f"In {len(rows) - len(off)} of {len(rows)} hybrid rows |F| + |W| is the same, {totals}; in {short} it is less."
    )
    return verdict(len(off) < len(rows) / 2, exceptions=not off.empty), finding, rows


@dataclass(frozen=True, eq=False)
class _Grid:
    """The splits of Sec. 3.1 for a dataset, compared with those of a model's rows."""

    rows: pd.DataFrame
    found: list[tuple[int, int]]
    missing: list[tuple[int, int]]
    extra: list[tuple[int, int]]


def _grid(table: pd.DataFrame, dataset: str, method: str) -> _Grid:
    images, rows = TRAINING_IMAGES[dataset], method_rows(table, dataset, method)
    expected = {(full, weak) for full in _FULL[dataset] for weak in (*_WEAK[dataset], images - full)}
    actual = set(zip(rows["full"].tolist(), rows["weak"].tolist(), strict=True))
    return _Grid(rows, sorted(expected & actual), sorted(expected - actual), sorted(actual - expected))


def _in_words(pairs: list[tuple[int, int]]) -> str:
    return ", ".join(f"{full}/{weak}" for full, weak in pairs)


@DATA_AND_GRIDS.add("numbers-of-boxes-on-voc", "3.1", "|W| is 0, 1000, 3000, 5000 or 10731 - |F| for Pascal VOC 2012.")
def _numbers_of_boxes_on_voc(table: pd.DataFrame) -> Checked:
    yolo, detr = (_grid(table, "VOC2012", method) for method in ("YOLOv5", "DETR"))
    finding = (
        f"YOLOv5 has all {len(yolo.found)} splits of this grid; DETR has {len(detr.found)} of them, none with |F| = "
        "200 and none with |W| = 0."
    )
    holds = not yolo.missing and not yolo.extra
    return verdict(holds, exceptions=bool(detr.missing)), finding, pd.concat([yolo.rows, detr.rows])


@DATA_AND_GRIDS.add("numbers-of-boxes-on-cityscapes", "3.1", "|W| is 0, 1000, 2000 or 2975 - |F| for Cityscapes.")
def _numbers_of_boxes_on_cityscapes(table: pd.DataFrame) -> Checked:
    grid, images = _grid(table, "Cityscapes", "YOLOv5"), TRAINING_IMAGES["Cityscapes"]
    impossible = [split for split in grid.missing if sum(split) > images]
    absent = [split for split in grid.missing if sum(split) <= images]
    finding = (
        f"Table 3 has {len(grid.found)} of these {len(grid.found) + len(grid.missing)} splits: {_in_words(absent)} is "
        f"absent, {_in_words(impossible)} would need more than the {images:,} images. {_in_words(grid.extra)} is not "
        "in the grid."
    )
    holds = len(grid.missing) < len(grid.found) / 2
    return verdict(holds, exceptions=bool(grid.missing or grid.extra)), finding, grid.rows


@DATA_AND_GRIDS.add(
    "voc-images",
    "4.1",
    "VOC2012 consists of 1464 training, 1449 validation and 1456 test images, with 20 object categories.",
)
def _voc_images(table: pd.DataFrame) -> Checked:
    largest = method_rows(table, "VOC2012", "YOLOv5")["full"].max()
    finding = (
        f"The largest |F| of Table 2 is {largest}. The other counts are not in any table; they are those of the "
        "dataset's own lists: 1,449 in val, 20 classes."
    )
    return verdict(largest == 1464), finding, table.iloc[:0]


@DATA_AND_GRIDS.add("voc-box-images", "4.1", "VOC2012 includes 9,267 images with only bounding box annotations.")
def _voc_box_images(table: pd.DataFrame) -> Checked:
    row = pick(table, "VOC2012", ("YOLOv5", 1464, 9267))
    labelled = int((row["full"] + row["weak"]).item())
    others = table[(table["dataset"] == "VOC2012") & (table["group"] == "weak/semi") & (table["weak"] > 0)]
    finding = (
        f"1,464 + 9,267 = {labelled:,}, the total of Sec. 3.1. The other methods use boxes on "
        f"{others['weak'].max():,} images, a different list."
    )
    return verdict(labelled == TRAINING_IMAGES["VOC2012"]), finding, row


@DATA_AND_GRIDS.add(
    "voc-scores", "4.1", "Results on VOC2012 are reported with AP50, AP70 and AP75 on the validation set."
)
def _voc_scores(table: pd.DataFrame) -> Checked:
    rows = pd.concat([method_rows(table, "VOC2012", method) for method in ("YOLOv5", "DETR")])
    complete = bool(rows[["ap50", "ap70", "ap75"]].notna().all(axis=None))
    off = rows[(rows["ap70"] > rows["ap50"]) | (rows["ap75"] > rows["ap70"])]
    finding = (
        f"All {len(rows)} of its own rows report the three. One cannot be right: DETR {splits(off)} prints AP75 "
        f"{off['ap75'].item()} above AP70 {off['ap70'].item()}."
    )
    return verdict(complete, exceptions=not off.empty), finding, off


@DATA_AND_GRIDS.add(
    "cityscapes-images",
    "4.1",
    "Cityscapes includes 2975 training, 500 validation and 1525 test images, annotated for 30 object classes.",
)
def _cityscapes_images(table: pd.DataFrame) -> Checked:
    row = pick(table, "Cityscapes", ("YOLOv5", 2975, 0))
    finding = (
        f"Table 3 has a model with masks on all {row['full'].item()}; 2,975 + 500 + 1,525 = {2975 + 500 + 1525:,}, the "
        "dataset's finely annotated images."
    )
    return verdict(row["full"].item() == TRAINING_IMAGES["Cityscapes"]), finding, row


@DATA_AND_GRIDS.add("eight-classes", "4.1", f"Of Cityscapes 8 classes are used ({', '.join(_CLASSES)}).")
def _eight_classes(table: pd.DataFrame) -> Checked:
    return verdict(len(_CLASSES) == 8), f"It lists {len(_CLASSES)}; Sec. 4.4 says 7.", table.iloc[:0]


@DATA_AND_GRIDS.add(
    "cityscapes-scores", "4.1", "Performance on Cityscapes is measured by AP50 and AP50:95 on the validation set."
)
def _cityscapes_scores(table: pd.DataFrame) -> Checked:
    rows = method_rows(table, "Cityscapes", "YOLOv5")
    complete = bool(rows[["ap50", "ap50_95"]].notna().all(axis=None))
    return verdict(complete), f"All {len(rows)} of its own rows report both.", rows


@DATA_AND_GRIDS.add(
    "cost-from-table-1", "4.3", "The labeling cost is calculated based on the statistics presented in Tab. 1."
)
def _cost_from_table_1(table: pd.DataFrame) -> Checked:
    printed = table[table["cost_hours_printed"].notna()]
    off = printed[(printed["cost_hours"] - printed["cost_hours_printed"]).abs() > _PRINTED]
    words = "; ".join(
        f"{row['dataset']} {row['method']} {row['full']}/{row['weak']} prints {row['cost_hours_printed']:,.1f} h, "
        f"Table 1 gives {row['cost_hours']:,.1f} h"
        for _, row in off.iterrows()
    )
    finding = (
        f"{len(printed) - len(off)} of {len(printed)} printed costs are |F| mask prices + |W| box prices, rounded to "
        f"0.1 h. {words}."
    )
    return verdict(len(off) < len(printed) / 10, exceptions=not off.empty), finding, off
