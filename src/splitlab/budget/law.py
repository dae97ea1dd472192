"""The equiscore law: splits of equal score lie on the hyperbola |W| = k phi0^2 / |F| (Sec. 4.5)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splitlab.errors import BudgetError

if TYPE_CHECKING:
    import pandas as pd

TAU_LOW, TAU_HIGH = 0.13, 0.55
"""Range of tau in which Remark 2 holds: the paper's points follow its curves from tau = 0.137 to tau = 0.546."""


@dataclass(frozen=True)
class EquiscoreLaw:
    """|W| = k phi0^2 / |F|: models trained on these splits score about the same (Eq. 5 to 7).

    With tau = |F| / phi0 the paper writes |W| = c(tau) phi0 / tau; c(tau) = k away from 0 and 1 (Eq. 2 to 4).

    Attributes:
        k: The constant value of c(tau); dimensionless.
        phi0: The largest |F| used in the experiments, images.

    Raises:
        BudgetError: If one of them is not a positive, finite number.
    """

    k: float
    phi0: float

    def __post_init__(self) -> None:
        for name, value in (("k", self.k), ("phi0", self.phi0)):
            if not (math.isfinite(value) and value > 0):
                raise BudgetError(f"{name} of an equiscore law is {value}: it must be a number above 0.")

    def weak(self, full: ArrayLike) -> NDArray[np.float64]:
        """Return the |W| on the curve for each |F| > 0, in images, not rounded and also outside `valid_full`.

        Raises:
            BudgetError: If an |F| is not above 0.
        """
        masks = np.asarray(full, dtype=np.float64)
        if not (masks > 0).all():
            raise BudgetError("full must be above 0: the equiscore curve never reaches the axis.")
        return self.k * self.phi0 * self.phi0 / masks

    @property
    def valid_full(self) -> tuple[float, float]:
        """The range of |F| in which the law may be used, images (Remark 2)."""
        return TAU_LOW * self.phi0, TAU_HIGH * self.phi0


def c_of_tau(full: ArrayLike, weak: ArrayLike, phi0: float) -> NDArray[np.float64]:
    """Return c(tau) = |F| |W| / phi0^2 of splits (Eq. 2): k where the law holds, 0 at tau = 1 (Eq. 3, 4)."""
    return np.asarray(full, dtype=np.float64) * np.asarray(weak, dtype=np.float64) / phi0**2


def off_left_out(same: ArrayLike) -> float:
    """Return the mean factor by which each number differs from the geometric mean of the others; 1 if all are equal.

    Args:
        same: Numbers that a law considers equal: |F| |W| of each split for the equiscore law, |W| for its baseline "the
            same |W| for all |F|"; above 0, shape (N,), N at least 2.
    """
    logs = np.log(np.asarray(same, dtype=np.float64))
    others = (logs.sum() - logs) / (logs.size - 1)
    return float(np.exp(np.abs(logs - others).mean()))


@dataclass(frozen=True)
class LawFit:
    """A law fitted to splits of about equal score.

    Attributes:
        law: The fitted law.
        points: One row per split: full, weak, tau, c, used (whether it was used to fit k), weak_of_law (images), ratio
            (weak / weak_of_law; 1 on the curve).
    """

    law: EquiscoreLaw
    points: pd.DataFrame


def fit_law(full: ArrayLike, weak: ArrayLike, phi0: float | None = None) -> LawFit:
    """Fit k to splits that score about the same: the geometric mean of their c(tau).

    This is least squares on ln |W|. Splits with |F| >= phi0 or without boxes are left out, since c(tau) falls to 0
    there (Eq. 3). The curve determines only k phi0^2, so phi0 keeps the paper's meaning: the largest |F| used.

    Args:
        full: |F| of each split, images, shape (N,).
        weak: |W| of each split, images, shape (N,).
        phi0: The largest |F| used in the experiments; by default that of the given splits.

    Raises:
        BudgetError: If no split is left to fit.
    """
    masks, boxes = np.asarray(full, dtype=np.float64), np.asarray(weak, dtype=np.float64)
    if not masks.size:
        raise BudgetError("no split to fit an equiscore law to: select at least one with masks and boxes.")
    largest = float(masks.max()) if phi0 is None else phi0
    used = (masks > 0) & (masks < largest) & (boxes > 0)
    if not used.any():
        raise BudgetError(
            f"no split to fit an equiscore law to: select one with boxes and fewer than phi0 = {largest:g} mask images."
        )
    c = c_of_tau(masks, boxes, largest)
    law = EquiscoreLaw(k=float(np.exp(np.log(c[used]).mean())), phi0=largest)
    # `splitlab equiscore` starts without pandas.
    import pandas as pd

    points = pd.DataFrame({"full": masks, "weak": boxes, "tau": masks / largest, "c": c, "used": used})
    points["weak_of_law"] = law.k * law.phi0 * law.phi0 / points["full"]
    return LawFit(law, points.assign(ratio=points["weak"] / points["weak_of_law"]))


@dataclass(frozen=True)
class PaperCurve:
    """A law and the splits it was fitted to: one panel of Fig. 5, or a curve measured with SplitLab.

    Attributes:
        panel: Letter of the panel; name of the dataset for a measured curve.
        dataset: Dataset of the points.
        method: Model that was trained.
        metric: Column of the results table that is about equal on the curve.
        score: The AP it is about equal to, 0..100.
        law: The law (Eq. 5, 6 or 7 of the paper).
        splits: Splits as (|F|, |W|), fewest masks first; those of the paper are underlined in Table 2 or 3.
        off_curve: Splits that the paper itself calls off the curve.
    """

    panel: str
    dataset: str
    method: str
    metric: str
    score: float
    law: EquiscoreLaw
    splits: tuple[tuple[int, int], ...]
    off_curve: tuple[tuple[int, int], ...] = ()

    @property
    def title(self) -> str:
        """Its name on pages and in links, such as "VOC2012 YOLOv5, AP about 50"."""
        return f"{self.dataset} {self.method}, AP about {self.score:g}"


PAPER_CURVES: tuple[PaperCurve, ...] = (
    PaperCurve(
        "a", "VOC2012", "YOLOv5", "ap70", score=50.0, law=EquiscoreLaw(k=1.0, phi0=1464),
        splits=((200, 10531), (400, 5000), (800, 3000), (1464, 0)),
    ),
    PaperCurve(
        "b", "Cityscapes", "YOLOv5", "ap50_95", score=31.5, law=EquiscoreLaw(k=1 / 3, phi0=1475),
        splits=((200, 2775), (400, 2000), (800, 1000), (1475, 0)), off_curve=((200, 2775),),
    ),
    PaperCurve(
        "c", "VOC2012", "DETR", "ap70", score=34.0, law=EquiscoreLaw(k=3 / 2, phi0=1464),
        splits=((400, 10331), (800, 3000), (1464, 1000)),
    ),
)  # fmt: skip
"""Fig. 5 a to c, in the paper's order."""
