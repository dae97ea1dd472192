"""SplitLab: `streamlit run app.py`."""

from splitlab.app.navigation import run_app

run_app()
