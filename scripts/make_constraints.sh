#!/bin/sh
# Write constraints.txt: the version of every package that the tests ran with, for all extras and platforms.
# Run: scripts/make_constraints.sh [VENV], with uv installed. uv keeps the versions of VENV where they fit.
set -eu
cd "$(dirname "$0")/.."
"${1:-.venv}/bin/python" -m pip freeze --exclude-editable >constraints.txt
uv pip compile --quiet --universal --all-extras --no-annotate \
    --custom-compile-command scripts/make_constraints.sh --output-file constraints.txt pyproject.toml
