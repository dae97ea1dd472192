"""Sec. 4.3, search for the optimal training data split, and Observations 1 to 3."""

from typing import Any

import pandas as pd

from splitlab.budget.claims.claim import Claim, pick, splits, unbeaten, verdict
from splitlab.budget.published import TRAINING_IMAGES, method_rows
from splitlab.shown_numbers import shown

_SERIES = (("VOC2012", "YOLOv5", "ap70"), ("VOC2012", "DETR", "ap70"), ("Cityscapes", "YOLOv5", "ap50_95"))


def claims_of_the_search(table: pd.DataFrame) -> list[Claim]:
    """The claims about splits, in the paper's order."""
    return [
        _groups_of_models(table),
        _masks_alone_on_voc(table),
        _all_boxes_on_voc(table),
        _best_splits(
            table, "YOLOv5", ((400, 5000), (800, 5000)), "yolo-best-splits", "YOLO-400/5000 and YOLO-800/5000"
        ),
        _places_on_graphs(
            table,
            "YOLOv5",
            (((400, 5000), 4), ((800, 5000), 4)),
            "yolo-fourth-points",
            "YOLO-400/5000 is the 4th point from the left on the YOLO-400 graph, YOLO-800/5000 the 4th on the YOLO-800 "
            "graph.",
        ),
        _observation_1(table),
        _best_splits(table, "DETR", ((800, 3000), (800, 5000)), "detr-best-splits", "DETR-800/3000 and DETR-800/5000"),
        _places_on_graphs(
            table,
            "DETR",
            (((800, 3000), 2), ((800, 5000), 3)),
            "detr-second-and-third-points",
            "DETR-800/3000 and DETR-800/5000 correspond to the second and third points from the left on the DETR-800 "
            "graph.",
        ),
        _masks_alone_on_cityscapes(table),
        _all_masks_at_twice_the_cost(table),
        _almost_the_same_at_half_the_cost(table),
        _observation_2(table),
        _observation_3(table),
    ]


def _groups_of_models(table: pd.DataFrame) -> Claim:
    yolo = method_rows(table, "VOC2012", "YOLOv5")
    rows = yolo[yolo["full"] == 400].sort_values("weak")
    sizes = rows["weak"].tolist()
    return Claim(
        key="groups-of-models",
        section="4.3",
        statement="YOLO-400 represents a group of models such as YOLO-400/0, YOLO-400/1000, ..., YOLO-400/10331.",
        verdict=verdict(sizes[:2] == [0, 1000] and sizes[-1] == 10331, exceptions=False),
        finding=f"Table 2 has {len(rows)} of them: {splits(rows)}.",
        rows=rows,
    )


def _places_on_graphs(
    table: pd.DataFrame, method: str, places: tuple[tuple[tuple[int, int], int], ...], key: str, statement: str
) -> Claim:
    """Check which point of its graph, the splits of one |F| by cost, each split is."""
    models, found, words = method_rows(table, "VOC2012", method), [], []
    for (full, weak), _ in places:
        graph = models[models["full"] == full].sort_values("cost_hours")
        found.append(graph["weak"].tolist().index(weak) + 1)
        words.append(f"{full}/{weak} is point {found[-1]} of {splits(graph)}")
    return Claim(
        key=key,
        section="4.3",
        statement=statement,
        verdict=verdict(found == [place for _, place in places], exceptions=False),
        finding=f"By cost, {'; '.join(words)}.",
        rows=pick(table, "VOC2012", *((method, full, weak) for (full, weak), _ in places)),
    )


def _masks_alone_on_voc(table: pd.DataFrame) -> Claim:
    yolo = method_rows(table, "VOC2012", "YOLOv5")
    rows = yolo[(yolo["weak"] == 0) & (yolo["full"] > 200)]
    gains = [_best_at_no_more_cost(yolo, row) - row["ap70"] for _, row in rows.iterrows()]
    return Claim(
        key="masks-alone-suboptimal",
        section="4.3",
        statement="Splits with |W| = 0 are suboptimal, as there are YOLO models with the same annotation cost but "
        "better AP70 (YOLO-200/0, the cheapest of all, is excluded).",
        verdict=verdict(min(gains) > 0, exceptions=False),
        finding=_gained(rows, gains),
        rows=rows,
    )


def _all_boxes_on_voc(table: pd.DataFrame) -> Claim:
    yolo = method_rows(table, "VOC2012", "YOLOv5")
    rows = yolo[(yolo["full"] + yolo["weak"] == TRAINING_IMAGES["VOC2012"]) & (yolo["full"] < 1464)]
    gains = [_best_at_no_more_cost(yolo, row) - row["ap70"] for _, row in rows.iterrows()]
    return Claim(
        key="all-boxes-suboptimal",
        section="4.3",
        statement="A similar observation applies to models where |W| = 10731 - |F| (YOLO-1464/9267, the dearest, is "
        "excluded).",
        verdict=verdict(min(gains) > 0, exceptions=False),
        finding=_gained(rows, gains),
        rows=rows,
    )


def _best_at_no_more_cost(models: pd.DataFrame, row: "pd.Series[Any]") -> float:
    return float(models.loc[models["cost_hours"] <= row["cost_hours"], "ap70"].max())


def _gained(rows: pd.DataFrame, gains: list[float]) -> str:
    words = ", ".join(map(shown, gains))
    return f"Another YOLO model costs no more than {splits(rows)} and scores more, by {words} AP70."


def _best_splits(table: pd.DataFrame, method: str, best: tuple[tuple[int, int], ...], key: str, names: str) -> Claim:
    models = method_rows(table, "VOC2012", method)
    rows = pick(table, "VOC2012", *((method, full, weak) for full, weak in best))
    others = unbeaten(models.drop(rows.index), models, "ap70")
    return Claim(
        key=key,
        section="4.3",
        statement=f"The best AP70 for fixed annotation costs is achieved with {names}.",
        verdict=verdict(len(unbeaten(rows, models, "ap70")) == len(rows), exceptions=False),
        finding=f"No {method} model beats either at its cost; so it is with {splits(others)}, at theirs.",
        rows=rows,
    )


def _observation_1(table: pd.DataFrame) -> Claim:
    extremes, left, middle, middle_left = [], [], [], []
    for dataset, method, metric in _SERIES:
        models = method_rows(table, dataset, method).sort_values("cost_hours")
        # The cheapest and the dearest have nothing to be compared with, as the paper says.
        inner = models.iloc[1:-1]
        is_extreme = (inner["weak"] == 0) | (inner["full"] + inner["weak"] == TRAINING_IMAGES[dataset])
        extremes.append(inner[is_extreme])
        left.append(unbeaten(inner[is_extreme], models, metric))
        middle.append(inner[~is_extreme])
        middle_left.append(unbeaten(inner[~is_extreme], models, metric))
    rows, exceptions = pd.concat(extremes), pd.concat(left)
    others, others_left = pd.concat(middle), pd.concat(middle_left)
    share_beaten, share_of_others = 1 - len(exceptions) / len(rows), 1 - len(others_left) / len(others)
    return Claim(
        key="observation-1",
        section="4.3",
        statement="Observation 1. Extreme training data splits, where the absolute majority is either F or W, are "
        "not optimal in terms of labeling cost and performance.",
        verdict=verdict(share_beaten > max(0.5, share_of_others), exceptions=not exceptions.empty),
        finding=f"Of {len(rows)} splits with no boxes or all of them (the cheapest and the dearest of each series "
        f"aside) {len(rows) - len(exceptions)} are beaten by one that costs no more; {splits(exceptions)} of "
        f"Cityscapes are not. Of the {len(others)} splits in the middle {len(others) - len(others_left)} are.",
        rows=rows,
    )


def _masks_alone_on_cityscapes(table: pd.DataFrame) -> Claim:
    yolo = method_rows(table, "Cityscapes", "YOLOv5")
    rows = yolo[(yolo["weak"] == 0) & (yolo["full"] > 200)]
    left = unbeaten(rows, yolo, "ap50_95")
    return Claim(
        key="masks-alone-on-cityscapes",
        section="4.3",
        statement="For every model with |W| = 0 (except YOLO-200/0), alternative models achieve the same AP50:95 "
        "scores at lower annotation costs.",
        verdict=verdict(len(left) < len(rows) / 2, exceptions=not left.empty),
        finding=f"So it is for {splits(rows.drop(left.index))}, but {splits(left)} scores {left['ap50_95'].max()}, "
        "more than any other.",
        rows=rows,
    )


def _all_masks_at_twice_the_cost(table: pd.DataFrame) -> Claim:
    rows = pick(table, "Cityscapes", ("YOLOv5", 2975, 0), ("YOLOv5", 1475, 1500))
    times, gap = rows["cost_hours"].iloc[0] / rows["cost_hours"].iloc[1], -float(rows["ap50_95"].diff().iloc[1])
    return Claim(
        key="all-masks-at-twice-the-cost",
        section="4.3",
        statement="YOLO-2975/0 has twice the annotation cost of YOLO-1475/1500, despite achieving an equal AP50:95 "
        "score.",
        verdict=verdict(times > 1.5 and gap < 1, exceptions=round(times, 1) != 2 or gap > 0),
        finding=f"{times:.2f} times the cost, and {shown(gap)} AP50:95 more.",
        rows=rows,
    )


def _almost_the_same_at_half_the_cost(table: pd.DataFrame) -> Claim:
    rows = pick(table, "Cityscapes", ("YOLOv5", 800, 2000), ("YOLOv5", 1475, 1500))
    share, gap = rows["cost_hours"].iloc[0] / rows["cost_hours"].iloc[1], float(rows["ap50_95"].diff().iloc[1])
    return Claim(
        key="almost-the-same-at-half-the-cost",
        section="4.3",
        statement="YOLO-800/2000 achieves almost the same AP50:95 score as YOLO-1475/1500 at about half the "
        "annotation cost.",
        verdict=verdict(gap < 1 and share < 2 / 3, exceptions=abs(share - 0.5) > 0.1),
        finding=f"{shown(gap)} AP50:95 less at {share:.0%} of the cost.",
        rows=rows,
    )


def _observation_2(table: pd.DataFrame) -> Claim:
    found, below, words = [], 0, []
    for dataset, method, metric in _SERIES:
        models = method_rows(table, dataset, method)
        fewest = models[models["full"] == models["full"].min()]
        row = fewest[fewest["weak"] == fewest["weak"].max()]
        others = table[(table["dataset"] == dataset) & (table["group"] != "split")][metric].median()
        found.append(row)
        below += row[metric].item() < others
        words.append(f"{method} {splits(row)} on {dataset} {row[metric].item()} against {shown(others, 2)}")
    return Claim(
        key="observation-2",
        section="4.3",
        statement="Observation 2. Even with a small |F|, the model achieves competitive results, provided that |W| "
        "is large enough.",
        verdict=verdict(below < len(found), exceptions=below > 0),
        finding=f"Against the median of the methods compared with: {'; '.join(words)}. DETR stays far below.",
        rows=pd.concat(found),
    )


def _observation_3(table: pd.DataFrame) -> Claim:
    steps, falls = 0, []
    for dataset, method, metric in _SERIES:
        models = method_rows(table, dataset, method)
        for fixed, grows in (("full", "weak"), ("weak", "full")):
            rise = models.sort_values(grows).groupby(fixed)[metric].diff()
            steps += int(rise.notna().sum())
            falls.append(models.loc[rise.index[rise <= 0]])
    exceptions = pd.concat(falls)
    return Claim(
        key="observation-3",
        section="4.3",
        statement="Observation 3. Larger sizes of W result in better performance for any given size of F; "
        "similarly, larger sizes of F lead to better performance regardless of the size of W.",
        verdict=verdict(len(exceptions) < steps / 10, exceptions=not exceptions.empty),
        finding=f"{steps - len(exceptions)} of {steps} steps to a larger W or F raise the score; the exception is "
        f"Cityscapes {splits(exceptions)} with {exceptions['ap50_95'].max()}, below the 31.8 of 400/2000.",
        rows=pd.concat([method_rows(table, dataset, method) for dataset, method, _ in _SERIES]),
    )
