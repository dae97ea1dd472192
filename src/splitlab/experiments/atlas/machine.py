"""What a run was measured with: the code's version and the machine, in words that name no path and no host."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

import torch

import splitlab

CODE_VERSION = "SPLITLAB_CODE_VERSION"
"""Says the version of code that was carried to another machine without its history."""

_PACKAGE = Path(splitlab.__file__).parent


def code_version() -> str:
    """Return the commit, with a plus where code was changed since; without a history what was told, or the version."""
    # A package installed inside of another project lies in that one's folders, but not in its history.
    commit = _git("ls-files", "--error-unmatch", str(_PACKAGE / "__init__.py")) and _git(
        "rev-parse", "--short=10", "HEAD"
    )
    if not commit:
        return os.environ.get(CODE_VERSION) or splitlab.__version__
    changed = _git("status", "--porcelain", "--", f"{_PACKAGE}/*.py")
    return commit + ("+" if changed else "")


def machine_name(device: str) -> str:
    """Return the accelerator's name, or the processor's."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return _processor() or platform.machine() or "unknown processor"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _git(*words: str) -> str:
    """Ask git about the package's own folder; empty where there is no git, or no history that holds it."""
    git = shutil.which("git")
    if git is None:
        return ""
    done = subprocess.run([git, "-C", str(_PACKAGE), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
