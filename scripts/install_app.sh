#!/bin/sh
# Install the app into a new virtual environment: install_app.sh VENV
# The Makefile, and through it CI, and the Dockerfile install it this way and no other.
set -eu
cd "$(dirname "$0")/.."
"${PYTHON:-python3}" -m venv "$1"
"$1/bin/pip" install --quiet -r requirements.txt -c constraints.txt
