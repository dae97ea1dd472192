"""Create a project from a dataset of the workspace."""

from __future__ import annotations

import streamlit as st

from splitlab.app.hosting import Hosting, may_change
from splitlab.app.navigation import errors_shown, rerun_with_message
from splitlab.app.widgets.prices import choose_prices
from splitlab.app.widgets.progress import progress_bar
from splitlab.app.widgets.sources import read_dataset
from splitlab.app.widgets.text import as_plain
from splitlab.budget.results import SHORT_METRICS
from splitlab.data.classes import names_in
from splitlab.data.dataset import count_images, images_in_words
from splitlab.data.open_dataset import EMBEDDED, dataset_names
from splitlab.project.project import ProjectSettings, new_project
from splitlab.workspace import Workspace

_CREATING = "Creating projects"
_FIRST_HOURS, _MOST_HOURS, _MOST_LETTERS = 20.0, 1e6, 40


def show_creating(workspace: Workspace) -> None:
    """Show the form for a new project."""
    if not may_change(_CREATING):
        return
    names = [name for name in dataset_names(workspace.data) if name != EMBEDDED]
    if not names:
        st.info("A project begins with your photos. Add them on the page Data, with or without labels.")
        st.page_link("pages/data.py", label="Add photos", icon=":material/upload:")
        return
    left, right = st.columns(2, gap="large")
    with left, errors_shown():
        source = st.selectbox("Photos", names, key="project_photos")
        data = read_dataset(source, workspace)
        st.caption(f"{as_plain(source)}: {images_in_words(count_images(data.train))}.")
        name = st.text_input("Name of the project", f"{source[:30]}-project", max_chars=_MOST_LETTERS)
        classes = st.text_input("Classes, separated by commas", "") if not data.train.class_names else ""
    with right, errors_shown():
        hours = st.number_input("Hours for labels", 0.1, _MOST_HOURS, _FIRST_HOURS, 1.0, "%g")
        metric = st.selectbox("Score to plan for", list(SHORT_METRICS), 1, format_func=SHORT_METRICS.__getitem__)
        prices = choose_prices(source).per_image
    with errors_shown():
        if st.button("Create the project", type="primary", icon=":material/create_new_folder:"):
            Hosting.here().require_writable(_CREATING)
            settings = ProjectSettings(name.strip(), hours, prices, metric)
            with progress_bar("Link the photos") as progress:
                project = new_project(settings, data, workspace, names_in(classes), progress)
            st.session_state["project_to_show"] = project.name
            rerun_with_message(f"The project {as_plain(project.name)} has a dataset of its own with the same name.")
