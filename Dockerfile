# SplitLab for a class: docs/hosting.md says how to run it and what it exposes.
# What runs here runs in CI too: the Makefile calls install_app.sh, tests/test_dockerfile.py starts serve_app.sh.
FROM python:3.11-slim

# PyTorch for CPUs alone is a fifth of the size. The same version there sorts before PyPI's.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_EXTRA_INDEX_URL=$TORCH_INDEX PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /app
COPY requirements.txt constraints.txt pyproject.toml README.md ./
COPY scripts/install_app.sh scripts/
COPY src src
RUN scripts/install_app.sh /venv

COPY app.py LICENSE ./
COPY pages pages
COPY .streamlit .streamlit
COPY checkpoints checkpoints
COPY docs docs
COPY scripts/serve_app.sh scripts/check_health.py scripts/

RUN useradd --create-home --uid 10001 splitlab && install -d -o splitlab -g splitlab /workspace
ENV VENV=/venv SPLITLAB_WORKSPACE=/workspace SPLITLAB_CHECKPOINTS=/app/checkpoints
# Visitors look and compare. Set SPLITLAB_READ_ONLY=0 for people you trust.
ENV SPLITLAB_READ_ONLY=1 SPLITLAB_UPLOAD_MB=30
VOLUME /workspace
USER splitlab
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["/venv/bin/python", "scripts/check_health.py"]
CMD ["scripts/serve_app.sh"]
