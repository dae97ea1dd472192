"""The next batch: how many photos, which ones and why, and their files for an annotation tool."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection
from functools import partial
from itertools import islice
from pathlib import Path

import streamlit as st

from splitlab.app.data.pictures import small_picture_link
from splitlab.app.hosting import Hosting, may_change
from splitlab.app.navigation import errors_shown, rerun_with_message
from splitlab.app.widgets.progress import progress_bar
from splitlab.app.widgets.sources import checkpoint_choices
from splitlab.app.widgets.text import as_plain
from splitlab.budget.results import SHORT_METRICS
from splitlab.data.dataset import Dataset, ImageId
from splitlab.data.exports.formats import ExportFormat
from splitlab.errors import BudgetError
from splitlab.project.choice import choose_batch
from splitlab.project.hand_over import hand_over, start_round
from splitlab.project.project import Project
from splitlab.project.rounds import Round, round_folder
from splitlab.project.standing import Basis, BatchSize, Standing, batch_size, expected_after, plan_rest
from splitlab.shown_numbers import shown

_NOBODY, _HANDING_OUT = "nobody", "Handing out photos"
_FIRST_HOURS, _TABLE_PIXELS, _ROW_PIXELS, _MOST_ROWS = 2.0, 330, 56, 200
_STRATEGIES = {
    "random": "chance",
    "diversity": "unlike the labelled",
    "disagreement": "the model's doubt",
    "mask-quality": "poor masks",
    "rarity": "rare classes",
    "gain-per-hour": "gain for an hour",
}
_WITHOUT_MODEL = ("random", "diversity")
_HELP = (
    "With a model, photos can also be chosen by what it finds. Whether that saves hours against chance is not measured "
    "yet."
)
_IN_WORDS = {
    ExportFormat.CVAT: "CVAT",
    ExportFormat.LABEL_STUDIO: "Label Studio",
    ExportFormat.COCO: "COCO",
    ExportFormat.YOLO: "YOLO",
    ExportFormat.DARKNET: "YOLO 1.1",
}


def show_next_batch(project: Project, standing: Standing, basis: Basis) -> None:
    """Show the form for the next batch, and below it the batch that was handed out last."""
    if may_change(_HANDING_OUT):
        with errors_shown():
            _show_form(project, standing, basis)
    if standing.rounds:
        _show_round(project, standing, standing.rounds[-1])


def _show_form(project: Project, standing: Standing, basis: Basis) -> None:
    hours_at, format_at, model_at, strategy_at = st.columns([1, 1.2, 1.5, 1.4], vertical_alignment="bottom")
    hours = hours_at.number_input("Hours", 0.1, 1e5, _FIRST_HOURS, 0.5, "%g", key="batch_hours")
    file_format = format_at.selectbox("Files for", list(_IN_WORDS), format_func=_IN_WORDS.__getitem__)
    choices = checkpoint_choices(project.workspace)
    own = {name: choice for name, choice in choices.items() if choice.card.dataset == project.name}
    drawing = model_at.selectbox("Labels to correct by", [_NOBODY, *own], key="batch_model")
    fitting = [name for name in _STRATEGIES if drawing in own or name in _WITHOUT_MODEL]
    strategy = strategy_at.selectbox("Choose photos by", fitting, format_func=_STRATEGIES.__getitem__, help=_HELP)
    size = _size(project, standing, basis, hours)
    if size is None:
        return
    expected = expected_after(project, standing, basis, size)
    st.markdown(
        f"Masks on **{size.masks:,}** photos and boxes on **{size.boxes:,}**. Then {expected.full:,} have masks and "
        f"{expected.weak:,} boxes: expect {SHORT_METRICS[expected.of]} {shown(expected.ap)} (90% interval "
        f"{shown(expected.low)} to {shown(expected.high)})."
    )
    if st.button("Hand it out", type="primary", icon=":material/outbox:"):
        Hosting.here().require_writable(_HANDING_OUT)
        with progress_bar("Choose photos") as progress:
            checkpoint = own[drawing].folder if drawing in own else None
            models = () if checkpoint is None else (checkpoint,)
            tasks = choose_batch(project, standing, size, strategy, models, progress)
            batch = start_round(project, tasks, expected, strategy)
            files = hand_over(project, batch, file_format, checkpoint, progress)
        steps = map(as_plain, files.steps)
        rerun_with_message("  \n".join([f"Round {batch.number} is ready. Download it below.", *steps]))


def _size(project: Project, standing: Standing, basis: Basis, hours: float) -> BatchSize | None:
    try:
        return batch_size(project, standing, plan_rest(project, standing, basis), hours)
    except BudgetError as error:
        st.info(as_plain(str(error)))
        return None


def _show_round(project: Project, standing: Standing, batch: Round) -> None:
    waiting = {task.image_id for task in standing.open_tasks}
    done = sum(task.image_id not in waiting for task in batch.tasks)
    st.markdown(f"**Round {batch.number}**: {done:,} of {len(batch.tasks):,} photos are labelled.")
    with st.container(horizontal=True):
        for file_format, words in _IN_WORDS.items():
            folder = round_folder(project.folder, batch.number) / str(file_format)
            name = f"{project.name}-round-{batch.number}-{file_format}"
            if folder.is_dir():
                st.download_button(
                    f"Download for {words}", partial(_zipped, folder), f"{name}.zip", "application/zip",
                    icon=":material/download:", on_click="ignore", key=name,
                )  # fmt: skip
        if not Hosting.here().read_only:
            _offer_other_files(project, batch)
    train = project.data().train
    st.dataframe(
        _rows(batch, train, waiting), hide_index=True, height=_TABLE_PIXELS, row_height=_ROW_PIXELS,
        column_config={"photo": st.column_config.ImageColumn("photo", width="small")},
    )  # fmt: skip


def _offer_other_files(project: Project, batch: Round) -> None:
    """Offer to write a round's files for a tool that has none yet."""
    folder = round_folder(project.folder, batch.number)
    missing = [file_format for file_format in _IN_WORDS if not (folder / str(file_format)).is_dir()]
    with st.popover("Other files", icon=":material/note_add:"), errors_shown():
        if not missing:
            st.caption("The files of this round are written for every tool.")
            return
        chosen = st.selectbox("For", missing, format_func=_IN_WORDS.__getitem__, key="other_files")
        if st.button("Write them"):
            Hosting.here().require_writable(_HANDING_OUT)
            with progress_bar("Place the photos") as progress:
                files = hand_over(project, batch, chosen, progress=progress)
            rerun_with_message("  \n".join(["The files are ready.", *map(as_plain, files.steps)]))


def _rows(batch: Round, train: Dataset, waiting: Collection[ImageId]) -> list[dict[str, str | None]]:
    rows = []
    for task in islice(batch.tasks, _MOST_ROWS):
        image = train.by_id.get(task.image_id)
        rows.append(
            {
                "photo": None if image is None else small_picture_link(image.path),
                "file": "gone" if image is None else image.path.name,
                "draw": "masks" if task.masks else "boxes",
                "why": task.reason,
                "state": "open" if task.image_id in waiting else "labelled",
            }
        )
    return rows


def _zipped(folder: Path) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(folder))
    return content.getvalue()
