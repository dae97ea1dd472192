"""A run's settings as a few digits, the same on every machine."""

from __future__ import annotations

import hashlib
import json

from splitlab.runs.spec import SETTINGS, RunSpec

# What changes nothing of what a model learns.
_NOT_LEARNT = ("data", "device", "compiled", "tracker", "evaluate_every")


def spec_hash(spec: RunSpec) -> str:
    """Return 12 hexadecimal digits for all settings that a model learns by.

    Settings at their default are left out, so that one that is added to `RunSpec` later opens no measured run again.
    """
    told = {
        name: value
        for name, value in spec.to_json().items()
        if name not in _NOT_LEARNT and value != SETTINGS[name].default
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]
