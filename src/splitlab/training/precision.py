"""Which number format a device trains fastest in."""

from __future__ import annotations

import torch

from splitlab.errors import SettingsError


def check_device(device: str) -> None:
    """Raise SettingsError where this machine lacks the device."""
    if device not in available_devices():
        raise SettingsError(
            f"device '{device}' is not on this machine. Choose one of {', '.join(available_devices())}."
        )


def available_devices() -> list[str]:
    """List the devices that training can use here, the fastest first."""
    devices = ["cuda"] if torch.cuda.is_available() else []
    devices += ["mps"] if torch.backends.mps.is_available() else []
    return [*devices, "cpu"]


def mixed_precision(device: str) -> str:
    """Return accelerate's word for the device: "bf16" where the hardware multiplies it, else "no"."""
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "no"
    # Without the instructions oneDNN still takes bf16, and is slower than float32.
    has_bf16 = device == "cpu" and torch.cpu._is_avx512_bf16_supported()
    return "bf16" if has_bf16 else "no"
