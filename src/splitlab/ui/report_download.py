"""The comparison at hand as one HTML file and as CSV files, to take away."""

from __future__ import annotations

import io
import zipfile

import streamlit as st

from splitlab.experiments.comparison import Comparison
from splitlab.figures.compare_report import report_html
from splitlab.figures.comparison_tables import all_tables


def offer_report(comparison: Comparison) -> None:
    """Show two buttons; the files are made when one is pressed."""
    with st.container(horizontal=True):
        st.download_button(
            "Report",
            lambda: report_html(comparison).encode(),
            f"splitlab-{comparison.dataset.name}.html",
            "text/html",
            icon=":material/description:",
            help="One HTML file with pictures, tables and settings; it needs nothing else.",
            on_click="ignore",
        )
        st.download_button(
            "Tables as CSV",
            lambda: _zipped(comparison),
            f"splitlab-{comparison.dataset.name}.zip",
            "application/zip",
            icon=":material/table:",
            on_click="ignore",
        )


def _zipped(comparison: Comparison) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, table in all_tables(comparison).items():
            archive.writestr(f"{name}.csv", table.to_csv(index=False))
    return buffer.getvalue()
