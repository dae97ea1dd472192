"""What the timed labels say: seconds of each kind, the ratio, and the plan that follows from these prices."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from splitlab.app.navigation import errors_shown, set_prices_for_all_pages
from splitlab.app.widgets.links import linked_choice
from splitlab.app.widgets.prices import link_to_prices
from splitlab.budget.cost import ImagePool, Prices, prices_for
from splitlab.budget.label_prices import OBJECTS_PER_IMAGE, LabelPrices
from splitlab.budget.planner import plan_for_hours
from splitlab.budget.published import MAIN_METRIC, TRAINING_IMAGES, published_surface
from splitlab.budget.stopwatch import BOX, KINDS, LEAST_LABELS, Interval, KindTime, TimedLabel, ratio_of, time_of
from splitlab.shown_numbers import shown

_DATASET, _METHOD, _HOURS = "VOC2012", "YOLOv5", 80
_MASK_PRICE = "mask_price"


def show_times(labels: Sequence[TimedLabel]) -> None:
    """Show the seconds of each kind of label that was drawn, and how many boxes take as long as one mask."""
    times = _times(labels)
    if not times:
        st.caption(f"From {LEAST_LABELS} labels of a kind on, its time is shown here.")
        return
    ratios = {kind: ratio for kind in times if kind != BOX and (ratio := ratio_of(labels, kind))}
    columns = st.columns(len(times) + len(ratios))
    for column, time in zip(columns, times.values(), strict=False):
        column.metric(f"{KINDS[time.kind].capitalize()}, mean seconds", f"{shown(time.seconds.value)} s")
        column.caption(f"{_range(time.seconds)}; {_based_on(time)}")
    for column, (kind, ratio) in zip(columns[len(times) :], ratios.items(), strict=True):
        column.metric(f"Boxes for one {KINDS[kind]}", f"{shown(ratio.value)} : 1")
        column.caption(_range(ratio))


def offer_prices(labels: Sequence[TimedLabel]) -> None:
    """Show the plan that follows from the times, a link to it, and a button that sets these prices on all pages."""
    times = _times(labels)
    masks = [kind for kind in times if kind != BOX]
    if BOX not in times or not masks:
        st.info(f"Prices need {LEAST_LABELS} boxes and {LEAST_LABELS} masks by one person. Start again to draw more.")
        return
    kind = masks[0]
    if len(masks) > 1:
        kind = linked_choice("A mask is drawn as", masks, kind, _MASK_PRICE, format_func=KINDS.__getitem__)
    box, mask = (round(times[each].seconds.value, 2) for each in (BOX, kind))
    link = link_to_prices(LabelPrices(box, mask, per_object=True))
    with errors_shown():
        st.markdown(_plan_in_words(box, mask))
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Use these prices on all pages", icon=":material/sell:", type="primary"):
            set_prices_for_all_pages(link)
            st.toast(f"A box costs {box:g} s and a mask {mask:g} s on all pages now.")
        st.page_link(
            "pages/plan.py", label="Plan a budget with them", icon=":material/arrow_forward:", query_params=link
        )


def _times(labels: Sequence[TimedLabel]) -> dict[str, KindTime]:
    return {kind: time for kind in KINDS if (time := time_of(labels, kind))}


def _range(interval: Interval) -> str:
    return f"95% interval {shown(interval.low)} to {shown(interval.high)}"


def _based_on(time: KindTime) -> str:
    of = f"{time.labels:,} labels" + (f" of {time.annotators} people" if time.annotators > 1 else "")
    return of if time.iou is None else f"{of}, IoU {time.iou:.2f} with the ground truth"


@st.cache_data(show_spinner=False, max_entries=64)
def _plan_in_words(box: float, mask: float) -> str:
    objects = OBJECTS_PER_IMAGE[_DATASET]
    own = LabelPrices(box, mask, per_object=True, name="your prices").per_image(objects)
    theirs = prices_for(_DATASET)
    return (
        f"**The plan that follows.** {_HOURS} hours on {_DATASET} ({objects:g} objects in an image) "
        f"are best spent on {_best(own)} at your prices, and on {_best(theirs)} at the paper's "
        f"({shown(theirs.mask_to_box)} : 1). Predicted from the published {_METHOD} models."
    )


def _best(prices: Prices) -> str:
    fitted = published_surface(_DATASET, _METHOD, MAIN_METRIC[_DATASET])
    best = plan_for_hours(fitted, prices, _HOURS, ImagePool(TRAINING_IMAGES[_DATASET])).best
    return f"**{best.full:,}** images with masks and **{best.weak:,}** with boxes"
