"""SplitLab: `streamlit run app.py`."""

from splitlab.ui.navigation import run_app

run_app()
