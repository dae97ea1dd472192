"""Lesson 8: mix masks with boxes, or draw masks only, by the price ratio."""

from __future__ import annotations

from splitlab.app.lessons.lesson import ScreenView, Verdict, read_lesson
from splitlab.app.widgets.sources import published
from splitlab.budget.cost import VOC2012, ImagePool, Prices
from splitlab.budget.label_prices import price_presets
from splitlab.budget.law import PAPER_CURVES, EquiscoreLaw, PaperCurve
from splitlab.budget.mix_or_masks import MixOrMasks, equal_score, mix_or_masks, share_by_law
from splitlab.budget.published import TRAINING_IMAGES, method_rows, published_surface
from splitlab.figures.mix_or_masks import costs_by_ratio, pays_from, preset_ratios, turning_line
from splitlab.shown_numbers import shown

_CURVES = {f"{curve.method} on {curve.dataset}": curve for curve in PAPER_CURVES}
_CURVE, _ASKED = PAPER_CURVES[0], PAPER_CURVES[2]
_RATIOS = (0.5, 12.0)
# How far from 4k an answer may be.
_NEAR = 0.15


def _turn_the_line(view: ScreenView) -> None:
    found = _at_ratio(_CURVE, view.slider("turn", *_RATIOS, 6.3, 0.1))
    view.say("mix" if found.pays else "masks_only", masks=found.masks, score=f"{_CURVE.score:g}")
    if found.pays:
        saved = 1 - found.mixed.hours / found.masks_hours
        view.say(split=f"{found.mixed.full:,}/{found.mixed.weak:,}", saved=f"{saved:.0%}")
    rows = method_rows(published(), _CURVE.dataset, _CURVE.method)
    alone = rows.loc[(rows["full"] == found.masks) & (rows["weak"] == 0), _CURVE.metric].item()
    view.say(alone_score=shown(alone))
    view.chart("turning", turning_line(_CURVE.law, found))


def _at_ratio(curve: PaperCurve, ratio: float) -> MixOrMasks:
    prices = Prices(VOC2012.box_seconds, VOC2012.box_seconds * float(ratio), "your prices")
    return mix_or_masks(curve.law, prices, TRAINING_IMAGES[curve.dataset])


def _why_four(view: ScreenView) -> None:
    law = _CURVES[view.choose("begins_of", list(_CURVES))].law
    part = view.slider("part", 14, 54, 25)
    tau = part / 100
    view.say(part=part, rest=100 - part, needed=law.k / (tau * (1 - tau)), least=shown(4 * law.k))
    view.chart("begins", pays_from(law, tau))


def _todays_prices(view: ScreenView) -> None:
    law = _CURVES[view.choose("prices_on", list(_CURVES))].law
    presets = sorted(price_presets().values(), key=lambda preset: preset.ratio)
    mixing = [preset.label for preset in presets if preset.ratio > 4 * law.k]
    masks_only = [preset.label for preset in presets if preset.ratio <= 4 * law.k]
    second_hand = "; ".join(preset.label for preset in presets if preset.second_hand)
    view.say(least=shown(4 * law.k), mixing="; ".join(mixing), masks_only="; ".join(masks_only))
    view.say(second_hand=second_hand)
    view.chart("preset_ratios", preset_ratios(presets, law))


def _two_answers(view: ScreenView) -> None:
    ratio = float(view.slider("at_ratio", *_RATIOS, 3.0, 0.1))
    images = TRAINING_IMAGES[_CURVE.dataset]
    score = equal_score(
        published_surface(_CURVE.dataset, _CURVE.method, _CURVE.metric), _CURVE.score, ImagePool(images)
    )
    if score is None:
        raise ValueError("a pool without labels reaches no score")
    by_law = min(share_by_law(_CURVE.law, images, ratio), 1.0)
    view.say(surface_from=score.pays_above, ratio=ratio, score=f"{_CURVE.score:g}", surface_masks=score.masks)
    view.say(surface_cost=f"{score.share(ratio):.1%}", law_cost=f"{by_law:.1%}")
    view.chart("both_costs", costs_by_ratio(score, _CURVE.law, ratio))


def _where_it_begins(view: ScreenView) -> None:
    ratio = float(view.slider("begins_at", *_RATIOS, 2.0, 0.1))
    view.say(model=f"{_ASKED.method} on {_ASKED.dataset}", k=f"{_ASKED.law.k:g}")
    verdict = _judge_beginning(ratio, _ASKED.law, TRAINING_IMAGES[_ASKED.dataset])
    view.judge(verdict)
    if verdict.right:
        view.chart("answered_line", turning_line(_ASKED.law, _at_ratio(_ASKED, ratio)))


def _judge_beginning(ratio: float, law: EquiscoreLaw, images: int) -> Verdict:
    """Judge whether mixing begins to pay at about this price ratio."""
    least = 4 * law.k
    if abs(ratio - least) <= _NEAR:
        return Verdict(True, "begins", {"least": shown(least)})
    off = abs(share_by_law(law, images, ratio) - 1)
    return Verdict(False, "too_low" if ratio < least else "too_high", {"ratio": ratio, "off": f"{off:.0%}"})


MIX_OR_MASKS_ONLY = read_lesson(
    "mix_or_masks_only", _turn_the_line, _why_four, _todays_prices, _two_answers, _where_it_begins
)
