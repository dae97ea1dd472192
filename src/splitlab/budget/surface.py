"""AP as a function of |F| and |W|, and the prior on its parameters."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from splitlab.errors import BudgetError

Floats = NDArray[np.float64]

_REFERENCE_FULL = 400.0
"""|F| at which R(F / 400) is 0; it only defines what `level` means."""

_NO_SATURATION = 1e-4
"""Below this saturation, R is computed by its series to avoid cancellation."""

_NO_MASKS = -30.0
"""Stands for ln 0 to keep R finite; less than a billionth of an image."""


@dataclass(frozen=True)
class ApSurface:
    """An AP surface, given by its six parameters.

    Attributes:
        level: Score, in logits, of a model trained on few images, 400 of them with masks.
        log_mask_gain: ln m; m is the gain in logits per e-fold of F before returns diminish.
        log_image_gain: ln n; n is the same for F + W.
        log_knee: ln of the number of images F + W at which returns start to diminish.
        saturation: s; 0 if returns never level off.
        mixing_loss: Loss in logits by any number of boxes beside 400 masks. In a run of fixed length the boxes take
            the place of masks, so that each mask is seen less often. The loss is proportional to F, as it is to one
            over the views of a mask. It is 0 where nothing shows it.
    """

    level: float
    log_mask_gain: float
    log_image_gain: float
    log_knee: float
    saturation: float
    mixing_loss: float = 0.0

    @classmethod
    def from_vector(cls, parameters: Floats) -> Self:
        """Return the surface of a parameter vector, shape (5,) or (6,), in the order of the attributes."""
        return cls(*(float(value) for value in parameters))

    def ap(self, full: ArrayLike, weak: ArrayLike) -> Floats:
        """Return the expected mask AP, 0..100, of models trained on the splits `full`/`weak`.

        Args:
            full: |F| >= 0, images.
            weak: |W| >= 0, images, broadcast against `full`.

        Raises:
            BudgetError: If a number of images is negative.
        """
        masks, images = _logs(full, weak, self.log_knee)
        gain_masks, gain_images = np.exp(self.log_mask_gain), np.exp(self.log_image_gain)
        returns = gain_masks * _returns(masks, self.saturation) + gain_images * _returns(images, self.saturation)
        logits = self.level + returns - self.mixing_loss * _mixed_masks(full, weak)
        return np.where(masks > _NO_MASKS, 100 * expit(logits), 0.0)

    def weak_for(self, ap: float, full: ArrayLike) -> Floats:
        """Return the |W| at which models with `full` mask images reach a score: the curve of equal AP, not rounded.

        Args:
            ap: The score, between 0 and 100.
            full: |F| >= 0, images, any shape.

        Returns:
            The least |W| for each |F|: 0 if the masks alone suffice, infinite if no number of boxes does.

        Raises:
            BudgetError: If the score is not between 0 and 100.
        """
        if not 0 < ap < 100:
            raise BudgetError(f"a score of {ap:g} cannot be planned for: give an AP between 0 and 100.")
        masks, _ = _logs(full, 0.0, self.log_knee)
        missing = logit(ap / 100) - self.level - np.exp(self.log_mask_gain) * _returns(masks, self.saturation)
        missing += self.mixing_loss * _mixed_masks(full, 1)
        log_images = _log_of_returns(missing / np.exp(self.log_image_gain), self.saturation)
        with np.errstate(over="ignore"):
            images = np.exp(self.log_knee) * np.expm1(log_images)
        boxes = np.maximum(images - np.asarray(full, dtype=np.float64), 0)
        if self.mixing_loss:
            boxes = np.where(self.ap(full, 0) >= ap, 0, boxes)
        return np.where(masks > _NO_MASKS, boxes, np.inf)

    def slopes(self, full: ArrayLike, weak: ArrayLike) -> Floats:
        """Return the derivatives of the expected AP with respect to the parameters, shape (..., 6)."""
        masks, images = _logs(full, weak, self.log_knee)
        s, gain_masks, gain_images = self.saturation, np.exp(self.log_mask_gain), np.exp(self.log_image_gain)
        # d/d ln knee of R(1 + N/knee), with x = 1 + N/knee: -x^(-s-1) N/knee = -x^-s (1 - 1/x).
        by_knee = gain_images * np.exp(-s * images) * np.expm1(-images)
        by_saturation = gain_masks * _returns_slope(masks, s) + gain_images * _returns_slope(images, s)
        logits = [
            np.ones_like(images),
            gain_masks * _returns(masks, s),
            gain_images * _returns(images, s),
            by_knee,
            by_saturation,
            np.zeros_like(images) - _mixed_masks(full, weak),
        ]
        ap = self.ap(full, weak)
        return np.stack(logits, axis=-1) * (ap * (1 - ap / 100))[..., np.newaxis]


def _logs(full: ArrayLike, weak: ArrayLike, log_knee: float) -> tuple[Floats, Floats]:
    masks, boxes = np.broadcast_arrays(np.asarray(full, dtype=np.float64), np.asarray(weak, dtype=np.float64))
    if not ((masks >= 0) & (boxes >= 0)).all():
        raise BudgetError("a split of the AP surface has a negative number of images: give 0 or more.")
    log_masks = np.log(np.maximum(masks / _REFERENCE_FULL, np.exp(_NO_MASKS)))
    return log_masks, np.log1p((masks + boxes) / np.exp(log_knee))


def _mixed_masks(full: ArrayLike, weak: ArrayLike) -> Floats:
    """Return F / 400 where there are boxes too, else 0."""
    masks, boxes = np.asarray(full, dtype=np.float64), np.asarray(weak, dtype=np.float64)
    return np.where(boxes > 0, masks / _REFERENCE_FULL, 0.0)


def _returns(log_x: Floats, s: float) -> Floats:
    if s < _NO_SATURATION:
        return log_x - s * log_x**2 / 2
    return -np.expm1(-s * log_x) / s


def _returns_slope(log_x: Floats, s: float) -> Floats:
    if s < _NO_SATURATION:
        return -(log_x**2) / 2
    return (s * log_x * np.exp(-s * log_x) + np.expm1(-s * log_x)) / s**2


def _log_of_returns(returns: Floats, s: float) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        if s < _NO_SATURATION:
            # The root of the series in `_returns`, in the form that does not divide by a small s.
            return np.where(2 * s * returns < 1, 2 * returns / (1 + np.sqrt(1 - 2 * s * returns)), np.inf)
        return np.where(s * returns < 1, -np.log1p(-s * returns) / s, np.inf)


# In the order of ApSurface's attributes: level, log_mask_gain, log_image_gain, log_knee, saturation, view_loss.
# The prior of the level is wide, because it depends on the dataset.
PRIOR_MEAN: Floats = np.array([0.0, -1.5, -0.8, 5.8, 0.3, 0.0])
PRIOR_SD: Floats = np.array([3.0, 1.0, 1.0, 1.0, 0.5, 0.2])

PARAMETERS_LOW: Floats = np.array([-10.0, -6.0, -6.0, 2.3, 0.0, 0.0])
PARAMETERS_HIGH: Floats = np.array([10.0, 3.0, 3.0, 11.5, 3.0, 3.0])

PRIOR_NOISE = 0.7
"""Standard deviation of one training run about the surface, AP, estimated from the published results."""

PRIOR_NOISE_RUNS = 2
"""Number of runs that this prior counts as."""

# Prior of the seed effect, which all runs with one seed share. It comes from the splits that the atlas trained with
# seeds 0 and 1: 12 of embedded, 12 of pets, 4 of street.
PRIOR_LUCK_RATIO = 2.5
"""Standard deviation of the seed effect in units of a run's noise; 0.5 on pets, 2.1 on embedded."""

PRIOR_LUCK_MOST = 2.3
"""Upper limit of the prior standard deviation, AP; 1.3 on pets, 2.8 on embedded."""

PRIOR_LUCK_SHARE = 0.1
"""Upper limit as a share of the mean score: models with low scores cannot differ much."""

PRIOR_LUCK_SEEDS = 2
"""Degrees of freedom that this prior counts as."""
