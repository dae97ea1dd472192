"""The plan of a sweep: the splits, seeds, models and settings to train, and the presets of the paper."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from splitlab.budget.published import method_rows, published_results
from splitlab.errors import SettingsError
from splitlab.families import family_of
from splitlab.runs.recipes import recipe_settings, run_settings
from splitlab.runs.spec import MAX_SEED, RunSpec

ALL = "all"
_DRAWS = ("random", "stratified", "paper")
MAX_RUNS = 10_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")  # part of the names of run folders

Size = int | str
"""A number of images, or `all` others."""


@dataclass(frozen=True)
class SweepPlan:
    """The plan of a sweep.

    Attributes:
        name: the first part of the run folders' names, and the tag of the runs.
        data: a dataset as `open_dataset` takes it.
        splits: (|F|, |W|), in training order; |W| may be `all` images not in F.
        is_grid: whether the splits are all pairs of two lists; corners of a grid may need more images than exist.
        seeds: of the runs, and of the splits that are drawn by seed.
        models: names of models.
        recipe: the recipe of the settings.
        draw: `random`, `stratified` or `paper`, the authors' own images.
        settings: other settings, which override the recipe.
        passes: the number of passes over F and W, which sets the steps of each run; 0 for the recipe's steps.
        mask_passes: the number of passes over F, which sets the additional steps for masks (DETR).

    Raises:
        SettingsError: a value is invalid.
    """

    name: str
    data: str
    splits: tuple[tuple[int, Size], ...]
    is_grid: bool = False
    seeds: tuple[int, ...] = (0,)
    models: tuple[str, ...] = ()
    recipe: str = "quick"
    draw: str = "random"
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    passes: float = 0.0
    mask_passes: float = 0.0

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise SettingsError(
                f"name is {self.name[:80]!r}, which cannot name folders. Give 1 to 60 letters, digits, dots, dashes "
                "or underscores, such as voc-grid."
            )
        if self.draw not in _DRAWS:
            raise SettingsError(f"draw is {self.draw[:80]!r}; choose one of {', '.join(_DRAWS)}.")
        for name, listed in (("seeds", self.seeds), ("models", self.models), ("splits", self.splits)):
            if len(set(listed)) < len(listed):
                twice = next(one for one in listed if listed.count(one) > 1)
                raise SettingsError(f"{name} has {twice!r} twice. Remove one: a run is trained once.")
        if not self.seeds or not self.splits:
            raise SettingsError("The lists of seeds and splits need at least one entry. Add one, such as seeds: [0].")
        for model in self.models:
            if not _NAME.fullmatch(model):
                raise SettingsError(f"models has {model[:80]!r}, which is not a model's name, such as yolov5n-seg.")
        if not all(0 <= seed <= MAX_SEED for seed in self.seeds):
            raise SettingsError(f"seeds must be from 0 to {MAX_SEED}.")
        if not all(0 <= passes < 1e6 for passes in (self.passes, self.mask_passes)):
            raise SettingsError(f"passes is {self.passes} and mask_passes {self.mask_passes}; give 0 to a million.")
        if self.mask_passes and not self.passes:
            raise SettingsError(f"mask_passes is {self.mask_passes:g} without passes; give both, or steps instead.")
        if self.count > MAX_RUNS:
            raise SettingsError(f"The plan has {self.count:,} runs; at most {MAX_RUNS:,} are allowed. Split it up.")

    @property
    def count(self) -> int:
        """The number of runs, including those that the dataset may be too small for."""
        return len(self.splits) * len(self.seeds) * max(len(self.models), 1)

    def specs(self, train_images: int) -> tuple[RunSpec, ...]:
        """Return the runs seed by seed, so that a whole grid is done early; equal sizes are one run.

        Args:
            train_images: the number of training images, which `all` needs.

        Raises:
            SettingsError: a setting is invalid, or there is no such recipe.
        """
        of_recipe = {**recipe_settings(self.recipe), **self.settings}
        models = self.models or (of_recipe.get("model", RunSpec.model),)
        # `all` may equal a number in the list.
        splits = dict.fromkeys((full, _count(weak, full, train_images)) for full, weak in self.splits)
        return tuple(
            self._spec({"seed": seed, "model": model}, full, weak)
            for seed in self.seeds
            for full, weak in splits
            for model in models
        )

    def _spec(self, differs: dict[str, Any], full: int, weak: int) -> RunSpec:
        settings = run_settings(self.recipe, {**self.settings, **differs}, full, weak)
        asked = {**settings, "data": self.data, "full": full, "weak": weak, "drawn": self.draw}
        if self.passes:
            asked |= self._steps(asked)
        return RunSpec.from_json(asked)

    def _steps(self, asked: dict[str, Any]) -> dict[str, int]:
        """Convert passes to steps in whole batches, like the paper's epochs."""
        # The spec refuses invalid sizes.
        batch = max(asked.get("batch_size", RunSpec.batch_size), 1)
        mask_batch = max(asked.get("mask_batch_size") or batch, 1)
        masks = self._mask_steps(asked, mask_batch)
        boxes = round(self.passes * math.ceil((asked["full"] + asked["weak"]) / batch))
        return {"steps": max(boxes + masks, 1), "mask_steps": masks}

    def _mask_steps(self, asked: dict[str, Any], mask_batch: int) -> int:
        """Convert `mask_passes`, or return `mask_steps` without them; 0 for models that learn masks with boxes."""
        if not asked["full"] or not family_of(str(asked["model"])).two_stages:
            return 0
        given = self.settings.get("mask_steps")
        of_passes = round(self.mask_passes * math.ceil(asked["full"] / mask_batch))
        if masks := of_passes or (given if isinstance(given, int) else 0):
            return masks
        raise SettingsError(f"{asked['model']} learns masks after boxes: give mask_passes in addition to passes.")

    def folder_name(self, spec: RunSpec) -> str:
        """Return the name of a run's folder."""
        return f"{self.name}-{spec.data.full}-{spec.data.weak}-{spec.model}-seed{spec.seed}"


def _count(weak: Size, full: int, train_images: int) -> int:
    return max(train_images - full, 0) if isinstance(weak, str) else weak


@dataclass(frozen=True)
class _Preset:
    """A method of the paper on a dataset, with the splits of its published rows.

    The paper counts the length of DETR's training in epochs, of YOLOv5's in iterations.
    """

    dataset: str
    method: str
    recipe: str
    passes: int = 0
    mask_passes: int = 0

    def content(self) -> dict[str, Any]:
        """Return the preset as keys of a plan."""
        rows = method_rows(published_results(), self.dataset, self.method)
        return {
            "splits": [f"{full}/{weak}" for full, weak in zip(rows["full"], rows["weak"], strict=True)],
            "recipe": self.recipe,
            "draw": "paper",
            "passes": self.passes,
            "mask_passes": self.mask_passes,
        }


PRESETS: Mapping[str, _Preset] = MappingProxyType(
    {
        "voc-yolo": _Preset("VOC2012", "YOLOv5", "paper-voc"),
        "voc-detr": _Preset("VOC2012", "DETR", "paper-detr-voc", 300, 150),
        "cityscapes-yolo": _Preset("Cityscapes", "YOLOv5", "paper-cityscapes"),
    }
)
