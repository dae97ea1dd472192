"""The results of a class: one file of each student, joined on one screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from splitlab.app.stopwatch.results import offer_prices, show_times
from splitlab.app.widgets.text import as_plain
from splitlab.budget.stopwatch import BOX, KINDS, OUTLINE, TimedLabel, by_annotator, ratio_of, time_of
from splitlab.budget.timed_files import MOST_ANNOTATORS, join_files
from splitlab.figures.stopwatch import times_chart

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile


def collect_files() -> tuple[list[TimedLabel], list[str]]:
    """Show the field for the students' files; return their labels, and a sentence on each file that was left out."""
    files = st.file_uploader(
        f"Files of the students, up to {MOST_ANNOTATORS}",
        type="csv",
        accept_multiple_files=True,
        max_upload_size=1,
        key="timed_files",
    )
    return join_files(_by_name(files))


def show_class(labels: Sequence[TimedLabel], refused: Sequence[str]) -> None:
    """Show all students in one chart, and the prices of the class."""
    for sentence in refused:
        st.warning(as_plain(sentence))
    if not labels:
        st.info(
            "Each student labels about ten objects here, chooses *Download my times*, and hands in the file. Then drop "
            "all files into the field at once."
        )
        return
    about = "Seconds that each student takes for a label, with 95% intervals"
    st.plotly_chart(times_chart(labels), key="class_chart", config={"displayModeBar": False}, alt=about)
    show_times(labels)
    st.caption(
        "Each row is one student, with 95% intervals. The mean of the class counts each student the same, however many "
        "objects they labelled; its interval is for students like these."
    )
    offer_prices(labels)
    with st.expander("Every student in numbers"):
        st.dataframe(_table(labels), hide_index=True)


def _by_name(files: Sequence[UploadedFile]) -> dict[str, bytes]:
    """Give each file a name of its own: students save theirs under the same one."""
    named: dict[str, bytes] = {}
    for number, file in enumerate(files, start=1):
        named[file.name if file.name not in named else f"{file.name} ({number})"] = file.getvalue()
    return named


def _table(labels: Sequence[TimedLabel]) -> pd.DataFrame:
    rows = []
    for name, own in by_annotator(labels).items():
        row: dict[str, str | float | None] = {"student": name}
        for kind in KINDS:
            if time := time_of(own, kind):
                row[f"{KINDS[kind]}, s"] = round(time.seconds.value, 1)
                row[f"{KINDS[kind]}, IoU"] = None if time.iou is None else round(time.iou, 3)
        ratio = ratio_of(own, OUTLINE, BOX)
        row["boxes for one outline"] = None if ratio is None else round(ratio.value, 2)
        rows.append(row)
    return pd.DataFrame(rows)
