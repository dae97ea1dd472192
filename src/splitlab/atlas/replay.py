"""Replay the choice of photos on labelled ones: chains of rounds, each with a trained model and a row (0308)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from splitlab.atlas.measure import code_version, measure_checkpoint, measured_row
from splitlab.atlas.parts import Parts, open_parts, part_hash
from splitlab.atlas.rows import COLUMNS
from splitlab.atlas.work import Deadline, forget_training
from splitlab.budget.label_prices import price_preset
from splitlab.checkpoints.scores import read_scores
from splitlab.data.dataset import Dataset, ImageLabels, LabelState, TrainVal, json_hash
from splitlab.data.open_dataset import EMBEDDED, INDEX
from splitlab.data.split import Split, draw_split, read_split, without_masks
from splitlab.errors import BudgetError
from splitlab.io import HeldError, Progress, holding, make_folder, no_progress, write_bytes
from splitlab.next_batch.batch import AskedLabels, PhotoSource, next_batch
from splitlab.next_batch.strategies import STRATEGY_NAMES, Random, strategy_named
from splitlab.runs.recipes import run_settings
from splitlab.runs.run_folder import RunFolder, State
from splitlab.runs.spec import RunSpec
from splitlab.training.experiment import Tell, carry_out, prepare_run_on, tell_nobody
from splitlab.workspace import Workspace

START = "start"
"""The strategy of round 0, which all strategies of a seed share."""

REPLAY_COLUMNS = ("stage", "strategy", "round", "hours", "val_ap50_95", *COLUMNS)
"""Columns of the table: those of `MeasuredRow`, empty where only val may be looked at, and six others."""

_HASHES = ("spec_hash", "data_hash", "test_hash", "code_version", "date")
"""Columns that may look like numbers."""

_KEY = ["stage", "dataset", "strategy", "round", "seed"]
_PRICES = price_preset("extreme-clicks").prices
_SETTINGS: Mapping[str, Any] = MappingProxyType({"image_size": 160, "steps": 480, "f_size": 6, "evaluate_every": 480})
_LOOK_SECONDS, _PATIENCE_SECONDS = 5.0, 60.0


@dataclass(frozen=True)
class ReplaySet:
    """A dataset of the replay.

    Attributes:
        name: in the table.
        data: its name or folder, as `open_parts` takes it.
        recipe: of the training runs.
        start: masks and boxes at the start.
        added: what each round adds.
        settings: of the training runs, beside those of the recipe.
    """

    name: str
    data: str
    recipe: str
    start: AskedLabels
    added: AskedLabels
    settings: Mapping[str, Any] = field(default_factory=lambda: _SETTINGS)


REPLAY_SETS: Mapping[str, ReplaySet] = MappingProxyType(
    {
        EMBEDDED: ReplaySet(EMBEDDED, EMBEDDED, EMBEDDED, AskedLabels(24, 48), AskedLabels(16, 32)),
        "pets": ReplaySet("pets", "pets", "quick", AskedLabels(9, 18), AskedLabels(9, 18)),
        "everyday": ReplaySet("everyday", "people-animals", "quick", AskedLabels(60, 120), AskedLabels(40, 80)),
    }
)
"""The sets of the plan by their names."""


@dataclass(frozen=True)
class Stage:
    """A stage of the plan.

    Attributes:
        name: in the table.
        seeds: one chain of rounds for each and for each strategy.
        rounds: after the start.
        strategies: their names.
        on_test: whether runs are scored on the test part too.
    """

    name: str
    seeds: tuple[int, ...]
    rounds: int
    strategies: tuple[str, ...]
    on_test: bool


CHOICE = Stage("choice", (100,), 2, STRATEGY_NAMES, on_test=False)
"""The stage that chooses two strategies, on val alone."""


def report_stage(finalists: Sequence[str]) -> Stage:
    """Return the stage that compares the chosen strategies with random, on test."""
    return Stage("report", (0, 1, 2, 3, 4), 3, (Random.name, *finalists), on_test=True)


@dataclass(frozen=True)
class ReplayRun:
    """One trained model: the labels that a strategy has chosen up to a round."""

    of: ReplaySet
    strategy: str
    round: int
    seed: int

    @property
    def before(self) -> ReplayRun:
        """The run whose model chooses the labels of this round."""
        return replace(self, round=self.round - 1, strategy=START if self.round == 1 else self.strategy)

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"replay-{self.of.name}-{self.strategy}-{self.round}-seed{self.seed}"


def replay_runs(stage: Stage, sets: Sequence[ReplaySet]) -> list[ReplayRun]:
    """Return the runs of a stage in the order of the plan: seed by seed, set by set, round by round."""
    return [
        ReplayRun(one, strategy, number, seed)
        for seed in stage.seeds
        for one in sets
        for number in range(stage.rounds + 1)
        for strategy in (stage.strategies if number else (START,))
    ]


def read_replay(table: Path) -> pd.DataFrame:
    """Read the rows that were measured; none if the file is missing.

    Raises:
        BudgetError: the file is not such a table.
    """
    if not table.exists():
        return pd.DataFrame(columns=list(REPLAY_COLUMNS))
    try:
        found = pd.read_csv(table, dtype=dict.fromkeys(_HASHES, "str"))
    except (OSError, ValueError) as error:
        raise BudgetError(f"{table} cannot be read as a table ({error}). Restore it from the repository.") from error
    if missing := [name for name in REPLAY_COLUMNS if name not in found]:
        raise BudgetError(f"{table} lacks the column {missing[0]}. Restore it from the repository.")
    return found


@dataclass(frozen=True)
class Replay:
    """Trains and measures the runs of a stage; several processes may do so in parallel.

    Attributes:
        stage: the stage.
        sets: the datasets.
        workspace: where datasets and runs are.
        table: the CSV file of rows.
        deadline: when to stop; the current run is saved and goes on with the next call.
        progress, tell: called with the progress of the current run, and with a line for each run.
    """

    stage: Stage
    sets: tuple[ReplaySet, ...]
    workspace: Workspace
    table: Path
    deadline: Deadline = field(default_factory=Deadline)
    progress: Progress = no_progress
    tell: Tell = tell_nobody
    version: str = field(default_factory=code_version)

    def work_through(self) -> bool:
        """Train and measure run after run; return whether all are measured.

        A run that another process works on is looked at again later. Ctrl-C and SIGTERM save the current run.

        Raises:
            SplitLabError: a photo, label or file cannot be read or written, or the photos run out.
        """
        while left := list(self.left()):
            if self.deadline.is_over:
                return False
            state = next((state for run in left if (state := self._take(run)) is not None), None)
            if state not in (None, State.DONE):
                return False
            if state is None:
                time.sleep(_LOOK_SECONDS)  # other processes work on all that can be done now
        return True

    def left(self) -> Iterator[ReplayRun]:
        """Yield the runs without a row."""
        done = self._done()
        return (run for run in replay_runs(self.stage, self.sets) if self._key(run) not in done)

    def _done(self) -> set[tuple[Any, ...]]:
        return set(read_replay(self.table)[_KEY].itertuples(index=False, name=None))

    def _key(self, run: ReplayRun) -> tuple[Any, ...]:
        return self.stage.name, run.of.name, run.strategy, run.round, run.seed

    def _take(self, run: ReplayRun) -> State | None:
        """Train and measure a run; None if it waits for the round before, or another process has it."""
        if run.round and self._key(run.before) not in self._done():
            return None
        make_folder(self.workspace.runs)
        with suppress(HeldError), holding(self.workspace.runs / f".{run.name}.lock", f"{run.name} is in work."):
            if self._key(run) in self._done():
                return State.DONE  # another process measured it a moment ago
            parts = self._parts[run.of.name]
            folder = self._folder(run, parts)
            state = carry_out(folder, self.workspace.data, self.deadline.watched(folder, self.progress))
            if state == State.DONE:
                forget_training(folder)
                self._measure(run, folder, parts)
            return state
        return None

    @cached_property
    def _parts(self) -> dict[str, Parts]:
        return {one.name: open_parts("replay", one.data, self.workspace.data)[0] for one in self.sets}

    def _folder(self, run: ReplayRun, parts: Parts) -> RunFolder:
        """Return the run's folder; its labels are chosen if it is new."""
        folder = RunFolder(self.workspace.runs / run.name)
        if folder.spec_path.exists():
            return folder
        split = self._split(run, parts)
        settings = run_settings(run.of.recipe, run.of.settings, len(split.full), len(split.weak))
        asked = {"data": run.of.data, "full": len(split.full), "weak": len(split.weak), "seed": run.seed}
        spec = RunSpec.from_json({**settings, **asked})
        self.tell(f"{run.name}: {split.name}")
        return prepare_run_on(folder.path, spec, TrainVal(parts.train, parts.val), split)

    def _split(self, run: ReplayRun, parts: Parts) -> Split:
        """Return the labels of a run: drawn at the start, else those of the round before and a batch more."""
        pool = pool_of(parts.train)
        if not run.round:
            return draw_split(pool, run.of.start.masks, run.of.start.boxes, run.seed)
        before = RunFolder.open(self.workspace.runs / run.before.name)
        split = read_split(before.split_path)
        folder = self.workspace.data / run.of.data
        source = PhotoSource(as_labelled(pool, split), folder, self.workspace.data / INDEX, (before.weights,))
        strategy = strategy_named(run.strategy, _PRICES)
        # Another draw in each round, the same for all strategies.
        chosen = next_batch(source, run.of.added, strategy, run.seed * 100 + run.round, self.progress).plan
        return replace(
            split,
            full=(*split.full, *chosen.masks),
            weak=(*split.weak, *chosen.boxes),
            drawn=run.strategy,
        )

    def _measure(self, run: ReplayRun, folder: RunFolder, parts: Parts) -> None:
        split = read_split(folder.split_path)
        start = read_split(RunFolder(self.workspace.runs / _start_of(run).name).split_path)
        row: dict[str, Any] = {
            "stage": self.stage.name,
            "strategy": run.strategy,
            "round": run.round,
            "hours": round(label_hours(parts.train, split) - label_hours(parts.train, start), 4),
            "val_ap50_95": read_scores(folder.scores_path)["mask"]["ap50_95"],
            "dataset": run.of.name,
            "full": len(split.full),
            "weak": len(split.weak),
            "seed": run.seed,
        }
        if self.stage.on_test:
            hashes = {
                "spec_hash": json_hash(folder.spec().to_json())[:12],
                "data_hash": part_hash(parts.train),
                "test_hash": part_hash(parts.test),
            }
            reached = measure_checkpoint(folder.weights, parts.test, self.progress).columns
            images = len(pool_of(parts.train).images)
            row |= asdict(measured_row(folder, reached, run.of.name, images, hashes, self.version))
        _add_row(self.table, row)
        self.tell(f"{run.name}: val AP {row['val_ap50_95']}, {row['hours']} h added")


def pool_of(train: Dataset) -> Dataset:
    """Return the photos that a replay chooses from: those that show objects and have all their masks."""
    return replace(train, images=tuple(image for image in train.images if image.can_be_full and image.targets))


def as_labelled(pool: Dataset, split: Split) -> Dataset:
    """Return a dataset as if F and W of a split were all that is labelled."""
    full, weak = set(split.full), set(split.weak)

    def seen(image: ImageLabels) -> ImageLabels:
        if image.image_id in full:
            return image
        if image.image_id in weak:
            return without_masks(image)
        return replace(image, objects=(), state=LabelState.NONE)

    return replace(pool, images=tuple(map(seen, pool.images)), source_hash=split.hash)


def label_hours(train: Dataset, split: Split) -> float:
    """Return the hours to label a split, by the objects that its photos show."""
    of_one = _PRICES.per_image(1.0)
    boxes, masks = (sum(len(image.targets) for image in train.select(part)) for part in (split.weak, split.full))
    return (boxes * of_one.box_seconds + masks * of_one.mask_seconds) / 3600


def _start_of(run: ReplayRun) -> ReplayRun:
    return replace(run, round=0, strategy=START)


def _add_row(table: Path, row: Mapping[str, Any]) -> None:
    make_folder(table.parent)
    refusal = f"{table} is being written by another process. Try again later."
    with holding(table.with_name(f".{table.name}.lock"), refusal, _PATIENCE_SECONDS):
        old, new = read_replay(table), pd.DataFrame([row], columns=list(REPLAY_COLUMNS))
        # An empty part would change the column types.
        rows = pd.concat([old, new], ignore_index=True) if len(old) else new
        write_bytes(table, rows.to_csv(index=False).encode())
