"""Claims about the datasets, the grids of splits and ratios of prices (Sec. 3 and 4.1)."""

from dataclasses import dataclass

import pandas as pd

from splitlab.budget.claims.claim import Claim, pick, splits, verdict
from splitlab.budget.cost import CITYSCAPES, PRESETS, VOC2012
from splitlab.budget.law import PAPER_CURVES
from splitlab.budget.planner import cheapest_point
from splitlab.budget.published import TRAINING_IMAGES, method_rows

_FULL = {"VOC2012": (200, 400, 800, 1464), "Cityscapes": (200, 400, 800, 1475)}
_WEAK = {"VOC2012": (0, 1000, 3000, 5000), "Cityscapes": (0, 1000, 2000)}
_SERIES = (("VOC2012", "YOLOv5"), ("VOC2012", "DETR"), ("Cityscapes", "YOLOv5"))
_CLASSES = ("person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle")
# Half of the last digit printed, and the last digits of a float.
_PRINTED = 0.0501


def claims_of_data_and_grids(table: pd.DataFrame) -> list[Claim]:
    """The claims of Sec. 3.1 and 4.1, in the paper's order."""
    return [
        _numbers_of_masks(table),
        _all_the_rest_in_prior_work(table),
        _numbers_of_boxes_on_voc(table),
        _numbers_of_boxes_on_cityscapes(table),
        _voc_images(table),
        _voc_box_images(table),
        _voc_scores(table),
        _cityscapes_images(table),
        _eight_classes(table),
        _cityscapes_scores(table),
    ]


def cost_from_table_1(table: pd.DataFrame) -> Claim:
    """Sec. 4.3: the printed costs follow from Table 1."""
    printed = table[table["cost_hours_printed"].notna()]
    off = printed[(printed["cost_hours"] - printed["cost_hours_printed"]).abs() > _PRINTED]
    told = "; ".join(
        f"{row['dataset']} {row['method']} {row['full']}/{row['weak']} prints {row['cost_hours_printed']:,.1f} h, "
        f"Table 1 gives {row['cost_hours']:,.1f} h"
        for _, row in off.iterrows()
    )
    return Claim(
        key="cost-from-table-1",
        section="4.3",
        statement="The labeling cost is calculated based on the statistics presented in Tab. 1.",
        verdict=verdict(len(off) < len(printed) / 10, exceptions=not off.empty),
        finding=f"{len(printed) - len(off)} of {len(printed)} printed costs are |F| mask prices + |W| box prices, "
        f"rounded to 0.1 h. {told}.",
        rows=off,
    )


def _sizes(rows: pd.DataFrame, column: str) -> str:
    return ", ".join(str(size) for size in sorted(rows[column].unique()))


def _numbers_of_masks(table: pd.DataFrame) -> Claim:
    told, exact = [], []
    for dataset, method in _SERIES:
        rows = method_rows(table, dataset, method)
        told.append(f"{method} on {dataset} has {_sizes(rows, 'full')}")
        exact.append(set(rows["full"]) == set(_FULL[dataset]))
    return Claim(
        key="numbers-of-masks",
        section="3.1",
        statement="|F| is 200, 400, 800 or 1464 for Pascal VOC 2012, and 200, 400, 800 or 1475 for Cityscapes.",
        verdict=verdict(any(exact), exceptions=not all(exact)),
        finding=f"In Tables 2 and 3 {'; '.join(told)}: DETR has no 200, and Cityscapes has 2975 besides.",
        rows=table.iloc[:0],
    )


def _all_the_rest_in_prior_work(table: pd.DataFrame) -> Claim:
    rows = table[table["group"] == "hybrid"]
    labelled = rows["full"] + rows["weak"]
    most = labelled.groupby(rows["dataset"]).transform("max")
    off = rows[labelled != most]
    short = ", ".join(
        f"{row['full']}/{row['weak']} ({row['full'] + row['weak']:,})"
        for _, row in off.drop_duplicates(["full", "weak"]).iterrows()
    )
    totals = " and ".join(f"{images:,} on {name}" for name, images in labelled.groupby(rows["dataset"]).max().items())
    return Claim(
        key="all-the-rest-in-prior-work",
        section="3.1",
        statement="In prior works the number of weak labels is the total size of the training dataset minus |F|.",
        verdict=verdict(len(off) < len(rows) / 2, exceptions=not off.empty),
        finding=f"In {len(rows) - len(off)} of {len(rows)} hybrid rows |F| + |W| is the same, {totals}; in "
        f"{short} it is less.",
        rows=rows,
    )


def _numbers_of_boxes_on_voc(table: pd.DataFrame) -> Claim:
    yolo, detr = (_grid(table, "VOC2012", method) for method in ("YOLOv5", "DETR"))
    return Claim(
        key="numbers-of-boxes-on-voc",
        section="3.1",
        statement="|W| is 0, 1000, 3000, 5000 or 10731 - |F| for Pascal VOC 2012.",
        verdict=verdict(not yolo.missing and not yolo.extra, exceptions=bool(detr.missing)),
        finding=f"YOLOv5 has all {len(yolo.there)} splits of this grid; DETR has {len(detr.there)} of them, none with "
        "|F| = 200 and none with |W| = 0.",
        rows=pd.concat([yolo.rows, detr.rows]),
    )


def _numbers_of_boxes_on_cityscapes(table: pd.DataFrame) -> Claim:
    grid, images = _grid(table, "Cityscapes", "YOLOv5"), TRAINING_IMAGES["Cityscapes"]
    impossible = [split for split in grid.missing if sum(split) > images]
    absent = [split for split in grid.missing if sum(split) <= images]
    return Claim(
        key="numbers-of-boxes-on-cityscapes",
        section="3.1",
        statement="|W| is 0, 1000, 2000 or 2975 - |F| for Cityscapes.",
        verdict=verdict(len(grid.missing) < len(grid.there) / 2, exceptions=bool(grid.missing or grid.extra)),
        finding=f"Table 3 has {len(grid.there)} of these {len(grid.there) + len(grid.missing)} splits: "
        f"{_in_words(absent)} is absent, {_in_words(impossible)} would need more than the {images:,} images there are. "
        f"{_in_words(grid.extra)} is no split of the grid.",
        rows=grid.rows,
    )


@dataclass(frozen=True, eq=False)
class _Grid:
    """The splits of Sec. 3.1 for a data set, beside those of a model's rows."""

    rows: pd.DataFrame
    there: list[tuple[int, int]]
    missing: list[tuple[int, int]]
    extra: list[tuple[int, int]]


def _grid(table: pd.DataFrame, dataset: str, method: str) -> _Grid:
    images, rows = TRAINING_IMAGES[dataset], method_rows(table, dataset, method)
    asked = {(full, weak) for full in _FULL[dataset] for weak in (*_WEAK[dataset], images - full)}
    found = set(zip(rows["full"].tolist(), rows["weak"].tolist(), strict=True))
    return _Grid(rows, sorted(asked & found), sorted(asked - found), sorted(found - asked))


def _in_words(pairs: list[tuple[int, int]]) -> str:
    return ", ".join(f"{full}/{weak}" for full, weak in pairs)


def _voc_images(table: pd.DataFrame) -> Claim:
    rows = method_rows(table, "VOC2012", "YOLOv5")
    return Claim(
        key="voc-images",
        section="4.1",
        statement="VOC2012 consists of 1464 training, 1449 validation and 1456 test images, with 20 object categories.",
        verdict=verdict(rows["full"].max() == 1464, exceptions=False),
        finding=f"The largest |F| of Table 2 is {rows['full'].max()}. The other counts stand in no table; they "
        "are those of the data set's own lists: 1,449 in val, 20 classes.",
        rows=table.iloc[:0],
    )


def _voc_box_images(table: pd.DataFrame) -> Claim:
    row, images = pick(table, "VOC2012", ("YOLOv5", 1464, 9267)), TRAINING_IMAGES["VOC2012"]
    labelled = int((row["full"] + row["weak"]).item())
    others = table[(table["dataset"] == "VOC2012") & (table["group"] == "weak/semi") & (table["weak"] > 0)]
    return Claim(
        key="voc-box-images",
        section="4.1",
        statement="VOC2012 includes 9,267 images with only bounding box annotations.",
        verdict=verdict(labelled == images, exceptions=False),
        finding=f"1,464 + 9,267 = {labelled:,}, the total of Sec. 3.1. The methods compared with box "
        f"{others['weak'].max():,} images, another list.",
        rows=row,
    )


def _voc_scores(table: pd.DataFrame) -> Claim:
    rows = pd.concat([method_rows(table, "VOC2012", method) for method in ("YOLOv5", "DETR")])
    complete = rows[["ap50", "ap70", "ap75"]].notna().all(axis="columns")
    off = rows[(rows["ap70"] > rows["ap50"]) | (rows["ap75"] > rows["ap70"])]
    return Claim(
        key="voc-scores",
        section="4.1",
        statement="Results on VOC2012 are reported with AP50, AP70 and AP75 on the validation set.",
        verdict=verdict(bool(complete.all()), exceptions=not off.empty),
        finding=f"All {len(rows)} of its own rows report the three. One cannot be right: DETR {splits(off)} prints "
        f"AP75 {off['ap75'].item()} above AP70 {off['ap70'].item()}.",
        rows=off,
    )


def _cityscapes_images(table: pd.DataFrame) -> Claim:
    row = pick(table, "Cityscapes", ("YOLOv5", 2975, 0))
    return Claim(
        key="cityscapes-images",
        section="4.1",
        statement="Cityscapes includes 2975 training, 500 validation and 1525 test images, annotated for 30 object "
        "classes.",
        verdict=verdict(row["full"].item() == TRAINING_IMAGES["Cityscapes"], exceptions=False),
        finding=f"Table 3 has a model with masks on all {row['full'].item()}; 2,975 + 500 + 1,525 = "
        f"{2975 + 500 + 1525:,}, the data set's finely annotated images.",
        rows=row,
    )


def _eight_classes(table: pd.DataFrame) -> Claim:
    return Claim(
        key="eight-classes",
        section="4.1",
        statement=f"Of Cityscapes 8 classes are used ({', '.join(_CLASSES)}).",
        verdict=verdict(len(_CLASSES) == 8, exceptions=False),
        finding=f"It lists {len(_CLASSES)}; Sec. 4.4 says 7.",
        rows=table.iloc[:0],
    )


def _cityscapes_scores(table: pd.DataFrame) -> Claim:
    rows = method_rows(table, "Cityscapes", "YOLOv5")
    complete = rows[["ap50", "ap50_95"]].notna().all(axis="columns")
    return Claim(
        key="cityscapes-scores",
        section="4.1",
        statement="Performance on Cityscapes is measured by AP50 and AP50:95 on the validation set.",
        verdict=verdict(bool(complete.all()), exceptions=False),
        finding=f"All {len(rows)} of its own rows report both.",
        rows=rows,
    )


_BEST_SPLITS = (("YOLOv5", 400, 5000), ("YOLOv5", 800, 5000), ("DETR", 800, 3000), ("DETR", 800, 5000))
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
    named = [f"1:{weak / full:g} ({method} {full}/{weak})" for method, full, weak in _BEST_SPLITS]
    ratios += [weak / full for _, full, weak in _BEST_SPLITS]
    rows.append(pick(table, "VOC2012", *_BEST_SPLITS))
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
