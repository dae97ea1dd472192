"""Few-shot: what a few masks a class buy, what none buy, and why."""

import streamlit as st

from splitlab.data.splits.few_shot import FEW_SHOT_CLASSES, FEW_SHOT_IMAGES
from splitlab.ui.few_shot_scores import show_measured, show_published
from splitlab.ui.page import answered, page_head
from splitlab.ui.taken_apart import offer_taken_apart
from splitlab.workspace import Workspace

COMMAND = """\
# 3 masks of each class, boxes of every other image, background where it shows none; AP70 class by class at the end
splitlab few-shot embedded --masks 3 --classes "compass jelly,moon jelly" --recipe embedded
# the same from a model that knows other classes, and with no mask at all
splitlab few-shot embedded --masks 3 --classes "compass jelly,moon jelly" --recipe embedded --start-from RUN
splitlab few-shot embedded --masks 0 --classes "compass jelly,moon jelly" --recipe embedded --start-from RUN
# masks of some classes, boxes of all
splitlab train embedded --full 100 --weak 400 --recipe embedded --set mask_classes="banded fish,spotted fish"
# the paper's own 17 images
splitlab few-shot voc2012 --masks paper --start-from CITYSCAPES_RUN --recipe paper-few-shot"""

page_head(
    "Few-shot",
    "How far three masks a class and boxes for the rest go, what is left with no mask at all, and why a model that "
    "finds an object may still not know its outline.",
)

st.subheader("What the paper reports", anchor=False)
st.markdown(
    f"Sec. 4.6: {len(FEW_SHOT_CLASSES)} classes of VOC2012, 3 masks of each in {len(FEW_SHOT_IMAGES)} images. "
    "W is every other training image, 10,408 of them: it has boxes of the eight classes, and where it shows none it is "
    "background. A model that knew Cityscapes' masks does better than one that begins "
    "with an ImageNet backbone, and both stay below the baseline with all masks."
)
show_published()

st.subheader("What was measured here", anchor=False)
with answered():
    show_measured()

st.subheader("With no mask at all", anchor=False)
st.markdown(
    "A YOLO makes 32 **prototypes** of a whole photo, the same for every object, and gives each object 32 "
    "**coefficients**. The mask is the sum of the prototypes, each times its coefficient, cut to the box. The mask "
    "loss alone teaches both, and with |F| = 0 it is never fed: box, class and score are learnt from W, but nothing "
    "tells a sum that is the object from one that is not. From a backbone alone, prototypes and coefficients are "
    "random. The paper (Sec. 4.6) calls zero-shot a failure for this reason: image features are learnt, but not how to "
    "combine them. From a model that has seen masks of other classes both come along; how far they carry to a new "
    'outline is what the bars above tell, "no mask, from the base model" beside "from the backbone".'
)
with answered():
    offer_taken_apart(Workspace.here())

st.subheader("Do it yourself", anchor=False)
st.code(COMMAND, language="bash")
st.page_link("pages/train.py", label="Train on a split of your own", icon=":material/model_training:")
