"""Claims about training settings, equiscore curves and few-shot training (Sec. 3.4, 4.2 and 4.4 to 4.6)."""

import pandas as pd

from splitlab.budget.claims.claim import Checked, ClaimList, Verdict, pick, splits, verdict
from splitlab.budget.law import PAPER_CURVES, PaperCurve, fit_law, off_left_out
from splitlab.budget.published import FIGURES, method_rows, published_few_shot
from splitlab.shown_numbers import shown

EQUISCORE_AND_FEW_SHOT = ClaimList()

_SAME_AP = 1.0
"""AP within which scores count as equal."""

_NEAR_THE_LAW = 0.15
"""Relative tolerance for a fitted k, or the boxes of a point, against the paper's law."""

_FEW_SHOT_MASKS, _MASKS_PER_CLASS = 24, 3


def _add_of_the_text(key: str, section: str, statement: str, holds: Verdict, finding: str) -> None:
    """Add a claim that no table covers."""
    EQUISCORE_AND_FEW_SHOT.add(key, section, statement)(lambda table: (holds, finding, table.iloc[:0]))


_add_of_the_text(
    "four-losses",
    "3.4",
    "The overall loss is a combination of four individual loss components (Eq. 1).",
    "holds",
    "Eq. 1 adds 4 parts, class, objectness, box and mask, with 3 weights: the box and the mask part share one.",
)
_add_of_the_text(
    "yolo-settings",
    "4.2",
    "YOLOv5 was trained with a batch size of 16, and an image size of 512 for VOC2012 and 1024 for Cityscapes.",
    "holds but for",
    "Not in any table. The authors' published code uses both image sizes, and batches of 16 on VOC2012, but of 8 on "
    "Cityscapes.",
)
_add_of_the_text(
    "detr-settings",
    "4.2",
    "DETR has ResNet-50; its default image size is 800 pixels, with a maximum of 1333, and batches hold 10 images in "
    "the box phase and 3 in the mask phase.",
    "holds",
    "Not in any table. The authors' published code agrees: a short side up to 800, at most 1,333, batches of 10 and of "
    "3.",
)


def _points(table: pd.DataFrame, curve: PaperCurve) -> pd.DataFrame:
    return pick(table, curve.dataset, *((curve.method, full, weak) for full, weak in curve.splits))


def _in_words(scores: "pd.Series[float]") -> str:
    return ", ".join(map(str, scores))


def _add_same_score(curve: PaperCurve) -> None:
    statement = f"The underlined {curve.method} models on {curve.dataset} achieved identical AP scores."

    @EQUISCORE_AND_FEW_SHOT.add(f"same-score-{curve.panel}", "4.4", statement)
    def check(table: pd.DataFrame) -> Checked:
        rows = _points(table, curve)
        scores = rows[curve.metric]
        on_curve = scores[[split not in curve.off_curve for split in curve.splits]]
        spread, spread_on_curve = scores.max() - scores.min(), on_curve.max() - on_curve.min()
        without = f", {shown(spread_on_curve)} without 200/2775" if curve.off_curve else ""
        finding = f"Their scores are {_in_words(scores)}: within {shown(spread)} AP{without}."
        return verdict(round(spread_on_curve, 1) <= _SAME_AP, exceptions=bool(curve.off_curve)), finding, rows


for _curve in PAPER_CURVES:
    _add_same_score(_curve)


def _models_of_figure_2(table: pd.DataFrame) -> pd.DataFrame:
    return pick(table, "VOC2012", *(("YOLOv5", column.full, column.weak) for column in FIGURES[0].columns))


@EQUISCORE_AND_FEW_SHOT.add(
    "four-models-of-figure-2",
    "4.4",
    "Fig. 2 shows five images from VOC2012 for four selected models with similar AP70 scores.",
)
def _four_models_of_figure_2(table: pd.DataFrame) -> Checked:
    rows = _models_of_figure_2(table)
    spread = rows["ap70"].max() - rows["ap70"].min()
    finding = (
        f"Its {len(rows)} models, {splits(rows)}, score {_in_words(rows['ap70'])}: within {shown(spread)} AP70. The "
        "text refers to five rows, (a) to (e)."
    )
    return verdict(len(rows) == 4 and round(spread, 1) <= _SAME_AP), finding, rows


@EQUISCORE_AND_FEW_SHOT.add(
    "observation-7",
    "4.4",
    'Observation 7. The "middle" 800/3K split appears to be the optimal choice visually.',
)
def _observation_7(table: pd.DataFrame) -> Checked:
    rows = _models_of_figure_2(table)
    finding = (
        f"A visual judgement that is not in any table. 800/3000 has an AP70 of "
        f"{rows.loc[rows['full'] == 800, 'ap70'].item()}; the four models of Fig. 2 have {_in_words(rows['ap70'])}."
    )
    return "not enough evidence", finding, rows


_add_of_the_text(
    "seven-categories",
    "4.4",
    "Cityscapes is a more homogeneous dataset than VOC2012, with only 7 instance categories.",
    "does not hold",
    "Sec. 4.1 lists 8: person, rider, car, truck, bus, train, motorcycle and bicycle.",
)


@EQUISCORE_AND_FEW_SHOT.add(
    "phi0-is-the-largest-full",
    "4.5",
    "phi0 is the maximum number of F images used in the experiments; tau lies between 0 and 1.",
)
def _largest_full(table: pd.DataFrame) -> Checked:
    words, exact = [], []
    for curve in PAPER_CURVES:
        largest = method_rows(table, curve.dataset, curve.method)["full"].max()
        exact.append(largest == curve.law.phi0)
        words.append(f"{curve.law.phi0:g} of {largest} ({curve.method} on {curve.dataset})")
    finding = f"phi0 and the largest |F| of the tables: {', '.join(words)}. On Cityscapes 2975/0 was also trained."
    return verdict(any(exact), exceptions=not all(exact)), finding, table.iloc[:0]


def _add_hyperbola(curve: PaperCurve) -> None:
    statement = (
        f"For {curve.method} on {curve.dataset} the equiscore law is W = k phi0^2 / F with phi0 = {curve.law.phi0:g} "
        f"and k = {curve.law.k:.2g}."
    )

    @EQUISCORE_AND_FEW_SHOT.add(f"hyperbola-{curve.panel}", "4.5", statement)
    def check(table: pd.DataFrame) -> Checked:
        on_curve = [split for split in curve.splits if split not in curve.off_curve]
        fit = fit_law([full for full, _ in on_curve], [weak for _, weak in on_curve], phi0=curve.law.phi0)
        used = fit.points[fit.points["used"]]
        ratios = used["weak"] / curve.law.weak(used["full"])
        off, off_of_one_weak = off_left_out(used["full"] * used["weak"]), off_left_out(used["weak"])
        finding = (
            f"Fitted to its points away from the ends, k = {fit.law.k:.2f}; their boxes are "
            f"{', '.join(f'{ratio:.2f}' for ratio in ratios)} times the law's. Left out one by one, they differ from "
            f"the law by a factor of {off:.2f} on average, and from one |W| for all |F| by {off_of_one_weak:.2f}."
        )
        holds = abs(fit.law.k / curve.law.k - 1) <= _NEAR_THE_LAW and off < off_of_one_weak
        return verdict(holds, exceptions=(ratios - 1).abs().max() > _NEAR_THE_LAW), finding, _points(table, curve)


for _curve in PAPER_CURVES:
    _add_hyperbola(_curve)


@EQUISCORE_AND_FEW_SHOT.add(
    "end-of-the-law", "4.5", "Hyperbola (5) fails to converge to the experimental point (1464, 0) at tau = 1."
)
def _end_of_the_law(table: pd.DataFrame) -> Checked:
    boxes = float(PAPER_CURVES[0].law.weak(1464))
    finding = f"At |F| = 1464 the law gives {boxes:,.0f} boxes; 1464/0 reached the score with none."
    return verdict(boxes > 0), finding, pick(table, "VOC2012", ("YOLOv5", 1464, 0))


@EQUISCORE_AND_FEW_SHOT.add(
    "off-the-curve",
    "4.5",
    "The point (200, 2775) has an AP of 30.0, lower than the equiscore parameter of 31.5; at 31.5 it should be closer "
    "to hyperbola (6).",
)
def _off_the_curve(table: pd.DataFrame) -> Checked:
    rows = pick(table, "Cityscapes", ("YOLOv5", 200, 2775))
    boxes, score = float(PAPER_CURVES[1].law.weak(200)), rows["ap50_95"].item()
    finding = f"It scores {score}. The law gives {boxes:,.0f} boxes, more than its 2,775, so the score should be lower."
    return verdict(score == 30.0 and boxes > 2775), finding, rows


@EQUISCORE_AND_FEW_SHOT.add(
    "few-shot-masks", "4.6", "17 images containing 24 object masks (3 per class) are the F set."
)
def _few_shot_masks(table: pd.DataFrame) -> Checked:
    classes = len(published_few_shot().columns) - 2
    masks = classes * _MASKS_PER_CLASS
    finding = f"Table 4 has {classes} classes, and {classes} x {_MASKS_PER_CLASS} = {masks}; no table has the images."
    return verdict(masks == _FEW_SHOT_MASKS), finding, table.iloc[:0]


_add_of_the_text(
    "few-shot-length",
    "4.6",
    "The few-shot model is fine-tuned for 20k iterations.",
    "holds",
    "Not in any table. The authors' published code uses 20,000 iterations.",
)


@EQUISCORE_AND_FEW_SHOT.add(
    "first-two-lines-of-table-4",
    "4.6",
    "The first two lines in Tab. 4 correspond to the few-shot experiments, over 8 classes.",
)
def _first_two_lines(table: pd.DataFrame) -> Checked:
    lines = published_few_shot()["pretrain"].tolist()
    finding = f"Table 4 has {len(lines)} lines: {', '.join(lines)}. The last is the baseline, trained on 1464/9267."
    return verdict(lines[2:] == ["YOLO-1464/9267"]), finding, table.iloc[:0]


@EQUISCORE_AND_FEW_SHOT.add(
    "few-shot-scores",
    "4.6",
    "The baseline significantly outperforms both few-shot models in overall AP70 (46.3 for ImageNet-based and 55 for "
    "Cityscapes-seg-based versus 70.6).",
)
def _few_shot_scores(table: pd.DataFrame) -> Checked:
    few_shot = published_few_shot().set_index("pretrain")
    means, printed = few_shot.drop(columns="all").mean(axis=1), few_shot["all"]
    # Rounding to 0.1 adds an error of up to 0.05 to the mean of the classes, and another to the printed mean.
    agrees = bool(((means - printed).abs() <= 0.1).all())
    words = ", ".join(shown(mean, 2) for mean in means)
    finding = f"The means of the eight classes are {words}: as printed, within rounding."
    return verdict(agrees and printed.tolist() == [46.3, 55.0, 70.6]), finding, table.iloc[:0]
