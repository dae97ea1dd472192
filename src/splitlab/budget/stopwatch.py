"""What labels cost by a stopwatch: seconds of each kind of label from a few timed ones, for one annotator or a class.

Times to label are close to log-normal: most are short, a few are long. What a budget needs is their arithmetic mean,
exp(mu + s^2 / 2), not the median exp(mu). Its interval is Cox's, with Student's t for few labels (U. Olsson,
"Confidence intervals for the mean of a log-normal distribution", Journal of Statistics Education 13(1), 2005).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import correlation, fmean, stdev, variance
from types import MappingProxyType

from splitlab.errors import BudgetError

BOX, OUTLINE, ASSISTED = "box", "outline", "assisted"
KINDS: Mapping[str, str] = MappingProxyType({BOX: "box", OUTLINE: "outline", ASSISTED: "assisted mask"})
"""Kinds of label by their names in files, and what pages call them. A new kind is one more line here."""

LEAST_LABELS = 3
"""Labels of one kind that an annotator needs to be counted; two say almost nothing about the spread."""

MOST_SECONDS = 3600.0
"""The longest time of a label; a longer one is a break that was not noticed."""

CONFIDENCE = 0.95


@dataclass(frozen=True)
class TimedLabel:
    """One label that somebody drew against the clock.

    Attributes:
        annotator: Who drew it.
        kind: A key of `KINDS`.
        item: The object, equal for labels of one object: they are compared in pairs.
        seconds: From showing the object to the finished label, without pauses.
        iou: IoU with the ground truth, 0..1; None where there is none.

    Raises:
        BudgetError: The kind is unknown, or a number is impossible.
    """

    annotator: str
    kind: str
    item: str
    seconds: float
    iou: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BudgetError(f"{self.kind[:40]!r} is no kind of label: it is one of {', '.join(KINDS)}.")
        if not 0 < self.seconds <= MOST_SECONDS:
            raise BudgetError(f"a label of {self.seconds} seconds: the time is above 0 and at most {MOST_SECONDS:g}.")
        if self.iou is not None and not 0 <= self.iou <= 1:
            raise BudgetError(f"an IoU of {self.iou}: it is from 0 to 1, or empty without ground truth.")


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class KindTime:
    """What one kind of label takes.

    Attributes:
        kind: A key of `KINDS`.
        seconds: Mean seconds of a label, of an average annotator.
        labels: Number of labels that were timed.
        annotators: Number of people who drew them.
        iou: Mean IoU with the ground truth, each annotator weighted equally; None without ground truth.
    """

    kind: str
    seconds: Interval
    labels: int
    annotators: int
    iou: float | None


def by_annotator(labels: Sequence[TimedLabel]) -> dict[str, list[TimedLabel]]:
    """Return the labels of each annotator, in the order of their first labels."""
    people: dict[str, list[TimedLabel]] = {}
    for label in labels:
        people.setdefault(label.annotator, []).append(label)
    return people


def time_of(labels: Sequence[TimedLabel], kind: str) -> KindTime | None:
    """Return what a kind of label takes; None if nobody drew `LEAST_LABELS` of it.

    With one annotator, the interval is for their own mean over objects like those that they labelled. With several, it
    is for the mean annotator, whom they stand for: each counts the same, however many objects they labelled.
    """
    people = {name: _of_kind(own, kind) for name, own in by_annotator(labels).items()}
    people = {name: own for name, own in people.items() if len(own) >= LEAST_LABELS}
    if not people:
        return None
    times = [_LogTimes.of(own) for own in people.values()]
    if len(times) == 1:
        seconds = _interval(times[0].log_mean, times[0].variance_of_log_mean, times[0].count - 1)
    else:
        seconds = _ratio_of_means([time.mean for time in times], [1.0] * len(times))
    ious = [fmean(known) for own in people.values() if (known := [each.iou for each in own if each.iou is not None])]
    number = sum(len(own) for own in people.values())
    return KindTime(kind, seconds, number, len(people), fmean(ious) if ious else None)


def ratio_of(labels: Sequence[TimedLabel], kind: str, to: str = BOX) -> Interval | None:
    """Return how many times as long one kind of label takes as another; None if nobody drew `LEAST_LABELS` of both.

    Labels of one object, and times of one annotator, are compared in pairs: slow people and difficult objects are in
    both kinds.
    """
    pairs = [(_of_kind(own, kind), _of_kind(own, to)) for own in by_annotator(labels).values()]
    pairs = [pair for pair in pairs if min(map(len, pair)) >= LEAST_LABELS]
    if not pairs:
        return None
    if len(pairs) == 1:
        return _ratio_of_one(*pairs[0])
    return _ratio_of_means([_LogTimes.of(first).mean for first, _ in pairs], [_LogTimes.of(b).mean for _, b in pairs])


@dataclass(frozen=True)
class _LogTimes:
    """Count, mean and sample variance of the logarithms of times."""

    count: int
    mu: float
    s2: float

    @classmethod
    def of(cls, labels: Sequence[TimedLabel]) -> _LogTimes:
        logs = [math.log(label.seconds) for label in labels]
        return cls(len(logs), fmean(logs), variance(logs))

    @property
    def log_mean(self) -> float:
        return self.mu + self.s2 / 2

    @property
    def mean(self) -> float:
        return math.exp(self.log_mean)

    @property
    def variance_of_log_mean(self) -> float:
        """Cox's: the variance of the mean, and of half the variance."""
        return self.s2 / self.count + self.s2**2 / (2 * (self.count - 1))


def _of_kind(labels: Sequence[TimedLabel], kind: str) -> list[TimedLabel]:
    return [label for label in labels if label.kind == kind]


def _ratio_of_one(first: Sequence[TimedLabel], second: Sequence[TimedLabel]) -> Interval:
    one, other = _LogTimes.of(first), _LogTimes.of(second)
    shared, common = _correlation(first, second)
    # With a correlation, rather than a covariance of the pairs alone, the difference below cannot be negative.
    together = common * shared * math.sqrt(one.s2 * other.s2) / (one.count * other.count)
    spread = one.variance_of_log_mean + other.variance_of_log_mean - 2 * together
    return _interval(one.log_mean - other.log_mean, spread, min(one.count, other.count) - 1)


def _correlation(first: Sequence[TimedLabel], second: Sequence[TimedLabel]) -> tuple[float, int]:
    """Return the correlation of the log times of objects that have both kinds, and their number; 0 for too few."""
    others = {label.item: math.log(label.seconds) for label in second}
    logs = {label.item: math.log(label.seconds) for label in first if label.item in others}
    one, other = list(logs.values()), [others[item] for item in logs]
    if len(logs) < LEAST_LABELS or min(stdev(one), stdev(other)) == 0:
        return 0.0, len(logs)
    return correlation(one, other), len(logs)


def _ratio_of_means(over: Sequence[float], under: Sequence[float]) -> Interval:
    """Return the mean of one number of each annotator over that of another, as a ratio estimator of pairs."""
    over_mean, under_mean = fmean(over), fmean(under)
    apart = [a / over_mean - b / under_mean for a, b in zip(over, under, strict=True)]
    return _interval(math.log(over_mean / under_mean), variance(apart) / len(apart), len(apart) - 1)


def _interval(log_value: float, spread: float, freedom: int) -> Interval:
    """Return exp(log_value) with its interval; `spread` is the variance of the logarithm."""
    reach = _student_t(freedom) * math.sqrt(spread)
    # With two people whose times differ a lot, the upper end would be infinite.
    return Interval(math.exp(log_value), math.exp(log_value - min(reach, 99.0)), math.exp(log_value + min(reach, 99.0)))


@lru_cache(maxsize=256)
def _student_t(freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + CONFIDENCE) / 2, freedom))
