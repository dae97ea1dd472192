"""What visitors of a public app may do, and how much they may upload."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from typing import Any

import streamlit as st

from splitlab.errors import SettingsError

_MOST_MEGABYTES = 1_000_000
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


@dataclass(frozen=True)
class Hosting:
    """What visitors may do, and how much memory they may use.

    Attributes:
        read_only: Visitors look and compare; they cannot train, import checkpoints, upload datasets, delete or save
            anything.
        upload_megabytes: Largest file that a visitor may upload.
        models_in_memory: Number of checkpoints that stay loaded, for all visitors together.
        session_photo_megabytes: Memory for one visitor's photos, as files and as pixels.
        photo_megabytes: Memory for all visitors' photos together.
    """

    read_only: bool = False
    upload_megabytes: int = 500
    models_in_memory: int = 6
    session_photo_megabytes: int = 256
    photo_megabytes: int = 1024

    def __post_init__(self) -> None:
        _require(self, "upload_megabytes", _MOST_MEGABYTES)
        _require(self, "models_in_memory", 1000)
        _require(self, "photo_megabytes", _MOST_MEGABYTES)
        _require(self, "session_photo_megabytes", self.photo_megabytes)

    @classmethod
    def here(cls) -> Hosting:
        """Read the settings from the environment, with defaults for those that are not set.

        Raises:
            SettingsError: The value of a variable is invalid.
        """
        given = {name: os.environ[variable] for name, variable in _VARIABLES.items() if os.environ.get(variable)}
        return cls(**{name: _read(name, text) for name, text in given.items()})

    def require_writable(self, what: str) -> None:
        """Require that visitors may change things.

        Args:
            what: Subject of the message, such as "Training".

        Raises:
            SettingsError: The server is read-only.
        """
        if self.read_only:
            raise SettingsError(self.off(what))

    @staticmethod
    def off(what: str) -> str:
        """Return a sentence that something is off on a read-only server, and what to do."""
        return f"{what} is off: this server is read-only. Run SplitLab on your own machine to use it."


# The environment variable of each setting.
_VARIABLES = {
    "read_only": "SPLITLAB_READ_ONLY",
    "upload_megabytes": "SPLITLAB_UPLOAD_MB",
    "models_in_memory": "SPLITLAB_MODELS_IN_MEMORY",
    "session_photo_megabytes": "SPLITLAB_SESSION_PHOTO_MB",
    "photo_megabytes": "SPLITLAB_PHOTO_MB",
}


def _read(name: str, text: str) -> Any:
    if {field.name: field.type for field in fields(Hosting)}[name] == "bool":
        if text.lower() in _TRUE or text.lower() in _FALSE:
            return text.lower() in _TRUE
        raise SettingsError(f"{_VARIABLES[name]} is '{text}'. Set it to 1 or 0.")
    try:
        return int(text)
    except ValueError as error:
        raise SettingsError(
            f"{_VARIABLES[name]} is '{text}', not a whole number. Set it to a number, such as 100."
        ) from error


def _require(hosting: Hosting, name: str, most: int) -> None:
    value = getattr(hosting, name)
    if not 1 <= value <= most:
        raise SettingsError(f"{_VARIABLES[name]} is {value}. Set it to a number from 1 to {most}.")


TRAINING = "Training"


def may_change(what: str) -> bool:
    """Return whether visitors may change things; if not, tell them that `what` is off."""
    hosting = Hosting.here()
    if hosting.read_only:
        st.caption(f":material/lock: {hosting.off(what)}")
    return not hosting.read_only


def upload_limit(megabytes: int) -> int:
    """Return the upload limit in MB of a control that needs at most `megabytes`."""
    return min(megabytes, Hosting.here().upload_megabytes)
