#!/bin/sh
# Serve the app to other machines; more options go to Streamlit. The Dockerfile starts this, and so does a test.
set -eu
cd "$(dirname "$0")/.."
exec "${VENV:-.venv}/bin/python" -m streamlit run app.py --server.headless=true \
    --server.address="${SPLITLAB_ADDRESS:-0.0.0.0}" --server.port="${SPLITLAB_PORT:-8501}" "$@"
