"""Home: the question, an answer predicted from the published models, and links to the other pages."""

import streamlit as st

from splitlab.app.navigation import change_kept_link, page_head

_DATASET, _METHOD = "VOC2012", "YOLOv5"
_FIRST_HOURS = 80
_ALT = "Expected AP70 on val of VOC2012 against the images with masks that these hours pay for, with its interval"
_SENT_HOURS = "hours sent to Plan"
_PAGES = (
    ("plan", "Plan a budget", "Your hours, your prices, your pilot: the split to label, and the score to expect."),
    ("cost_against_ap", "Cost against AP", "Every published model: what it cost, what it scores, what beats it."),
    ("compare_masks", "Compare masks", "Same photo, different splits: see what masks and boxes each teach."),
    ("train", "Train", "Train a model on a split of your own photos, and watch it learn."),
)


def show_page() -> None:
    """Show the page."""
    page_head(
        "How many masks, how many boxes?",
        "A mask takes 6 to 11 times as long to draw as a box. SplitLab predicts how well a model will do for each "
        "split of your labelling hours into images **with masks (F)** and images **with boxes only (W)**.",
    )
    hours = st.slider("Hours of labelling", 15, 195, _FIRST_HOURS, key="hours", bind="query-params", format="%d h")
    _show_answer(hours)
    _show_pages(hours)


def _show_answer(hours: int) -> None:
    """Show the best split for these hours, and the chart behind it."""
    # Imported here: they take a second, and the title is shown before.
    from splitlab.app.widgets.split_chip import split_chip
    from splitlab.budget.cost import PRESETS, ImagePool
    from splitlab.budget.plan_in_words import caveats, limit_in_words, other_ways, plan_limit, unspent_in_words
    from splitlab.budget.planner import budget_line, plan_for_hours
    from splitlab.budget.published import FLATTERED, MAIN_METRIC, TRAINING_IMAGES, published_surface
    from splitlab.budget.results import METRICS
    from splitlab.figures.plan import plan_chart
    from splitlab.shown_numbers import shown

    metric = MAIN_METRIC[_DATASET]
    fitted = published_surface(_DATASET, _METHOD, metric)
    prices, pool = PRESETS[_DATASET], ImagePool(TRAINING_IMAGES[_DATASET])
    plan = plan_for_hours(fitted, prices, hours, pool)
    best, limit = plan.best, plan_limit(fitted, prices, hours, pool, plan.best)
    answer, bar = st.columns([3, 2], vertical_alignment="center", gap="large")
    answer.markdown(
        f"### With {hours} hours, label **{best.full:,}** images with masks and **{best.weak:,}** with boxes: "
        f"expect AP70 **{shown(best.ap)}** ({shown(best.low)} to {shown(best.high)})"
    )
    told = (
        f"Predicted from the {len(fitted.ap)} published {_METHOD} models on {_DATASET}, scored on its val images; "
        "90% interval. AP70 is the average precision of masks at an IoU of 0.70; 100 is perfect. "
        f"{limit_in_words(limit, pool)} {unspent_in_words(limit, pool)} {other_ways(plan, hours)}"
    )
    with bar:
        split_chip(best.full, best.weak, prices, scale_hours=float(hours))
    axis = f"expected {METRICS[metric]}<br>on val of {_DATASET}"
    chart = plan_chart(budget_line(fitted, prices, hours, pool), plan, axis, limit.spends_from)
    st.plotly_chart(chart, key="home_chart", config={"displayModeBar": False}, alt=_ALT)
    for sentence in (told, FLATTERED, *caveats(fitted, best)):
        st.caption(sentence)


def _show_pages(hours: int) -> None:
    for column, (page, title, text) in zip(st.columns(len(_PAGES)), _PAGES, strict=True):
        with column.container(border=True, height="stretch"):
            link = _link_to_plan(hours) if page == "plan" else {}
            st.page_link(f"pages/{page}.py", label=f"**{title}**", icon=":material/arrow_forward:", query_params=link)
            st.caption(text)


def _link_to_plan(hours: int) -> dict[str, str]:
    """Return parameters that let Plan a budget begin with these hours, also if it is opened from the menu."""
    link = {"mode": "hours I have", "hours_planned": str(hours)}
    if st.session_state.get(_SENT_HOURS, _FIRST_HOURS) != hours:
        change_kept_link("plan", link)
    st.session_state[_SENT_HOURS] = hours
    return link
