"""Lessons about labels: what a label costs, and what box-only images teach."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from splitlab.app.lessons.lesson import ScreenView, Verdict, read_lesson, show_chart
from splitlab.app.lessons.rows import as_hours, measured_alike, measured_splits, say_measured, your_hours
from splitlab.app.widgets.links import linked_choice, linked_count
from splitlab.app.widgets.sources import published, read_dataset
from splitlab.app.widgets.text import as_plain, letter_colour
from splitlab.budget.cost import PRESETS, VOC2012, Prices, box_hours, cost_hours, prices_for
from splitlab.budget.fit import FittedSurface
from splitlab.budget.published import method_rows, published_surface
from splitlab.budget.results import METRICS, check_metric, ways_of_training
from splitlab.data.dataset import Dataset, ImageLabels, ObjectLabel
from splitlab.data.images import ImageArray
from splitlab.data.scenes.embedded import EmbeddedSettings, make_embedded
from splitlab.data.scenes.scene import SceneSettings, draw_scene
from splitlab.data.split import draw_split
from splitlab.figures.batch import mixed_batch_chart, what_changed, what_divides, who_feeds_what
from splitlab.figures.labels import as_full, as_weak
from splitlab.figures.lesson_scores import pair_slopes
from splitlab.figures.lessons import price_bars, split_hours
from splitlab.figures.palette import FULL_HUE, WEAK_HUE
from splitlab.geometry import mask_to_rle, rle_to_xyxy
from splitlab.runs.spec import RunSpec
from splitlab.shown_numbers import rounded, shown
from splitlab.training.fused_batch import BatchLook, Scramble, changes_between
from splitlab.workspace import Workspace

# Few enough creatures to be told apart from the last row, and enough that the scene is not one fish; no coral, which
# looks like one of them.
_SETTINGS = SceneSettings(size=384, company=0.75, most_objects=5, smallest=0.2, largest=0.45, weed_before=1, reef=0)
# Seeds whose scenes hold several creatures that stand clear of one another.
_SEEDS = (7, 3, 4, 0)
_LESSON_SCENES = len(_SEEDS)


@dataclass(frozen=True)
class _ScenePictures:
    """One scene, (384, 384, 3) uint8 RGB, twice.

    Attributes:
        as_full: with its masks drawn in.
        as_weak: with its boxes drawn in.
    """

    as_full: ImageArray
    as_weak: ImageArray


@st.cache_data(show_spinner=False)
def _scene_pictures(number: int) -> _ScenePictures:
    """Draw a scene by its number, 1 to `SCENES`."""
    photo, drawn = draw_scene(np.random.default_rng(_SEEDS[number - 1]), _SETTINGS)
    objects = tuple(_label(class_index, mask) for class_index, mask in drawn)
    labels = ImageLabels(f"scene {number}", Path(f"scene-{number}"), photo.shape[1], photo.shape[0], objects)
    return _ScenePictures(as_full(photo, labels), as_weak(photo, labels))


def _label(class_index: int, mask: np.ndarray) -> ObjectLabel:
    rle = mask_to_rle(mask)
    left, top, right, bottom = (float(side) for side in rle_to_xyxy(rle))
    return ObjectLabel(class_index, (left, top, right, bottom), rle)


_BATCH_SIZES = (4, 6, 8, 12)
_FIRST_SIZE, _FIRST_F_SIZE, _MOST_STEPS = 6, 2, 1000
# A batch whose creatures stand whole and alone.
_FIRST_NUMBER = 109
_IMAGE_SIZE = 160
_FULL, _WEAK = 10, 50
# The embedded scenes, few enough to be drawn at once, with creatures that can be seen from the last row of a class and
# no coral that looks like them.
_SCENES = ".lesson-scenes"
_SCENE_SETTINGS = EmbeddedSettings(_FULL + _WEAK, 1, SceneSettings(smallest=0.4, largest=0.7, weed_before=1, reef=0))
_SIZE, _F_SIZE, _NUMBER, _SCRAMBLE = "batch_size", "f_size", "batch", "scramble"


def _show_fused_batch() -> None:
    """Show a fused batch, which of its images feeds which part of the loss, and what scrambled masks change.

    Raises:
        SplitLabError: the data set cannot be made or read.
    """
    first, second, third, last = st.columns([1, 0.9, 0.8, 1.4], gap="medium")
    with first:
        size = _choose_size()
    with second:
        f_size = _choose_f_size(size)
    number = linked_count("Another batch", 1, _MOST_STEPS, _FIRST_NUMBER, _NUMBER, third)
    with last:
        scramble = _choose_scramble()
    spec, step = _spec(size, f_size), number - 1
    dataset = _scenes(Workspace.here())
    before = _look(spec, dataset.source_hash, step, Scramble.NOTHING, dataset)
    look = _look(spec, dataset.source_hash, step, scramble, dataset)
    if scramble is Scramble.NOTHING:
        st.markdown(f"{who_feeds_what(look)} {what_divides(look)}")
    else:
        st.markdown(what_changed(scramble, look.scrambled, changes_between(before, look)))
    show_chart(mixed_batch_chart(look, before, letter_colour()), "mixed_batch")
    st.caption(_small_print(spec))


def _scenes(workspace: Workspace) -> Dataset:
    make_embedded(workspace.data / _SCENES, settings=_SCENE_SETTINGS)
    return read_dataset(_SCENES, workspace).train


def _choose_size() -> int:
    return int(linked_choice("Batch size", _BATCH_SIZES, _FIRST_SIZE, _SIZE))


def _choose_f_size(size: int) -> int:
    if st.session_state.get(_F_SIZE, _FIRST_F_SIZE) >= size:
        st.session_state[_F_SIZE] = size - 1
    return int(st.slider("f_size: images of F", 1, size - 1, _FIRST_F_SIZE, key=_F_SIZE, bind="query-params"))


def _choose_scramble() -> Scramble:
    return Scramble(linked_choice("Scramble masks", list(Scramble), Scramble.NOTHING, _SCRAMBLE))


def _spec(size: int, f_size: int) -> RunSpec:
    """Return a run of the recipe quick, in small; single images are easier to read than mosaics."""
    return RunSpec.of(
        _SCENES, _FULL, _WEAK, image_size=_IMAGE_SIZE, steps=_MOST_STEPS, batch_size=size, f_size=f_size,
        mosaic=0.0,
    )  # fmt: skip


@st.cache_resource(show_spinner="Computing the loss", max_entries=64)
def _look(spec: RunSpec, source: str, step: int, scramble: Scramble, _dataset: Dataset) -> BatchLook:
    from splitlab.training.batch_loss import look_at_batch

    return look_at_batch(
        spec, draw_split(_dataset, spec.data.full, spec.data.weak, spec.seed), _dataset, step, scramble
    )


def _small_print(spec: RunSpec) -> str:
    return (
        f"{spec.model} as a run starts it, on drawn scenes at {spec.image_size} px. A cell: the image's share of the "
        "gradient that the part of the loss sends to the model's answers; 0 is exactly zero. Framed: changed. "
        "Bars: the loss per image; the line across the mask's: what it would be if the batch size divided it."
    )


_LEAST_MASKS = 100
_MOST_LEFT_HOURS = 1.0
_EQUAL_AP = 0.3
"""AP within which two expected scores count as equal; two training runs of one split differ by more."""
_TRAINED = ((400, 5000), (800, 3000), (1464, 0))
_AS_FULL, _AS_WEAK = "in F, with masks", "in W, with boxes"
_MODEL = ["source", "dataset", "method", "way", "full"]
_FEW_MASKS, _MANY_MASKS = 400, 1464


def _two_labels(view: ScreenView) -> None:
    pictures = _scene_pictures(int(view.select("picture", range(1, _LESSON_SCENES + 1), 1)))
    for key, picture, hue, seconds in (
        ("with_masks", pictures.as_full, FULL_HUE, VOC2012.mask_seconds),
        ("with_boxes", pictures.as_weak, WEAK_HUE, VOC2012.box_seconds),
    ):
        place, label = view.slot(key)
        place.image(picture, width="stretch")
        style = f"border-left:.5rem solid {hue};padding-left:.6rem;font-size:1.25rem"
        place.html(f'<div style="{style}">{label}: {seconds:,.0f}</div>')


def _dear_and_cheap(view: ScreenView) -> None:
    dataset = view.choose("prices_of", list(PRESETS))
    prices = PRESETS[dataset]
    view.say(dataset=dataset, ratio=prices.mask_to_box)
    view.say(mask_seconds=prices.mask_seconds, box_seconds=prices.box_seconds)
    view.chart("price_bars", price_bars(prices))


def _a_split_has_a_price(view: ScreenView) -> None:
    full, weak = view.slider("masks", 0, 1500, 300, 50), view.slider("boxes", 0, 10000, 2000, 250)
    measured = measured_alike("ap70")
    paper = method_rows(published(), "VOC2012", "YOLOv5").set_index(["full", "weak"], drop=False)
    bars = [your_hours(full, weak, VOC2012, "yours"), as_hours(paper.loc[list(_TRAINED)]), as_hours(measured)]
    view.chart("split_hours", split_hours(pd.concat(bars, ignore_index=True)))
    say_measured(view, measured)


def _spend_it_all(view: ScreenView) -> None:
    hours = view.slider("purse", 20, 80, 40, 5)
    full, weak = view.slider("give_masks", 0, 600, 0, 10), view.slider("give_boxes", 0, 8000, 0, 50)
    view.say(hours=hours, least_masks=_LEAST_MASKS)
    view.split("spent", full, weak, VOC2012, hours)
    view.judge(_judge_spending(full, weak, float(hours), VOC2012))


def _judge_spending(full: int, weak: int, hours: float, prices: Prices) -> Verdict:
    """Judge a split that is to use up the hours, with `LEAST_MASKS` mask images or more.

    Raises:
        BudgetError: a count is negative.
    """
    cost = cost_hours(float(full), float(weak), prices)
    if full < _LEAST_MASKS:
        return Verdict(False, "too_few_masks", {"full": full})
    if cost > hours:
        # A little too much must not be shown as 0.0 hours too much.
        digits = 1 if round(cost, 1) > hours else 3
        over = round(cost, digits) - hours
        return Verdict(False, "too_much", {"cost": f"{cost:,.{digits}f}", "over": f"{over:,.{digits}f}"})
    if hours - cost > _MOST_LEFT_HOURS:
        more = int((hours - cost) * 3600 / prices.box_seconds)
        return Verdict(False, "too_little", {"cost": cost, "left": hours - round(cost, 1), "more": more})
    seconds = {"mask_seconds": prices.mask_seconds, "box_seconds": prices.box_seconds}
    return Verdict(True, "spent", {"full": full, "weak": weak, "cost": cost, **seconds})


def _what_an_image_tells(view: ScreenView) -> None:
    has_masks = view.choose("seen_as", [_AS_FULL, _AS_WEAK]) == _AS_FULL
    pictures = _scene_pictures(2)
    view.slot("scene")[0].image(pictures.as_full if has_masks else pictures.as_weak, width="stretch")
    view.say(outline="**yes**" if has_masks else "no")


def _mixed_training(view: ScreenView) -> None:
    with view.slot("fused_batch")[0]:
        _show_fused_batch()


def _paper_gains() -> pd.DataFrame:
    return _weak_gains(method_rows(published(), "VOC2012", "YOLOv5"), "ap70")


def _only_boxes_added(view: ScreenView) -> None:
    pairs = _paper_gains()
    full = view.select("with_masks", sorted(pairs["full"].unique().tolist()), _FEW_MASKS)
    pairs = pairs[pairs["full"] == full]
    # The largest number of boxes differs from |F| to |F|: all images less the masks.
    amount = view.select("boxes_added", ["1,000", "3,000", "5,000", "all"], "5,000")
    weak = pairs["weak"].max() if amount == "all" else int(amount.replace(",", ""))
    pair = pairs[pairs["weak"] == weak]
    view.say(full=full, weak=weak, gain=_gain(pair.iloc[0]), hours=f"{pair['hours'].item():.0f}")
    view.chart("published_pair", pair_slopes(pair, METRICS["ap70"]))


def _measured_here_too(view: ScreenView) -> None:
    best = _few_to_many_masks(_weak_gains(measured_splits("ap70"), "ap70"))
    paper = _paper_gains()
    full = view.select("beside", sorted(paper["full"].unique().tolist()), _FEW_MASKS)
    say_measured(view, best)
    if not best.empty:
        told = [
            f"{as_plain(row['dataset'])}: {row['full']:,} masks, {row['weak']:,} boxes added, "
            f"**{_gain(row)} AP** for {row['hours']:.1f} hours"
            for _, row in best.iterrows()
        ]
        view.say(pairs="; ".join(told))
    pairs = pd.concat([paper[(paper["full"] == full) & (paper["weak"] == 5000)], best])
    view.chart("both_pairs", pair_slopes(pairs, METRICS["ap70"]))


def _gain(pair: pd.Series) -> str:
    return f"{rounded(pair['together']) - rounded(pair['alone']):+.1f}"


def _weak_gains(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return one row for each split with boxes whose masks were also trained on alone, in the same way.

    Args:
        table: a results table; of several training runs of a split the mean counts.
        metric: one of `METRICS`; rows without it are left out.

    Returns:
        Columns source, dataset, method, way, full, weak, alone and together (AP 0..100 without and with the
        boxes), and hours (what the boxes cost, by the dataset's prices); by |F|, then |W|, within each model.

    Raises:
        BudgetError: the metric is none of `METRICS`.
    """
    check_metric(metric)
    scored = table[(table["group"] == "split") & table[metric].notna()]
    scored = scored.assign(way=ways_of_training(scored))
    means = scored.groupby([*_MODEL, "weak"], sort=False)[metric].mean().reset_index()
    alone = means[means["weak"] == 0].drop(columns="weak").rename(columns={metric: "alone"})
    pairs = means[means["weak"] > 0].rename(columns={metric: "together"}).merge(alone, on=_MODEL)
    priced = zip(pairs["weak"], pairs["dataset"], strict=True)
    hours = [box_hours(float(weak), prices_for(dataset)) for weak, dataset in priced]
    return pairs.assign(hours=hours).sort_values([*_MODEL, "weak"], ignore_index=True)


def _few_to_many_masks(gains: pd.DataFrame) -> pd.DataFrame:
    """Return at most three rows of `weak_gains`, with few, some and many masks, each with the most boxes for them."""
    if gains.empty:
        return gains
    best = gains.loc[gains.groupby(["dataset", "method", "way", "full"])["weak"].idxmax()]
    return best.iloc[sorted({0, len(best) // 2, len(best) - 1})]


def _boxes_instead_of_masks(view: ScreenView) -> None:
    weak = view.slider("instead", 0, 10_000, 500, 100)
    hours = cost_hours(float(_MANY_MASKS), 0.0, VOC2012)
    view.say(all_masks=_MANY_MASKS, hours=hours)
    view.split("replacement", _FEW_MASKS, weak, VOC2012, hours)
    fitted = published_surface("VOC2012", "YOLOv5", "ap70")
    view.judge(_judge_replacement((_FEW_MASKS, weak), (_MANY_MASKS, 0), fitted, VOC2012))


def _judge_replacement(split: tuple[int, int], goal: tuple[int, int], fitted: FittedSurface, prices: Prices) -> Verdict:
    """Judge whether a split (F, W) is expected to score what the goal does, within `EQUAL_AP`.

    Raises:
        BudgetError: a count is negative.
    """
    ap, wanted = (float(fitted.surface.ap(*sizes)) for sizes in (split, goal))
    spent, saved_from = (round(cost_hours(float(full), float(weak), prices), 1) for full, weak in (split, goal))
    names = {"split": f"{split[0]:,}/{split[1]:,}", "goal": f"{goal[0]:,}/{goal[1]:,}"}
    values = {**names, "ap": shown(ap), "wanted": shown(wanted), "saved": saved_from - spent}
    if abs(ap - wanted) <= _EQUAL_AP:
        return Verdict(True, "equal", values)
    return Verdict(False, "too_few" if ap < wanted else "too_many", values)


WHAT_A_LABEL_COSTS = read_lesson(
    "what_a_label_costs", _two_labels, _dear_and_cheap, _a_split_has_a_price, _spend_it_all
)
WHAT_WEAK_LABELS_BUY = read_lesson(
    "what_weak_labels_buy", _what_an_image_tells, _mixed_training, _only_boxes_added, _measured_here_too,
    _boxes_instead_of_masks,
)  # fmt: skip
