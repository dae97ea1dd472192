"""Read the plan of a sweep from a YAML file, or from a preset with changes."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from reprlib import repr as _show
from types import MappingProxyType
from typing import Any

import yaml

from splitlab.data.open_dataset import dataset_names
from splitlab.errors import SettingsError
from splitlab.runs.spec import PRETRAINED, SETTINGS
from splitlab.runs.store import weights_folder
from splitlab.sweeps.plan import ALL, MAX_RUNS, PRESETS, Size, SweepPlan

_MAX_LETTERS = 100_000
_KEYS = (
    "preset", "name", "data", "full", "weak", "splits", "seeds", "models", "recipe", "draw", "settings", "passes",
    "mask_passes",
)  # fmt: skip
# Settings that have their own key.
_OWN = {
    "data": "data",
    "full": "full or splits",
    "weak": "weak or splits",
    "seed": "seeds",
    "model": "models",
    "drawn": "draw",
    "recipe": "recipe",
}
_TYPES: dict[Any, tuple[str, tuple[type, ...]]] = {
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
    str: ("a text", (str,)),
    bool: ("true or false", (bool,)),
    int | str: ("a whole number or `auto`", (int, str)),
}


class _PlanLoader(yaml.SafeLoader):
    """Safe YAML in which 1e-3 is a number, as in YAML 1.2, not a text."""


_PlanLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read_plan(path: Path, data_dir: Path) -> SweepPlan:
    """Read a plan from a YAML file; paths in it are relative to its folder, names of datasets in `data_dir` stay names.

    Raises:
        SettingsError: it cannot be read or is not a valid plan; the message names the file and the key.
    """
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MAX_LETTERS + 1)
        if len(text) > _MAX_LETTERS:
            raise SettingsError(f"{path} has over {_MAX_LETTERS:,} characters: it is not the plan of a sweep.")
        content = _PlanLoader(text).get_single_data()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} cannot be read ({error}). Give a plan's file, or a preset: {', '.join(PRESETS)}."
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not YAML ({' '.join(str(error).split())[:300]}). Fix that line.") from error
    return plan_from(content, str(path), path.absolute().parent, data_dir)


def plan_from(content: Any, source: str, folder: Path, data_dir: Path) -> SweepPlan:
    """Build a plan from the content of a file or the command line.

    Args:
        content: keys and values.
        source: its name in messages.
        folder: the base of relative paths.
        data_dir: the workspace's folder of datasets, whose names stay names.

    Raises:
        SettingsError: a key is unknown or missing, or a value is invalid.
    """
    if not isinstance(content, dict):
        raise SettingsError(f"{source} is not a plan: it needs keys such as name, data, full, weak and seeds.")
    keys = _Keys(source, content)
    keys.check()
    splits, is_grid = keys.splits()
    try:
        return SweepPlan(
            name=keys.text("name"),
            data=_lasting_data(keys.text("data"), folder, data_dir),
            splits=splits,
            is_grid=is_grid,
            seeds=tuple(keys.numbers("seeds", [0])),
            models=tuple(keys.texts("models", [])),
            recipe=keys.text("recipe", "quick"),
            draw=keys.text("draw", "random"),
            settings=MappingProxyType(_lasting_start(keys.settings(), folder)),
            passes=keys.number("passes"),
            mask_passes=keys.number("mask_passes"),
        )
    except SettingsError as error:
        raise error if str(error).startswith(source) else SettingsError(f"{source}: {error}") from error


class _Keys:
    """The keys of a plan; each method raises a SettingsError that names the source and the key."""

    def __init__(self, source: str, content: dict[Any, Any]) -> None:
        self.source = source
        self.content = content

    def check(self) -> None:
        """Refuse unknown keys, and put the given ones over the preset."""
        for key in self.content:
            if key not in _KEYS:
                raise SettingsError(f"{self.source}: the key {_show(key)} is unknown. Choose from {', '.join(_KEYS)}.")
        if "preset" in self.content:
            name = self.text("preset")
            if name not in PRESETS:
                raise self._wrong("preset", f"one of {', '.join(PRESETS)}")
            preset = PRESETS[name].content()
            if {"full", "weak", "splits"} & set(self.content):
                del preset["splits"]
            self.content = {"name": name, **preset, **self.content}

    def splits(self) -> tuple[tuple[tuple[int, Size], ...], bool]:
        grid = {"full", "weak"} & set(self.content)
        if bool(grid) == ("splits" in self.content):
            raise SettingsError(f"{self.source}: give either full and weak, each a list, or splits such as [400/1000].")
        if not grid:
            return tuple(self._split(text) for text in self.texts("splits")), False
        wanted = "a list of numbers of images of at least 0, or the word all"
        full = self.numbers("full")
        weak = self._list("weak", [0], lambda size: size == ALL or _is_size(size), wanted)
        if len(full) * len(weak) > MAX_RUNS:
            raise SettingsError(f"{self.source}: full and weak make over {MAX_RUNS:,} splits. Shorten the lists.")
        return tuple(product(full, weak)), True

    def settings(self) -> dict[str, Any]:
        given = self.content.get("settings", {})
        if not isinstance(given, dict):
            raise self._wrong("settings", "names with values, such as steps: 300")
        known = [name for name in SETTINGS if name not in _OWN]
        for name, value in given.items():
            if name in _OWN:
                raise SettingsError(f"{self.source}, settings: {name} has its own key. Use {_OWN[name]}.")
            if name not in known:
                raise SettingsError(
                    f"{self.source}, settings: {_show(name)} is not a setting of a run. Choose from {', '.join(known)}."
                )
            word, allowed = _TYPES[SETTINGS[name].kind]
            if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
                raise self._wrong(f"settings, {name}", word, value)
        return dict(given)

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text, which is required without a default."""
        value = self.content.get(key, default)
        if value is None:
            raise SettingsError(f"{self.source}: the key {key} is missing. Add it.")
        if not isinstance(value, str) or not value:
            raise self._wrong(key, "a text")
        return value

    def number(self, key: str) -> float:
        value = self.content.get(key, 0)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self._wrong(key, "a number")
        return value

    def numbers(self, key: str, default: list[int] | None = None) -> list[int]:
        return self._list(key, default, _is_size, "a list of whole numbers of at least 0")

    def texts(self, key: str, default: list[str] | None = None) -> list[str]:
        return self._list(key, default, lambda value: isinstance(value, str), "a list of texts")

    def _list(self, key: str, default: list[Any] | None, holds: Callable[[Any], bool], wanted: str) -> list[Any]:
        values = self.content.get(key, default)
        if values is None:
            raise SettingsError(f"{self.source}: the key {key} is missing. Add it, such as {key}: [200, 400].")
        if not isinstance(values, list) or len(values) > MAX_RUNS:
            raise self._wrong(key, f"a list of at most {MAX_RUNS:,} entries")
        for value in values:
            if not holds(value):
                raise self._wrong(key, wanted, value)
        return values

    def _split(self, text: str) -> tuple[int, Size]:
        found = re.fullmatch(r"\s*([0-9]{1,9})\s*/\s*([0-9]{1,9}|all)\s*", text)
        if found is None:
            raise self._wrong("splits", "a list of |F|/|W|, such as [400/1000, 1464/all]", text)
        return int(found[1]), ALL if found[2] == ALL else int(found[2])

    def _wrong(self, key: str, wanted: str, value: object = None) -> SettingsError:
        shown = _show(self.content.get(key) if value is None else value)
        return SettingsError(f"{self.source}: {key} holds {shown}; it must be {wanted}.")


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _lasting_data(data: str, folder: Path, data_dir: Path) -> str:
    return data if data in dataset_names(data_dir) else str((folder / data).absolute())


def _lasting_start(settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    start = settings.get("start_from", "")
    if start in ("", PRETRAINED):
        return settings
    return {**settings, "start_from": str(weights_folder((folder / start).absolute()))}
