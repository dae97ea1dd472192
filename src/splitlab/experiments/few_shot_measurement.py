"""Few-shot, zero-shot and partly supervised training measured on a data set whose classes are parted into two groups.

Base classes are there to pretrain on, novel ones are learnt from few masks or none. A run that is done is not trained
again, one that was broken off goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splitlab.budget.few_shot_measured import BASE
from splitlab.data.class_lists import in_one_line
from splitlab.data.dataset import TrainVal
from splitlab.data.progress import Progress, no_progress
from splitlab.data.splits.draw_split import draw_split
from splitlab.data.splits.split import Split, read_split
from splitlab.errors import RunError
from splitlab.experiments.experiment import carry_out, prepare_run
from splitlab.experiments.few_shot import BACKBONE, F_SIZE, plan_few_shot
from splitlab.experiments.run_data import as_run_sees
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import SETTINGS, RunSpec

# What changes nothing of what a model learns; what it starts from is told by its own hash.
_NOT_LEARNT = ("data", "device", "compiled", "tracker", "evaluate_every", "start_from")
# Left out at their defaults, so that rows measured before there were these settings keep their hashes.
_YOUNGER = ("background", "refine_boxes")


@dataclass(frozen=True)
class Variant:
    """Which classes are novel; all others are base classes."""

    name: str
    novel: tuple[str, ...]


# Of the embedded scenes: a pair of classes unlike any other, and one class of each look-alike pair.
VARIANTS = (
    Variant("new pair", ("compass jelly", "moon jelly")),
    Variant("look-alikes", ("spotted fish", "beaded star", "moon jelly")),
)


@dataclass(frozen=True)
class Sizes:
    """How many labels the runs get.

    Attributes:
        base_masks: |F| of the base model, which has no W.
        masks: of each novel class, in the few-shot runs.
        full, weak: |F| and |W| of the partly supervised run and of the one with all masks.
    """

    base_masks: int = 300
    masks: int = 3
    full: int = 100
    weak: int = 400


@dataclass(frozen=True)
class FewShotRun:
    """One run of a measurement.

    Attributes:
        variant: which classes are novel.
        setting, start: as the table has them (`few_shot_measured`).
        spec: its settings.
        split: its F and W.
        path: its run folder.
    """

    variant: Variant
    setting: str
    start: str
    spec: RunSpec
    split: Split
    path: Path


@dataclass(frozen=True)
class Measurement:
    """What all runs of a measurement share.

    Attributes:
        name: of the data set, as a spec has it.
        data: it, whole.
        runs: the folder of all runs.
        settings: of the recipe, and what differs from it.
        sizes: of the splits.
    """

    name: str
    data: TrainVal
    runs: Path
    settings: Mapping[str, Any]
    sizes: Sizes

    def planned(self, variant: Variant, seed: int) -> Iterator[FewShotRun]:
        """Yield the seven runs of a variant, the base model before those that start from it.

        Raises:
            SplitLabError: the data set lacks a class, or has not so many images or masks.
        """
        others = in_one_line(name for name in self.data.train.class_names if name not in variant.novel)
        base = self._random(variant, BASE, seed, {"classes": others}, self.sizes.base_masks, 0)
        yield base
        for setting, masks in (("few-shot", self.sizes.masks), ("zero-shot", 0)):
            for start, weights in ((BASE, str(base.path / "weights")), (BACKBONE, "")):
                yield self._shots(variant, setting, start, seed, masks, weights)
        for setting, masked in (("partly supervised", others), ("all masks", "")):
            yield self._random(variant, setting, seed, {"mask_classes": masked}, self.sizes.full, self.sizes.weak)

    def _shots(self, variant: Variant, setting: str, start: str, seed: int, masks: int, weights: str) -> FewShotRun:
        settings = {**self.settings, "f_size": F_SIZE, "classes": in_one_line(variant.novel), "start_from": weights}
        spec, split = plan_few_shot(self.name, self.data, masks, seed, settings)
        return FewShotRun(variant, setting, start, spec, split, self._path(variant, setting, start, seed))

    def _random(
        self, variant: Variant, setting: str, seed: int, seen: dict[str, str], full: int, weak: int
    ) -> FewShotRun:
        told = {"data": self.name, "full": full, "weak": weak, "seed": seed}
        spec = RunSpec.from_json({**self.settings, **seen, **told})
        split = draw_split(as_run_sees(self.data, spec.data.classes, spec.data.mask_classes).train, full, weak, seed)
        return FewShotRun(variant, setting, BACKBONE, spec, split, self._path(variant, setting, BACKBONE, seed))

    def _path(self, variant: Variant, setting: str, start: str, seed: int) -> Path:
        parts = ("few-shot", Path(self.name).name, variant.name, setting, start, f"seed{seed}")
        # With all masks no class is novel: the run is the same in every variant.
        kept = [part for part in parts if setting != "all masks" or part != variant.name]
        return self.runs / "-".join(part.replace(" ", "-") for part in kept)


def train_planned(planned: FewShotRun, data_dir: Path, progress: Progress = no_progress) -> RunFolder | None:
    """Train a run, or on from where it stands; None where somebody stopped it.

    Raises:
        RunError: its folder holds a run with other settings or other labels.
        SplitLabError: it cannot be trained.
    """
    if (planned.path / "spec.json").is_file():
        run = RunFolder.open(planned.path)
        if run.spec() != planned.spec or read_split(run.split_path) != planned.split:
            raise RunError(
                f"{planned.path} holds a run with other settings or other labels than asked for. Delete it, or measure "
                "in another work space."
            )
    else:
        run = prepare_run(planned.path, planned.spec, data_dir, planned.split)
    return run if carry_out(run, data_dir, progress) == State.DONE else None


def spec_hash(spec: RunSpec) -> str:
    """Return 12 hexadecimal digits for all settings that a model learns by, whatever the machine.

    A start from a checkpoint counts by that run's own settings.
    """
    told = {
        name: value
        for name, value in spec.to_json().items()
        if name not in _NOT_LEARNT and not (name in _YOUNGER and value == SETTINGS[name].default)
    }
    start = Path(spec.start_from).parent if spec.start_from else None
    told["start"] = spec_hash(RunFolder.open(start).spec()) if start else ""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]
