"""Few-shot: what a few masks per class achieve, what none achieve, and why."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray
from PIL import ImageColor

from splitlab.app.navigation import errors_shown, page_head
from splitlab.app.widgets.links import linked_choice, linked_selectbox
from splitlab.app.widgets.photos import SAMPLES, Photo, sample_photo
from splitlab.app.widgets.sources import Choice, checkpoint_choices, read_dataset, take_apart_with
from splitlab.app.widgets.text import as_plain, offer_csv
from splitlab.atlas.rows import NOVEL, measured_few_shot
from splitlab.budget.published import FLATTERED, published_few_shot
from splitlab.data.few_shot_split import FEW_SHOT_CLASSES, FEW_SHOT_IMAGES
from splitlab.data.images import load_labelled
from splitlab.data.open_dataset import EMBEDDED
from splitlab.families import family_of
from splitlab.figures.few_shot import MEASURED, PUBLISHED, class_bars, measured_by_class, published_by_class
from splitlab.figures.palette import class_colour
from splitlab.geometry import FloatArray
from splitlab.workspace import Workspace

_METRICS = {
    "mask AP70": ("ap70", "mask AP at IoU 0.70", 100.0),
    "mask AP50": ("ap50", "mask AP at IoU 0.50", 100.0),
    "box AP70": ("box_ap70", "box AP at IoU 0.70", 100.0),
    "mask IoU": ("mask_iou", "mask IoU of objects whose box was found", 1.0),
}
_PLAIN = {"displaylogo": False}
_MEASURE = 'python scripts/measure_few_shot.py --machine "2 cores"'
_COMMANDS = """\
# 3 masks of each class, boxes of every other image, background where it shows none; AP70 class by class at the end
splitlab few-shot embedded --masks 3 --classes "compass jelly,moon jelly" --recipe embedded
# the same from a model that knows other classes, and with no mask at all
splitlab few-shot embedded --masks 3 --classes "compass jelly,moon jelly" --recipe embedded --start-from RUN
splitlab few-shot embedded --masks 0 --classes "compass jelly,moon jelly" --recipe embedded --start-from RUN
# masks of some classes, boxes of all
splitlab train embedded --full 100 --weak 400 --recipe embedded --set mask_classes="banded fish,spotted fish"
# the paper's own 17 images
splitlab few-shot voc2012 --masks paper --start-from CITYSCAPES_RUN --recipe paper-few-shot"""
_PAPER = (
    f"Sec. 4.6: {len(FEW_SHOT_CLASSES)} classes of VOC2012, 3 masks of each in {len(FEW_SHOT_IMAGES)} images (F). All "
    "10,408 other training images are W: they have boxes of the eight classes, and images without any of them are "
    "background. A model that already knew the masks of Cityscapes does better than one that starts from an ImageNet "
    "backbone. Both stay below the baseline with all masks."
)
_ZERO_SHOT = (
    "A YOLO model makes 32 **prototypes** of a whole photo, the same for every object, and gives each object 32 "
    "**coefficients**. A mask is the sum of the prototypes, each times its coefficient, cut to the box. Only the mask "
    "loss teaches both, and with |F| = 0 it gets no images: box, class and score are learnt from W, but nothing "
    "distinguishes a sum that is the object from one that is not. With only a backbone to start from, prototypes and "
    "coefficients are random. For this reason the paper (Sec. 4.6) calls zero-shot a failure: image features are "
    "learnt, but not how to combine them. A model that has seen masks of other classes starts with both. The bars "
    'above show how well they work for a new outline: compare "no mask, from the base model" with "from the backbone".'
)
_SIDE = 224
_COVERED = 0.55
_SHOWN_PROTOTYPES = 4
_PictureArray = NDArray[np.uint8]


def show_page() -> None:
    """Show the page."""
    page_head(
        "Few-shot",
        "How well a model does with three masks per class and boxes for the rest, what remains with no mask at all, "
        "and why a model that finds an object may still not know its outline.",
    )
    st.subheader("What the paper reports", anchor=False)
    st.markdown(_PAPER)
    _show_published()
    st.subheader("What was measured here", anchor=False)
    with errors_shown():
        _show_measured()
    st.subheader("With no mask at all", anchor=False)
    st.markdown(_ZERO_SHOT)
    with errors_shown():
        _offer_taken_apart(Workspace.here())
    st.subheader("Do it yourself", anchor=False)
    st.code(_COMMANDS, language="bash")
    st.page_link("pages/train.py", label="Train on a split of your own", icon=":material/model_training:")


_ALT = "Score of each class for each way of training, {}"


def _show_published() -> None:
    by_class = published_by_class(published_few_shot())
    st.plotly_chart(
        class_bars(by_class, PUBLISHED, "mask AP at IoU 0.70"),
        key="chart_published",
        config=_PLAIN,
        alt=_ALT.format("published"),
    )
    st.caption(
        "Published, Table 4: VOC2012 validation images, YOLOv5x. The last group is the mean of the eight classes."
    )
    st.caption(FLATTERED)
    with st.expander("Table 4 in numbers"):
        st.dataframe(by_class.rename(columns={key: style.name for key, style in PUBLISHED.items()}), hide_index=True)
        offer_csv(by_class, "splitlab-table4.csv")


def _show_measured() -> None:
    """Show what was measured for a chosen variant and metric, or how to measure it."""
    table = measured_few_shot()
    if table.empty:
        st.info("Nothing has been measured here yet. This command measures it; it can be stopped and resumed:")
        st.code(_MEASURE, language="bash")
        return
    left, right = st.columns(2)
    variants = table["variant"].unique().tolist()
    variant = linked_choice("Novel classes", variants, variants[0], "variant", left)
    metric = linked_choice("Score", list(_METRICS), "mask AP70", "metric", right)
    column, axis, highest = _METRICS[metric]
    rows = table[table["variant"] == variant]
    by_class = measured_by_class(table, variant, column)
    styles = {way: MEASURED[way] for way in MEASURED if way in by_class}
    st.plotly_chart(
        class_bars(by_class, styles, axis, highest),
        key="chart_measured",
        config=_PLAIN,
        alt=_ALT.format("measured here"),
    )
    st.caption(_about_measured(rows))
    with st.expander("Every run, class by class"):
        st.dataframe(rows, hide_index=True)
        offer_csv(table, "splitlab-few-shot.csv")


def _about_measured(rows: pd.DataFrame) -> str:
    novel = ", ".join(rows[rows["group"] == NOVEL]["class"].unique())
    seeds = rows["seed"].nunique()
    with_w = rows[rows["setting"].isin(["few-shot", "zero-shot"])]
    without_background = (
        " Few-shot and zero-shot were measured with the images that show a novel class as W. The paper's W, and that "
        "of runs started now, also includes all other images, as background."
    )
    return (
        f"Measured here on the embedded dataset, {seeds} seed{'s' if seeds > 1 else ''}; novel: {novel}. Only the "
        "novel classes are drawn; all others are the base. Hatched: started from the backbone's ImageNet weights only. "
        f"Code {', '.join(rows['code_version'].unique())}, {as_plain(', '.join(rows['machine'].unique()))}."
        f"{without_background if (with_w['background'] == 0).any() else ''}"
    )


def _offer_taken_apart(workspace: Workspace) -> None:
    """Let a checkpoint with prototypes be chosen, and show how it makes the mask of its best object, on request."""
    known = checkpoint_choices(workspace).items()
    choices = {name: choice for name, choice in known if family_of(choice.card.model).has_prototypes}
    if not choices:
        st.info("There is no YOLO checkpoint. Train one, or restore those that come with SplitLab.")
        return
    name = linked_selectbox("Checkpoint", list(choices), "apart", next(iter(choices)), st.container())
    if not st.toggle("Show how a mask is made", key="take_apart", bind="query-params"):
        return
    with st.spinner("Looking for objects"):
        _show_taken_apart(choices[name], _photo_for(choices[name], workspace))


def _photo_for(choice: Choice, workspace: Workspace) -> Photo:
    """Return a drawn scene for a model trained on scenes, else a photo."""
    if not choice.card.dataset.startswith(EMBEDDED):
        return sample_photo(next(iter(SAMPLES)))
    labels = read_dataset(EMBEDDED, workspace).val.images[0]
    return Photo("a scene", f"scene {labels.image_id}", load_labelled(labels), None)


def _show_taken_apart(choice: Choice, photo: Photo) -> None:
    apart = take_apart_with(choice, photo)
    if apart is None:
        st.caption(f"It finds nothing in {as_plain(photo.name)} with enough confidence.")
        return
    colour = class_colour(apart.class_index)
    name = as_plain(choice.card.class_names[apart.class_index].replace("_", " "))
    columns = st.columns(_SHOWN_PROTOTYPES + 2)
    for column, place in zip(columns, apart.strongest[:_SHOWN_PROTOTYPES], strict=False):
        weight = float(apart.coefficients[place])
        column.image(_prototype_square(apart.prototypes[place], weight), width="stretch")
        column.caption(f"prototype {place}, coefficient {weight:+.1f}")
    columns[-2].image(_masked_square(apart.square, apart.box, apart.mask, colour), width="stretch")
    columns[-2].caption(f"all {len(apart.coefficients)} added up: {name} {apart.score:.2f}")
    draws = len(apart.by_chance)
    columns[-1].image(_masked_square(apart.square, apart.box, apart.by_chance[draws // 2], colour), width="stretch")
    columns[-1].caption(f"coefficients drawn at random, the median of {draws} draws")
    low, middle, high = (float(apart.chance_ious[place]) for place in (draws // 20, draws // 2, -draws // 20))
    st.caption(
        f"With random coefficients, the same prototypes reach a median IoU of {middle:.2f} with the mask to the left, "
        f"and {low:.2f} to {high:.2f} in nine of ten draws. The filled box alone reaches {apart.filled_box_iou:.2f}."
    )


def _masked_square(square: _PictureArray, box: FloatArray, mask: NDArray[np.bool_], colour: str) -> _PictureArray:
    """Draw a mask and a box over the square that a model sees.

    Args:
        square: (S, S, 3) uint8 RGB.
        box: (4,) xyxy, pixels of the square.
        mask: (h, w), over the whole square at lower resolution.
        colour: "#rrggbb" of both.
    """
    picture = cv2.resize(square, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    covered = cv2.resize(mask.astype(np.uint8), (_SIDE, _SIDE), interpolation=cv2.INTER_NEAREST).astype(bool)
    paint = ImageColor.getrgb(colour)
    picture[covered] = (picture[covered] * (1 - _COVERED) + np.array(paint) * _COVERED).astype(np.uint8)
    left, top, right, bottom = (round(float(side) * _SIDE / len(square)) for side in box)
    cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), paint, 2)
    return np.asarray(picture, np.uint8)


def _prototype_square(prototype: FloatArray, coefficient: float) -> _PictureArray:
    """Draw one prototype (h, w) times its coefficient: light where it adds to the mask, dark where it subtracts."""
    part = prototype * coefficient
    scale = max(float(np.abs(part).max()), 1e-9)
    grey = ((part / scale + 1) * 127.5).astype(np.uint8)
    return np.asarray(cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_NEAREST), np.uint8)
