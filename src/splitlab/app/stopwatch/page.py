"""Stopwatch: label a few objects against the clock, and get prices of your own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from splitlab.app.hosting import upload_limit
from splitlab.app.navigation import errors_shown, page_head
from splitlab.app.stopwatch.canvas import show_canvas
from splitlab.app.stopwatch.classroom import collect_files, show_class
from splitlab.app.stopwatch.results import offer_prices, show_times
from splitlab.app.stopwatch.series import Marking, Series, Target
from splitlab.app.stopwatch.targets import target_of_photo, targets_of_dataset
from splitlab.app.widgets.links import linked_choice, linked_count, linked_option
from splitlab.app.widgets.photos import PHOTO_MEGABYTES, SAMPLES, keep_photos, sample_photo, uploaded_photo
from splitlab.app.widgets.sources import read_dataset
from splitlab.app.widgets.text import as_plain
from splitlab.budget.stopwatch import TimedLabel
from splitlab.budget.timed_files import MOST_LETTERS, checked_annotator, labels_as_csv
from splitlab.data.open_dataset import EMBEDDED, dataset_names
from splitlab.errors import BudgetError
from splitlab.figures.stopwatch import times_chart
from splitlab.workspace import Workspace

_ALONE, _CLASS = "me", "a class"
_OWN_PHOTOS, _SAMPLE_PHOTOS = "own photos", "sample photos"
_STATE, _MADE_FOR, _SERIES, _OTHERS, _PROBLEMS = (
    "stopwatch state", "stopwatch made for", "stopwatch series", "stopwatch others", "stopwatch problems",
)  # fmt: skip
_FEWEST, _MOST, _FIRST = 3, 30, 10
_MOST_MESSAGES = 2 * _MOST
_PHOTOS_HELP = (
    "A dataset shows your IoU with its ground truth; the embedded one has drawn scenes. On sample and own photos you "
    "mark the objects first."
)
_PHOTO_TYPES = ["jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "gif", "avif"]


def show_page() -> None:
    """Show the page."""
    page_head(
        "Stopwatch",
        "Measure what labels cost **you**: draw each object once as a box and once as an outline. Ten objects take "
        "about ten minutes. Photos, drawings and times stay in this session.",
    )
    settings, picture = st.columns([1, 2.6], gap="large")
    with settings:
        who = linked_choice("Who labels", [_ALONE, _CLASS], _ALONE, "who")
    if who == _CLASS:
        with settings:
            labels, refused = collect_files()
        with picture, errors_shown():
            show_class(labels, refused)
        return
    with picture, errors_shown():
        with settings:
            _prepare()
        _show_work()


def _prepare() -> None:
    """Show the settings, and make a new series if they changed. They are locked once something was drawn."""
    state: Series | Marking | None = st.session_state.get(_STATE)
    begun = state is not None and state.done > 0
    names = [*dataset_names(Workspace.here().data), _SAMPLE_PHOTOS, _OWN_PHOTOS]
    source = linked_option("Photos", names, EMBEDDED, "timed", help=_PHOTOS_HELP, disabled=begun)
    number = linked_count("Objects", _FEWEST, _MOST, _FIRST, "timed_objects", disabled=begun)
    photos = _choose_photos(source)
    wanted = (source, number, st.session_state.get(_OTHERS, 0), tuple(photo.item for photo in photos))
    if not begun and st.session_state.get(_MADE_FOR) != wanted:
        st.session_state[_STATE] = _begin(source, number, photos)
        st.session_state[_MADE_FOR] = wanted
    with st.container(horizontal=True):
        if begun:
            st.button("Start again", icon=":material/restart_alt:", on_click=_start_again)
        elif source not in (_SAMPLE_PHOTOS, _OWN_PHOTOS):
            st.button("Other objects", icon=":material/shuffle:", on_click=_start_again)
        if isinstance(state, Series) and begun and state.tasks:
            st.button("Show the results", icon=":material/flag:", on_click=_end)


def _choose_photos(source: str) -> list[Target]:
    """Return the photos whose objects are yet to be marked; none for a dataset."""
    if source == _SAMPLE_PHOTOS:
        return [target_of_photo(sample_photo(name)) for name in SAMPLES]
    if source != _OWN_PHOTOS:
        return []
    files = st.file_uploader(
        "Upload photos (they stay in memory and are deleted when you leave)", type=_PHOTO_TYPES,
        accept_multiple_files=True, max_upload_size=upload_limit(PHOTO_MEGABYTES), key="timed_photos",
    )  # fmt: skip
    keep_photos(files)
    found = []
    for number, file in enumerate(files[:_MOST], start=1):
        with errors_shown():
            photo = target_of_photo(uploaded_photo(file.file_id, file.name, file))
            found.append(replace(photo, item=f"{number} {photo.item}"))
    return found


def _begin(source: str, number: int, photos: Sequence[Target]) -> Series | Marking | None:
    name = f"series {st.session_state.get(_SERIES, 0)}"
    st.session_state[_SERIES] = st.session_state.get(_SERIES, 0) + 1
    if source in (_SAMPLE_PHOTOS, _OWN_PHOTOS):
        return Marking(name, tuple(photos)) if photos else None
    train = read_dataset(source, Workspace.here()).train
    return Series(name, targets_of_dataset(train, number, st.session_state.get(_OTHERS, 0)))


def _start_again() -> None:
    st.session_state[_STATE] = None
    st.session_state[_OTHERS] = st.session_state.get(_OTHERS, 0) + 1


def _end() -> None:
    state: Series = st.session_state[_STATE]
    st.session_state[_STATE] = state.ended()


def _show_work() -> None:
    state: Series | Marking | None = st.session_state.get(_STATE)
    if state is None:
        st.info("Upload photos with objects like yours. You mark the objects first, then the clock starts.")
        return
    if state.tasks:
        _draw(state.done > 0)
    elif isinstance(state, Marking):
        _begin_marked(state)
    else:
        _show_results(state.labels)


def _begin_marked(marking: Marking) -> None:
    number = st.session_state[_MADE_FOR][1]
    if not marking.marked:
        st.info("No object was marked. Choose Start again.")
        return
    st.session_state[_STATE] = Series(f"{marking.name} marked", marking.marked[:number])
    st.rerun()


@st.fragment
def _draw(begun: bool) -> None:
    """Show the next object; after each label only this part is drawn again, so that the next one comes at once."""
    state: Series | Marking = st.session_state[_STATE]
    # The settings are locked with the first label, and the results come after the last.
    if not state.tasks or (state.done and not begun):
        st.rerun()
    problems: list[tuple[str, str]] = st.session_state.get(_PROBLEMS, [])
    if problems and problems[-1][0] == state.tasks[0].id:
        st.warning(as_plain(problems[-1][1]))
    show_canvas(state.tasks, len(problems), _take)
    if isinstance(state, Series):
        show_times(state.labels)


def _take(messages: object) -> None:
    """Take what the browser sends."""
    state: Series | Marking = st.session_state[_STATE]
    for message in messages[:_MOST_MESSAGES] if isinstance(messages, list) else []:
        try:
            state = state.after(message)
        except BudgetError as error:
            of = state.tasks[0].id if state.tasks else ""
            st.session_state.setdefault(_PROBLEMS, []).append((of, str(error)))
            break
    st.session_state[_STATE] = state


def _show_results(labels: Sequence[TimedLabel]) -> None:
    if not labels:
        st.info("No label was drawn. Choose Start again.")
        return
    show_times(labels)
    about = "Seconds for each label, with their means and 95% intervals"
    st.plotly_chart(times_chart(labels), key="own_times", config={"displayModeBar": False}, alt=about)
    st.caption("The thin marks are single labels, the dots their means with 95% intervals.")
    offer_prices(labels)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Your name, for the file", "student 1", max_chars=MOST_LETTERS, key="timed_name")
        with errors_shown():
            named = [replace(label, annotator=checked_annotator(name)) for label in labels]
            st.download_button(
                "Download my times", labels_as_csv(named), "splitlab-stopwatch.csv", "text/csv",
                icon=":material/download:", on_click="ignore",
            )  # fmt: skip
