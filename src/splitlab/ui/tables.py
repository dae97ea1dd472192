"""Results as the pages read them: published and measured rows in one table."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from splitlab.budget.claims import Claim, paper_claims
from splitlab.budget.equiscore import PaperCurve
from splitlab.budget.published import TRAINING_IMAGES, published_results
from splitlab.experiments.atlas.measured_tables import atlas_claims, measured_curves, train_images
from splitlab.experiments.measured_results import all_measured
from splitlab.workspace import Workspace


@st.cache_data(show_spinner=False)
def published() -> pd.DataFrame:
    """Return the paper's rows, read once."""
    return published_results()


@st.cache_data(show_spinner=False, ttl=5)
def measured(workspace: Workspace) -> pd.DataFrame:
    """Return what was measured, on this machine and in the atlas, read again after a few seconds."""
    return all_measured(workspace)


@st.cache_data(show_spinner=False, ttl=5)
def atlas_images(workspace: Workspace) -> dict[str, int]:
    """Return how many training images the atlas's data sets have, by their names in `measured`."""
    return train_images(workspace.measured)


def training_images(workspace: Workspace) -> dict[str, int]:
    """Return how many training images the data sets of `published` and of the atlas have, by their names there."""
    return {**TRAINING_IMAGES, **atlas_images(workspace)}


@st.cache_data(show_spinner=False, ttl=60)
def atlas_curves(workspace: Workspace) -> tuple[PaperCurve, ...]:
    """Return the equiscore curves that were measured in the atlas."""
    return measured_curves(workspace)


@st.cache_resource(show_spinner=False)
def claims_of_paper() -> list[Claim]:
    """Return the paper's statements, computed again from its tables."""
    return paper_claims()


@st.cache_resource(show_spinner=False, ttl=60, max_entries=16)
def claims_of_atlas(name: str, metric: str, workspace: Workspace) -> list[Claim]:
    """Return what an atlas says of the paper; nothing where nothing was measured.

    Raises:
        SplitLabError: its table or a plan is broken.
    """
    return atlas_claims(name, metric, workspace)
