"""Results as the pages read them: published and measured rows in one table."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from splitlab.budget.published import published_results
from splitlab.experiments.measured_results import measured_results
from splitlab.workspace import Workspace


@st.cache_data(show_spinner=False)
def published() -> pd.DataFrame:
    """Return the paper's rows, read once."""
    return published_results()


@st.cache_data(show_spinner=False, ttl=5)
def measured(workspace: Workspace) -> pd.DataFrame:
    """Return what was measured here, read again after a few seconds."""
    return measured_results(workspace.checkpoint_folders, workspace.runs)
