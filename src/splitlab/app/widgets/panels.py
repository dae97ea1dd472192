"""Masks of several models side by side or to swipe, controls that filter them, and a table of the objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd
import streamlit as st

from splitlab.app.widgets.comparisons import forget_unknown
from splitlab.app.widgets.links import linked_choice
from splitlab.app.widgets.photos import Photo
from splitlab.app.widgets.sources import HIGHEST_SCORE, LEAST_SCORE, Choice
from splitlab.app.widgets.swipe import choose_sides, show_swipe
from splitlab.app.widgets.text import as_label, as_plain
from splitlab.evaluation.disagreement import (
    ComparedImage,
    ComparedObject,
    SeenBy,
    ShownObjects,
    class_votes,
    mean_iou,
    seen_by,
    shown_objects,
)
from splitlab.figures.mask_panels import DrawnObject, Panel, mask_panels

_SEEN = "seen"
_IOU = "mask IoU between models"


def choose_seen(image: ComparedImage) -> ShownObjects | None:
    """Choose by how many models drawn objects must be seen; None for no restriction."""
    some_can_be = len(image.models) > 2
    labelled = any(compared.truth_index is not None for compared in image.objects)
    options = [
        each.value
        for each in SeenBy
        if (each is not SeenBy.SOME or some_can_be) and (each is not SeenBy.NONE or labelled)
    ]
    chosen = st.pills(
        "Only objects seen by",
        options,
        selection_mode="multi",
        key=_SEEN,
        bind="query-params",
        help="Seen: a mask IoU of at least 0.5 with the object, whatever the predicted class. Nothing chosen: all.",
    )
    return shown_objects(image, {SeenBy(each) for each in chosen}) if chosen else None


def show_seen(image: ComparedImage, class_names: Sequence[str]) -> None:
    """Show a row for each object: its label, who sees it as what, and how similar the masks are."""
    if not image.objects:
        return
    st.dataframe(
        pd.DataFrame([_row(image, compared, class_names) for compared in image.objects]),
        hide_index=True,
        column_config={_IOU: st.column_config.NumberColumn(_IOU, format="%.2f")},
        placeholder="–",
        key="seen_table",
    )
    st.caption("Each model's best detection of an object. The IoU is the mean over all pairs of models that see it.")


def _row(image: ComparedImage, compared: ComparedObject, names: Sequence[str]) -> dict[str, object]:
    votes = [f"{count} {names[index]}" for index, count in class_votes(compared)]
    says = {model: f"{names[vote.class_index]} {vote.score:.2f}" for model, vote in compared.votes.items()}
    return {
        "labelled as": None if compared.truth_class is None else names[compared.truth_class],
        "seen by": f"{seen_by(image, compared).value}: {len(compared.votes)} of {len(image.models)}",
        "class votes": ", ".join(votes) or None,
        _IOU: mean_iou(compared),
        **{model: says.get(model) for model in image.models},
    }


# More classes than these are shown in one line that scrolls.
_MOST_WRAPPED = 12
FIRST_SCORE = 0.2
_SIDE_BY_SIDE, _SWIPE = "side by side", "swipe"
# Names in the link of panels that do not belong to a checkpoint.
PHOTO, TRUTH = "photo", "truth"
SCORE = "score"
# Parameter of a link to one object, so that no earlier filter hides it.
SHOW_ALL = {"hidden": "nothing"}
_CLASSES, _OFFERED = "classes", "classes offered before"


def show_all_where_asked() -> None:
    """Reset the filters, which are kept between visits, if the link has `SHOW_ALL`."""
    if SHOW_ALL.items() <= st.query_params.to_dict().items():
        for key in (SCORE, _CLASSES, _SEEN):
            st.session_state.pop(key, None)
        for name in SHOW_ALL:
            del st.query_params[name]


def choose_score() -> float:
    """Choose the least confidence that is shown."""
    return st.slider(
        "Least confidence",
        LEAST_SCORE,
        HIGHEST_SCORE,
        FIRST_SCORE,
        0.05,
        key=SCORE,
        bind="query-params",
        help="Objects that a model is less sure of are hidden.",
    )


def choose_classes(names: list[str]) -> set[str]:
    """Choose the classes that are shown: all at first; those added later by another model are shown too."""
    forget_unknown(_CLASSES, names)
    _show_new_classes(names)
    chosen = st.pills(
        "Classes",
        names,
        default=names,
        selection_mode="multi",
        format_func=as_label,
        key=_CLASSES,
        bind="query-params",
        wrap=len(names) <= _MOST_WRAPPED,
    )
    return set(chosen)


def _show_new_classes(names: list[str]) -> None:
    # The control would keep its choice, and classes that were not offered before would be hidden.
    before = st.session_state.get(_OFFERED, names)
    if _CLASSES in st.session_state and not set(names) <= set(before):
        chosen = st.session_state[_CLASSES]
        st.session_state[_CLASSES] = [name for name in names if name in chosen or name not in before]
    st.session_state[_OFFERED] = names


def only(objects: Iterable[DrawnObject], classes: set[str]) -> list[DrawnObject]:
    """Return the objects of some classes."""
    return [found for found in objects if found.class_name in classes]


def title_of(name: str, choice: Choice, objects: list[DrawnObject]) -> str:
    """Return the title of a model's panel: its dataset, its short name, and how many objects it finds."""
    return f"{choice.card.dataset} {name}: {sum(drawn.score is not None for drawn in objects)} found"


def choose_view() -> str:
    """Choose between panels side by side and a swipe."""
    return linked_choice("View", [_SIDE_BY_SIDE, _SWIPE], _SIDE_BY_SIDE, "view")


def show_panels(photo: Photo, panels: Mapping[str, Panel], view: str) -> None:
    """Show panels over one photo.

    Args:
        photo: The photo under all panels.
        panels: One or more panels by their names in the link: a checkpoint's, `PHOTO` or `TRUTH`.
        view: Returned by `choose_view`.
    """
    if view == _SWIPE:
        _show_swipe(photo, panels)
    else:
        _show_side_by_side(photo, list(panels.values()))
    if photo.shrunk_from:
        width, height = photo.shrunk_from
        st.caption(
            f"{as_plain(photo.name)} was scaled from {width} x {height} to "
            f"{photo.pixels.shape[1]} x {photo.pixels.shape[0]} pixels."
        )


def _show_side_by_side(photo: Photo, panels: list[Panel]) -> None:
    st.plotly_chart(
        mask_panels(photo.pixels, panels),
        key="panels",
        alt="The photo once for each of: " + ", ".join(panel.title for panel in panels),
        config={"scrollZoom": True, "displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d"]},
    )
    st.caption(
        "Scroll to zoom, drag to move, double-click to reset: all panels move together. Hover for class and confidence."
    )


def _show_swipe(photo: Photo, panels: Mapping[str, Panel]) -> None:
    models = {name: panel for name, panel in panels.items() if name not in (PHOTO, TRUTH)}
    sides = {**models, **panels}
    sides.setdefault(PHOTO, Panel("photo", []))
    left, right = choose_sides({name: panel.title for name, panel in sides.items()})
    show_swipe(photo, sides[left], sides[right])
