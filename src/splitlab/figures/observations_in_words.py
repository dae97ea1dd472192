"""What Observations 5 and 6 of the paper (Sec. 4.4) say, beside what was measured, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from splitlab.evaluation.scores_of_objects import Estimate
from splitlab.figures.mistakes_by_split import SplitMistakes


@dataclass(frozen=True)
class _Observation:
    claim: str
    measure: str
    grows: str
    fixed: str
    told: str
    number: str
    should_rise: bool


_OBSERVATIONS = (
    _Observation(
        "Observation 5: more box images should make wrong classes rarer.",
        "class_confusion", "weak", "full", "{name} names {value} of what it localises wrongly", ".1%", False,
    ),
    _Observation(
        "Observation 6: more mask images should make the masks of found objects better.",
        "mask_iou", "full", "weak", "what {name} finds has a mean mask IoU of {value}", ".3f", True,
    ),
)  # fmt: skip
_SIZES = {"full": "|F|", "weak": "|W|"}


def observations_in_words(models: Sequence[SplitMistakes]) -> list[tuple[str, str]]:
    """Return each observation and what the models show of it; "95 %" stands for intervals over images."""
    return [(observation.claim, _tell(models, observation)) for observation in _OBSERVATIONS]


def _tell(models: Sequence[SplitMistakes], observation: _Observation) -> str:
    pair = _furthest_apart(models, observation)
    size = _SIZES[observation.fixed]
    if pair is None:
        return f"Two models that were trained alike, with equal {size}, would show it: pick such models."
    said = " and ".join(_of_model(model, observation) for model in pair)
    less, more = (getattr(model, observation.measure) for model in pair)
    verdict = _verdict(less, more, observation)
    return f"Here, at {size} = {getattr(pair[0], observation.fixed):,}, {said}. {verdict}"


def _furthest_apart(
    models: Sequence[SplitMistakes], observation: _Observation
) -> tuple[SplitMistakes, SplitMistakes] | None:
    """Of models that were trained alike, take the two that differ most in one size while the other is equal.

    The smaller one comes first.
    """
    known = [model for model in models if getattr(model, observation.measure).value is not None]

    def gap(pair: tuple[SplitMistakes, SplitMistakes]) -> int:
        return int(getattr(pair[1], observation.grows) - getattr(pair[0], observation.grows))

    alike = [
        (less, more)
        for less in known
        for more in known
        if less.trained == more.trained
        and getattr(less, observation.fixed) == getattr(more, observation.fixed)
        and gap((less, more)) > 0
    ]
    return max(alike, key=gap, default=None)


def _of_model(model: SplitMistakes, observation: _Observation) -> str:
    estimate: Estimate = getattr(model, observation.measure)
    value, low, high = (
        format(number or 0.0, observation.number) for number in (estimate.value, estimate.low, estimate.high)
    )
    return observation.told.format(name=model.name, value=f"{value} (95 %: {low} to {high})")


def _verdict(first: Estimate, second: Estimate, observation: _Observation) -> str:
    if first.low == first.high or second.low == second.high:
        return "An interval without width comes from too few images, or objects that are all alike: it decides nothing."
    if (first.low or 0) <= (second.high or 0) and (second.low or 0) <= (first.high or 0):
        return "The intervals overlap, so these images alone leave it open."
    as_said = ((second.value or 0) > (first.value or 0)) == observation.should_rise
    return f"The intervals lie apart, {'as the observation says' if as_said else 'against the observation'}."
