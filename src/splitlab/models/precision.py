"""Devices, numeric precision, memory, and processes that train together."""

from __future__ import annotations

import ctypes
import os
import platform

import torch
import torch.distributed as dist
from torch import Tensor

from splitlab.errors import SettingsError

# Parameters of glibc's mallopt (malloc.h).
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4


def check_device(device: str) -> None:
    """Raise SettingsError if this machine does not have the device."""
    if device not in available_devices():
        raise SettingsError(
            f"device '{device}' is not available on this machine. Choose one of {', '.join(available_devices())}."
        )


def available_devices() -> list[str]:
    """List the devices training can use on this machine, fastest first."""
    devices = ["cuda"] if torch.cuda.is_available() else []
    devices += ["mps"] if torch.backends.mps.is_available() else []
    return [*devices, "cpu"]


def mixed_precision(device: str) -> str:
    """Return accelerate's setting for the device: "bf16" where the hardware supports it, else "no"."""
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "no"
    # Without AVX512_BF16, oneDNN still accepts bf16 but is slower than float32.
    has_bf16 = device == "cpu" and torch.cpu._is_avx512_bf16_supported()
    return "bf16" if has_bf16 else "no"


def keep_freed_memory() -> None:
    """Make this process keep freed memory for its next tensors; does nothing without glibc.

    By default glibc returns large blocks to the system, and each step of a training run pays for fresh pages again
    (`benchmarks/kept_memory.py`).
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_MAX, 0)
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def process_count() -> int:
    """Return the number of processes that train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main_process() -> bool:
    """Return whether this process writes files, evaluates and reports; the others only train."""
    return int(os.environ.get("RANK", "0")) == 0


def mean_over_processes(number: Tensor) -> Tensor:
    """Return the mean of a scalar over all processes, each of which must call this; changes `number`."""
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(number)
        number = number / dist.get_world_size()
    return number
