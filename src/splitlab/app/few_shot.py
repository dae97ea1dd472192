"""Few-shot: what a few masks a class buy, what none buy, and why."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from splitlab.app.navigation import answered, page_head
from splitlab.app.widgets.links import linked_choice, linked_selectbox
from splitlab.app.widgets.photos import SAMPLES, Photo, sample_photo
from splitlab.app.widgets.sources import Choice, checkpoint_choices, read_dataset, take_apart_with
from splitlab.app.widgets.text import as_plain
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
_MEASURE = 'python scripts/measure_few_shot.py --machine "2 cores"'
_PLAIN = {"displaylogo": False}


def _show_published() -> None:
    """Draw Table 4 and fold the numbers away below it."""
    by_class = published_by_class(published_few_shot())
    st.plotly_chart(class_bars(by_class, PUBLISHED, "mask AP at IoU 0.70"), key="chart_published", config=_PLAIN)
    st.caption(
        "Published, Table 4: VOC2012 validation images, YOLOv5x. The last group is the mean of the eight classes."
    )
    st.caption(FLATTERED)
    with st.expander("Table 4 in numbers"):
        st.dataframe(by_class.rename(columns={key: style.name for key, style in PUBLISHED.items()}), hide_index=True)
        st.download_button(
            "Download CSV", by_class.to_csv(index=False), "splitlab-table4.csv", icon=":material/download:"
        )


def _show_measured() -> None:
    """Let a variant and a metric be chosen, and draw what was measured; say how to measure where nothing was.

    Raises:
        BudgetError: the table is broken.
    """
    table = measured_few_shot()
    if table.empty:
        st.info("Nothing has been measured here yet. This measures it, and goes on where it was stopped:")
        st.code(_MEASURE, language="bash")
        return
    left, right = st.columns(2)
    variants = table["variant"].unique().tolist()
    variant = linked_choice("Novel classes", variants, variants[0], "variant", left)
    metric = linked_choice("Score", list(_METRICS), "mask AP70", "metric", right)
    column, axis, highest = _METRICS[str(metric)]
    rows = table[table["variant"] == variant]
    by_class = measured_by_class(table, str(variant), column)
    styles = {way: MEASURED[way] for way in MEASURED if way in by_class}
    st.plotly_chart(class_bars(by_class, styles, axis, highest), key="chart_measured", config=_PLAIN)
    st.caption(_what_it_is(rows))
    with st.expander("Every run, class by class"):
        st.dataframe(rows, hide_index=True)
        st.download_button(
            "Download CSV", table.to_csv(index=False), "splitlab-few-shot.csv", icon=":material/download:"
        )


def _what_it_is(rows: pd.DataFrame) -> str:
    novel = ", ".join(rows[rows["group"] == NOVEL]["class"].unique())
    seeds = rows["seed"].nunique()
    boxes_of_w = rows[rows["setting"].isin(["few-shot", "zero-shot"])]
    without = (
        " Few-shot and zero-shot were measured with the images that show a novel class as W. In the paper's W, and in "
        "that of runs started now, all other images stand too, as background."
    )
    return (
        f"Measured here on the embedded data set, {seeds} seed{'s' if seeds > 1 else ''}; novel: {novel}. Only their "
        "scores are drawn; all other classes are the base. Hatched: from the backbone's ImageNet weights alone. "
        f"Code {', '.join(rows['code_version'].unique())}, {as_plain(', '.join(rows['machine'].unique()))}."
        f"{without if (boxes_of_w['background'] == 0).any() else ''}"
    )


_PictureArray = NDArray[np.uint8]
_SIDE = 224
_COVERED = 0.55


def _masked_square(square: _PictureArray, box: FloatArray, mask: NDArray[np.bool_], colour: str) -> _PictureArray:
    """Lay a mask over the square that a model sees, and draw the box.

    Args:
        square: (S, S, 3) uint8 RGB.
        box: (4,) xyxy, pixels of the square.
        mask: (h, w), over the whole square at lower resolution.
        colour: "#rrggbb" of both.
    """
    picture = cv2.resize(square, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    covered = cv2.resize(mask.astype(np.uint8), (_SIDE, _SIDE), interpolation=cv2.INTER_NEAREST).astype(bool)
    paint = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)])
    picture[covered] = (picture[covered] * (1 - _COVERED) + paint * _COVERED).astype(np.uint8)
    left, top, right, bottom = (round(float(side) * _SIDE / len(square)) for side in box)
    cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), tuple(map(int, paint)), 2)
    return np.asarray(picture, np.uint8)


def _prototype_square(prototype: FloatArray, coefficient: float) -> _PictureArray:
    """Draw one prototype as it enters a mask: light where it adds to the object, dark where it takes away.

    Args:
        prototype: (h, w).
        coefficient: of the object.
    """
    part = prototype * coefficient
    scale = max(float(np.abs(part).max()), 1e-9)
    grey = ((part / scale + 1) * 127.5).astype(np.uint8)
    return np.asarray(cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_NEAREST), np.uint8)


_SHOWN = 4


def _offer_taken_apart(workspace: Workspace) -> None:
    """Offer checkpoints that make masks of prototypes; on demand take the mask of the best object apart.

    Raises:
        SplitLabError: the checkpoint's files are broken.
    """
    shown = checkpoint_choices(workspace).items()
    choices = {name: one for name, one in shown if family_of(one.card.model).has_prototypes}
    if not choices:
        st.info("There is no YOLO checkpoint here. Train one, or put the shipped ones back.")
        return
    name = linked_selectbox("Checkpoint", list(choices), "apart", next(iter(choices)), st.container())
    if not st.toggle("Take a mask apart", key="take_apart", bind="query-params"):
        return
    with st.spinner("Looking"):
        _show(choices[name], _photo_for(choices[name], workspace))


def _photo_for(choice: Choice, workspace: Workspace) -> Photo:
    """Take a scene for who knows scenes, a photo for who knows photos."""
    if not choice.card.dataset.startswith(EMBEDDED):
        return sample_photo(next(iter(SAMPLES)))
    labels = read_dataset(EMBEDDED, workspace).val.images[0]
    return Photo("a scene", f"scene {labels.image_id}", load_labelled(labels), None)


def _show(choice: Choice, photo: Photo) -> None:
    apart = take_apart_with(choice, photo)
    if apart is None:
        st.caption(f"It sees nothing in {as_plain(photo.name)} that it is sure of.")
        return
    colour = class_colour(apart.class_index)
    name = as_plain(choice.card.class_names[apart.class_index].replace("_", " "))
    columns = st.columns(_SHOWN + 2)
    for column, place in zip(columns, apart.strongest[:_SHOWN], strict=False):
        weight = float(apart.coefficients[place])
        column.image(_prototype_square(apart.prototypes[place], weight), width="stretch")
        column.caption(f"prototype {place}, coefficient {weight:+.1f}")
    columns[-2].image(_masked_square(apart.square, apart.box, apart.mask, colour), width="stretch")
    columns[-2].caption(f"all {len(apart.coefficients)} added up: {name} {apart.score:.2f}")
    middle = len(apart.by_chance) // 2
    columns[-1].image(_masked_square(apart.square, apart.box, apart.by_chance[middle], colour), width="stretch")
    columns[-1].caption(f"coefficients drawn at random, the median of {len(apart.by_chance)} draws")
    low, high = (float(apart.chance_ious[place]) for place in (len(apart.by_chance) // 20, -len(apart.by_chance) // 20))
    st.caption(
        f"The same prototypes with coefficients that nobody taught: IoU with the mask on their left "
        f"{apart.chance_ious[middle]:.2f} at the median, {low:.2f} to {high:.2f} for nine draws of ten. The filled box "
        f"alone reaches {apart.filled_box_iou:.2f}."
    )


_COMMAND = """\
# 3 masks of each class, boxes of every other image, background where it shows none; AP70 class by class at the end
splitlab few-shot embedded --masks 3 --classes "compass jelly,moon jelly" --recipe embedded
# the same from a model that knows other classes, and with no mask at all
splitlab few-shot embedded --masks 3 --classes "compass jelly,moon jelly" --recipe embedded --start-from RUN
splitlab few-shot embedded --masks 0 --classes "compass jelly,moon jelly" --recipe embedded --start-from RUN
# masks of some classes, boxes of all
splitlab train embedded --full 100 --weak 400 --recipe embedded --set mask_classes="banded fish,spotted fish"
# the paper's own 17 images
splitlab few-shot voc2012 --masks paper --start-from CITYSCAPES_RUN --recipe paper-few-shot"""


def show_page() -> None:
    """Show the page."""
    page_head(
        "Few-shot",
        "How far three masks a class and boxes for the rest go, what is left with no mask at all, and why a model that "
        "finds an object may still not know its outline.",
    )
    st.subheader("What the paper reports", anchor=False)
    st.markdown(
        f"Sec. 4.6: {len(FEW_SHOT_CLASSES)} classes of VOC2012, 3 masks of each in {len(FEW_SHOT_IMAGES)} images. "
        "W is every other training image, 10,408 of them: it has boxes of the eight classes, and where it shows none "
        "it is background. A model that knew Cityscapes' masks does better than one that begins "
        "with an ImageNet backbone, and both stay below the baseline with all masks."
    )
    _show_published()
    st.subheader("What was measured here", anchor=False)
    with answered():
        _show_measured()
    st.subheader("With no mask at all", anchor=False)
    st.markdown(
        "A YOLO makes 32 **prototypes** of a whole photo, the same for every object, and gives each object 32 "
        "**coefficients**. The mask is the sum of the prototypes, each times its coefficient, cut to the box. The mask "
        "loss alone teaches both, and with |F| = 0 it is never fed: box, class and score are learnt from W, but "
        "nothing "
        "tells a sum that is the object from one that is not. From a backbone alone, prototypes and coefficients are "
        "random. The paper (Sec. 4.6) calls zero-shot a failure for this reason: image features are learnt, but not "
        "how to "
        "combine them. From a model that has seen masks of other classes both come along; how far they carry to a new "
        'outline is what the bars above tell, "no mask, from the base model" beside "from the backbone".'
    )
    with answered():
        _offer_taken_apart(Workspace.here())
    st.subheader("Do it yourself", anchor=False)
    st.code(_COMMAND, language="bash")
    st.page_link("pages/train.py", label="Train on a split of your own", icon=":material/model_training:")
