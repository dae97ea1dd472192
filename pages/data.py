"""Data: what a data set holds, how F and W see it, and which split of it to train on."""

from collections import Counter
from dataclasses import asdict

import streamlit as st

from splitlab.data.check import check_dataset
from splitlab.data.dataset import Dataset, TrainVal
from splitlab.data.image_counts import count_images
from splitlab.data.open_dataset import dataset_names
from splitlab.data.problem import count_kinds
from splitlab.figures.class_counts import class_counts_chart
from splitlab.ui.dataset_upload import ADDING, upload_dataset
from splitlab.ui.datasets import read_dataset
from splitlab.ui.hosted import may_change
from splitlab.ui.label_reading import show_reading
from splitlab.ui.page import answered, page_head
from splitlab.ui.plain_text import as_plain
from splitlab.ui.sample_labels import show_samples
from splitlab.ui.split_builder import build_split
from splitlab.workspace import Workspace


def show_numbers(data: TrainVal) -> None:
    """Show how much there is, in one row."""
    train = data.train
    counts = count_images(train)
    objects = sum(len(image.targets) for image in train.images)
    numbers = {
        "Training images": f"{len(train.images):,}",
        "with masks": f"{counts.masks:,}",
        "boxes only": f"{counts.boxes:,}",
        "Objects": f"{objects:,}",
        "Classes": f"{len(train.class_names):,}",
        "Validation images": f"{len(data.val.images):,}",
        "Format": data.format,
    }
    others = {"background": counts.background, "not labelled": counts.unlabelled, "labels broken": counts.broken}
    for column, (label, value) in zip(st.columns(len(numbers)), numbers.items(), strict=True):
        column.metric(label, value)
    shown = ", ".join(f"{number:,} {kind}" for kind, number in others.items() if number)
    if shown:
        st.caption(f"Other training images: {shown}. Splits draw background images into W only, the others not at all.")


def count_objects(dataset: Dataset, *, masks: bool) -> Counter[str]:
    """Count the objects of each class that have masks, or that have none."""
    labels = (label for image in dataset.images for label in image.targets if (label.mask is not None) == masks)
    counts = Counter(dict.fromkeys(dataset.class_names, 0))
    counts.update(dataset.class_names[label.class_index] for label in labels)
    return counts


def check_files(data: TrainVal) -> None:
    """Look at every photo and label when asked to, and list what is wrong."""
    st.caption("Opens every photo and every mask; large data sets take minutes.")
    if not st.button("Check the files", icon=":material/fact_check:"):
        return
    bar = st.progress(0.0, "Checking")
    found = check_dataset(data, lambda what, done, total: bar.progress(done / max(total, 1), f"{what}: {done:,}"))
    bar.empty()
    if not found.problems:
        st.success("Every photo opens, every label fits its photo.")
        return
    kinds = ", ".join(f"{number:,} x {kind}" for kind, number in count_kinds(found.problems).items())
    st.warning(f"{len(found.problems):,} found: {kinds}.")
    st.dataframe([asdict(problem) for problem in found.problems], hide_index=True)


page_head(
    "Data",
    "The images a split is drawn from: what is labelled, what **F** (masks) and **W** (boxes) each see of it, and the "
    "split you build from them.",
)

workspace = Workspace.here()
with answered():
    choice, add = st.columns([1, 1], vertical_alignment="bottom", gap="large")
    with add:
        if may_change(ADDING):
            with st.popover("Add a data set", icon=":material/upload:", width="stretch"), answered():
                upload_dataset(workspace)
    name = choice.selectbox("Data set", dataset_names(workspace.data), key="data", bind="query-params")
    data = read_dataset(name, workspace)
    show_numbers(data)
    with answered():
        show_reading(name, data, workspace)
    show_samples(data.train)
    st.subheader("Build a split", anchor=False)
    with answered():
        build_split(name, data.train, workspace)
    with st.expander("Objects of each class"):
        subsets = {"Training": data.train, "Validation": data.val}
        for column, (title, subset) in zip(st.columns(2), subsets.items(), strict=True):
            counts = count_objects(subset, masks=True), count_objects(subset, masks=False)
            chart = class_counts_chart(*counts, f"{title} images", ("with masks", "boxes only"))
            column.plotly_chart(chart, key=f"counts_{title}", config={"displayModeBar": False})
    with st.expander("Check the files"), answered():
        check_files(data)
    if data.train.licence:
        st.caption(f"Licence, as its source has it: {as_plain(data.train.licence)}")
