"""Sec. 4.3, search for the optimal training data split, and Observations 1 to 3."""

from collections.abc import Sequence

import pandas as pd

from splitlab.budget.claims.claim import Checked, ClaimList, pick, splits, unbeaten, verdict
from splitlab.budget.published import TRAINING_IMAGES, method_rows
from splitlab.shown_numbers import shown

SEARCH_FOR_SPLIT = ClaimList()
_SERIES = (("VOC2012", "YOLOv5", "ap70"), ("VOC2012", "DETR", "ap70"), ("Cityscapes", "YOLOv5", "ap50_95"))


@SEARCH_FOR_SPLIT.add(
    "groups-of-models",
    "4.3",
    "YOLO-400 represents a group of models such as YOLO-400/0, YOLO-400/1000, ..., YOLO-400/10331.",
)
def _groups_of_models(table: pd.DataFrame) -> Checked:
    yolo = method_rows(table, "VOC2012", "YOLOv5")
    rows = yolo[yolo["full"] == 400].sort_values("weak")
    sizes = rows["weak"].tolist()
    return verdict(sizes[:2] == [0, 1000] and sizes[-1] == 10331), f"Table 2 has {len(rows)}: {splits(rows)}.", rows


@SEARCH_FOR_SPLIT.add(
    "masks-alone-suboptimal",
    "4.3",
    "Splits with |W| = 0 are suboptimal, as there are YOLO models with the same annotation cost but better AP70 "
    "(YOLO-200/0, the cheapest of all, is excluded).",
)
def _masks_alone_on_voc(table: pd.DataFrame) -> Checked:
    yolo = method_rows(table, "VOC2012", "YOLOv5")
    return _are_beaten(yolo[(yolo["weak"] == 0) & (yolo["full"] > 200)], yolo)


@SEARCH_FOR_SPLIT.add(
    "all-boxes-suboptimal",
    "4.3",
    "A similar observation applies to models where |W| = 10731 - |F| (YOLO-1464/9267, the dearest, is excluded).",
)
def _all_boxes_on_voc(table: pd.DataFrame) -> Checked:
    yolo = method_rows(table, "VOC2012", "YOLOv5")
    return _are_beaten(yolo[(yolo["full"] + yolo["weak"] == TRAINING_IMAGES["VOC2012"]) & (yolo["full"] < 1464)], yolo)


def _are_beaten(rows: pd.DataFrame, models: pd.DataFrame) -> Checked:
    """Check that for each row another model costs no more and scores more."""
    gains = [
        float(models.loc[models["cost_hours"] <= row["cost_hours"], "ap70"].max() - row["ap70"])
        for _, row in rows.iterrows()
    ]
    words = ", ".join(map(shown, gains))
    finding = f"Another YOLO model costs no more than {splits(rows)} and scores more, by {words} AP70."
    return verdict(min(gains) > 0), finding, rows


def _add_best_splits(key: str, names: str, method: str, best: Sequence[tuple[int, int]]) -> None:
    @SEARCH_FOR_SPLIT.add(key, "4.3", f"The best AP70 for fixed annotation costs is achieved with {names}.")
    def check(table: pd.DataFrame) -> Checked:
        models = method_rows(table, "VOC2012", method)
        rows = pick(table, "VOC2012", *((method, full, weak) for full, weak in best))
        others = unbeaten(models.drop(rows.index), models, "ap70")
        finding = f"No {method} model beats either at its cost; the same is true of {splits(others)}."
        return verdict(len(unbeaten(rows, models, "ap70")) == len(rows)), finding, rows


def _add_places_on_graphs(key: str, statement: str, method: str, places: dict[tuple[int, int], int]) -> None:
    """Check at which position each split is on its graph, the splits of one |F| in order of cost."""

    @SEARCH_FOR_SPLIT.add(key, "4.3", statement)
    def check(table: pd.DataFrame) -> Checked:
        models, found, words = method_rows(table, "VOC2012", method), [], []
        for full, weak in places:
            graph = models[models["full"] == full].sort_values("cost_hours")
            found.append(graph["weak"].tolist().index(weak) + 1)
            words.append(f"{full}/{weak} is point {found[-1]} of {splits(graph)}")
        rows = pick(table, "VOC2012", *((method, full, weak) for full, weak in places))
        return verdict(found == list(places.values())), f"By cost, {'; '.join(words)}.", rows


_add_best_splits("yolo-best-splits", "YOLO-400/5000 and YOLO-800/5000", "YOLOv5", [(400, 5000), (800, 5000)])
_add_places_on_graphs(
    "yolo-fourth-points",
    "YOLO-400/5000 is the 4th point from the left on the YOLO-400 graph, YOLO-800/5000 the 4th on the YOLO-800 graph.",
    "YOLOv5",
    {(400, 5000): 4, (800, 5000): 4},
)


@SEARCH_FOR_SPLIT.add(
    "observation-1",
    "4.3",
    "Observation 1. Extreme training data splits, where the absolute majority is either F or W, are not optimal in "
    "terms of labeling cost and performance.",
)
def _observation_1(table: pd.DataFrame) -> Checked:
    extremes, left, middle, middle_left = [], [], [], []
    for dataset, method, metric in _SERIES:
        models = method_rows(table, dataset, method).sort_values("cost_hours")
        # The cheapest and the dearest cannot be compared with others, as the paper says.
        inner = models.iloc[1:-1]
        is_extreme = (inner["weak"] == 0) | (inner["full"] + inner["weak"] == TRAINING_IMAGES[dataset])
        extremes.append(inner[is_extreme])
        left.append(unbeaten(inner[is_extreme], models, metric))
        middle.append(inner[~is_extreme])
        middle_left.append(unbeaten(inner[~is_extreme], models, metric))
    rows, exceptions = pd.concat(extremes), pd.concat(left)
    others, others_left = pd.concat(middle), pd.concat(middle_left)
    share_beaten, share_of_others = 1 - len(exceptions) / len(rows), 1 - len(others_left) / len(others)
    finding = (
        f"Of {len(rows)} splits with no boxes or all of them (without the cheapest and the dearest of each series), "
        f"{len(rows) - len(exceptions)} are beaten by one that costs no more; {splits(exceptions)} of Cityscapes are "
        f"not. Of the {len(others)} splits in the middle, {len(others) - len(others_left)} are."
    )
    return verdict(share_beaten > max(0.5, share_of_others), exceptions=not exceptions.empty), finding, rows


_add_best_splits("detr-best-splits", "DETR-800/3000 and DETR-800/5000", "DETR", [(800, 3000), (800, 5000)])
_add_places_on_graphs(
    "detr-second-and-third-points",
    "DETR-800/3000 and DETR-800/5000 correspond to the second and third points from the left on the DETR-800 graph.",
    "DETR",
    {(800, 3000): 2, (800, 5000): 3},
)


@SEARCH_FOR_SPLIT.add(
    "masks-alone-on-cityscapes",
    "4.3",
    "For every model with |W| = 0 (except YOLO-200/0), alternative models achieve the same AP50:95 scores at lower "
    "annotation costs.",
)
def _masks_alone_on_cityscapes(table: pd.DataFrame) -> Checked:
    yolo = method_rows(table, "Cityscapes", "YOLOv5")
    rows = yolo[(yolo["weak"] == 0) & (yolo["full"] > 200)]
    left = unbeaten(rows, yolo, "ap50_95")
    finding = (
        f"This is true of {splits(rows.drop(left.index))}, but {splits(left)} scores {left['ap50_95'].max()}, more "
        "than any other."
    )
    return verdict(len(left) < len(rows) / 2, exceptions=not left.empty), finding, rows


@SEARCH_FOR_SPLIT.add(
    "all-masks-at-twice-the-cost",
    "4.3",
    "YOLO-2975/0 has twice the annotation cost of YOLO-1475/1500, despite achieving an equal AP50:95 score.",
)
def _all_masks_at_twice_the_cost(table: pd.DataFrame) -> Checked:
    rows = pick(table, "Cityscapes", ("YOLOv5", 2975, 0), ("YOLOv5", 1475, 1500))
    times, gap = rows["cost_hours"].iloc[0] / rows["cost_hours"].iloc[1], -float(rows["ap50_95"].diff().iloc[1])
    finding = f"{times:.2f} times the cost, and {shown(gap)} AP50:95 more."
    return verdict(times > 1.5 and gap < 1, exceptions=round(times, 1) != 2 or gap > 0), finding, rows


@SEARCH_FOR_SPLIT.add(
    "almost-the-same-at-half-the-cost",
    "4.3",
    "YOLO-800/2000 achieves almost the same AP50:95 score as YOLO-1475/1500 at about half the annotation cost.",
)
def _almost_the_same_at_half_the_cost(table: pd.DataFrame) -> Checked:
    rows = pick(table, "Cityscapes", ("YOLOv5", 800, 2000), ("YOLOv5", 1475, 1500))
    share, gap = rows["cost_hours"].iloc[0] / rows["cost_hours"].iloc[1], float(rows["ap50_95"].diff().iloc[1])
    finding = f"{shown(gap)} AP50:95 less at {share:.0%} of the cost."
    return verdict(gap < 1 and share < 2 / 3, exceptions=abs(share - 0.5) > 0.1), finding, rows


@SEARCH_FOR_SPLIT.add(
    "observation-2",
    "4.3",
    "Observation 2. Even with a small |F|, the model achieves competitive results, provided that |W| is large enough.",
)
def _observation_2(table: pd.DataFrame) -> Checked:
    found, below, words = [], 0, []
    for dataset, method, metric in _SERIES:
        models = method_rows(table, dataset, method)
        fewest = models[models["full"] == models["full"].min()]
        row = fewest[fewest["weak"] == fewest["weak"].max()]
        others = table[(table["dataset"] == dataset) & (table["group"] != "split")][metric].median()
        found.append(row)
        below += row[metric].item() < others
        words.append(f"{method} {splits(row)} on {dataset} {row[metric].item()} against {shown(others, 2)}")
    finding = f"Against the median of the other methods: {'; '.join(words)}. DETR is far below."
    return verdict(below < len(found), exceptions=below > 0), finding, pd.concat(found)


@SEARCH_FOR_SPLIT.add(
    "observation-3",
    "4.3",
    "Observation 3. Larger sizes of W result in better performance for any given size of F; similarly, larger sizes of "
    "F lead to better performance regardless of the size of W.",
)
def _observation_3(table: pd.DataFrame) -> Checked:
    steps, falls = 0, []
    for dataset, method, metric in _SERIES:
        models = method_rows(table, dataset, method)
        for fixed, grows in (("full", "weak"), ("weak", "full")):
            rise = models.sort_values(grows).groupby(fixed)[metric].diff()
            steps += int(rise.notna().sum())
            falls.append(models.loc[rise.index[rise <= 0]])
    exceptions = pd.concat(falls)
    finding = (
        f"{steps - len(exceptions)} of {steps} steps to a larger W or F raise the score; the exception is Cityscapes "
        f"{splits(exceptions)} with {exceptions['ap50_95'].max()}, below the 31.8 of 400/2000."
    )
    rows = pd.concat([method_rows(table, dataset, method) for dataset, method, _ in _SERIES])
    return verdict(len(exceptions) < steps / 10, exceptions=not exceptions.empty), finding, rows
