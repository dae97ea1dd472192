"""A project: its settings, its folder, and the dataset that it owns."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from splitlab.budget.cost import ImagePool, Prices
from splitlab.budget.results import METRICS
from splitlab.data.dataset import Dataset, ImageLabels, TrainVal, count_images
from splitlab.data.exports.coco import export_coco
from splitlab.data.open_dataset import EMBEDDED, INDEX, open_dataset
from splitlab.data.reading import read_bounded
from splitlab.data.selection.near_duplicates import find_near_duplicates
from splitlab.data.selection.val_cut import FILE_NAME as VAL_FILE
from splitlab.data.selection.val_cut import cut_val, save_cut
from splitlab.errors import DataError, SettingsError, SplitError
from splitlab.io import Progress, make_folder, no_progress, plain_json, write_json
from splitlab.workspace import Workspace

SETTINGS = "project.json"
_LABELS, _PHOTOS = "annotations/instances_train.json", "images/train"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")  # part of the names of sweeps and folders
_MOST_HOURS = 1e6
# Photos with masks from which a val part is cut.
_LEAST_FOR_VAL = 10
_MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class ProjectSettings:
    """What a person decides about a project.

    Attributes:
        name: of the project, its folder and its dataset.
        hours: the budget for labels, hours.
        prices: what the labels of one image cost.
        metric: the score that plans aim at, a field of results such as "ap70".
        created: when, ISO 8601 in UTC.

    Raises:
        SettingsError: a value is out of range.
        BudgetError: a price is not above 0.
    """

    name: str
    hours: float
    prices: Prices
    metric: str = "ap70"
    created: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name == EMBEDDED:
            raise SettingsError(
                f"'{self.name[:80]}' cannot name a project: use 1 to 40 letters, digits, dashes or underscores."
            )
        if not (math.isfinite(self.hours) and 0 < self.hours <= _MOST_HOURS):
            raise SettingsError(f"The budget is {self.hours} hours: give a number above 0, such as 20.")
        if self.metric not in METRICS:
            raise SettingsError(f"metric is '{self.metric[:40]}': choose one of {', '.join(METRICS)}.")

    def to_json(self) -> dict[str, Any]:
        """Return the content of `project.json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Any) -> ProjectSettings:
        """Read the content of `project.json`; raises KeyError, TypeError or ValueError for other content."""
        prices = content["prices"]
        return cls(
            name=str(content["name"]),
            hours=float(content["hours"]),
            prices=Prices(float(prices["box_seconds"]), float(prices["mask_seconds"]), str(prices["name"])),
            metric=str(content["metric"]),
            created=str(content["created"]),
        )


@dataclass(frozen=True)
class Project:
    """A project on disk.

    Attributes:
        folder: of the project.
        settings: as `project.json` holds them.
        workspace: holds the project's dataset, under the project's name, and its training runs.
    """

    folder: Path
    settings: ProjectSettings
    workspace: Workspace

    @property
    def name(self) -> str:
        """The name of the project and of its dataset."""
        return self.settings.name

    @property
    def lock(self) -> Path:
        """The file that is held while labels or rounds change."""
        return self.folder / ".lock"

    @property
    def data_folder(self) -> Path:
        """The folder of the dataset."""
        return self.workspace.data / self.name

    @property
    def labels(self) -> Path:
        """The file with the labels of train."""
        return self.data_folder / _LABELS

    @property
    def photos(self) -> Path:
        """The folder of the photos of train."""
        return self.data_folder / _PHOTOS

    def file_of(self, image: ImageLabels) -> str:
        """Return the path of one of its photos below that folder, as label files name it."""
        return image.path.relative_to(self.photos).as_posix()

    def data(self) -> TrainVal:
        """Open the dataset, or return it as it was opened last if no file of it changed since.

        Raises:
            DataError: it is broken or gone.
        """
        changing = (self.labels, self.photos, self.data_folder / VAL_FILE)
        stamps = tuple(path.stat().st_mtime_ns for path in changing if path.exists())
        return _opened(self.name, self.workspace.data, stamps)


@lru_cache(maxsize=2)
def _opened(name: str, data_dir: Path, _stamps: tuple[int, ...]) -> TrainVal:
    return open_dataset(name, data_dir)


def new_project(
    settings: ProjectSettings,
    source: TrainVal,
    workspace: Workspace,
    classes: Sequence[str] = (),
    progress: Progress = no_progress,
) -> Project:
    """Create a project whose dataset holds the photos and labels of another; the other stays as it is.

    The dataset is a COCO dataset of the workspace under the project's name. Its photos are hard links where the disk
    allows it. If `source` has no val part and enough photos with masks, one is cut.

    Args:
        settings: of the project; `created` is set here.
        source: photos, with or without labels.
        workspace: where to create it.
        classes: the classes to label, for photos without any.
        progress: called while the photos are placed.

    Raises:
        DataError: the name is taken, no classes are known, a photo is missing, or the disk cannot be written.
        RunError: the project's folder cannot be written.
    """
    project = Project(workspace.projects / settings.name, settings, workspace)
    if (project.folder / SETTINGS).exists():
        raise DataError(f"There is a project '{settings.name}' already. Choose another name.")
    if project.data_folder.exists():
        raise DataError(
            f"{project.data_folder} is there already: a dataset of this name, or the rest of a project that was not "
            "finished. Choose another name, or remove that folder."
        )
    export_coco(_with_classes(source, classes), project.data_folder, progress)
    cut_val_if_missing(project, progress)
    made = replace(settings, created=datetime.now(UTC).isoformat(timespec="seconds"))
    make_folder(project.folder)
    # Last, so that a project whose creation was interrupted is not listed.
    write_json(project.folder / SETTINGS, made.to_json())
    return replace(project, settings=made)


def open_project(name: str, workspace: Workspace) -> Project:
    """Open a project by its name.

    Raises:
        DataError: there is none, or its file is broken.
    """
    folder = workspace.projects / name
    path = folder / SETTINGS
    if not _NAME.fullmatch(name) or not path.is_file():
        known = ", ".join(project_names(workspace)) or "none yet"
        raise DataError(
            f"There is no project '{name[:80]}'; there are: {known}. Create one: splitlab project new NAME."
        )
    try:
        settings = ProjectSettings.from_json(plain_json(read_bounded(path, _MOST_BYTES)))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read ({str(error)[:200]}). Correct the file by hand.") from error
    if settings.name != name:
        raise DataError(f'{path} names the project \'{settings.name}\'. Write "name": "{name}" there.')
    return Project(folder, settings, workspace)


def project_names(workspace: Workspace) -> list[str]:
    """List the projects of a workspace by name."""
    return sorted(path.parent.name for path in workspace.projects.glob(f"*/{SETTINGS}"))


def change_settings(project: Project, settings: ProjectSettings) -> Project:
    """Keep other settings of a project under its name.

    Raises:
        SettingsError: the name differs.
        RunError: the folder cannot be written.
    """
    if settings.name != project.name:
        raise SettingsError(f"The project '{project.name}' cannot be renamed to '{settings.name}'.")
    write_json(project.folder / SETTINGS, settings.to_json())
    return replace(project, settings=settings)


def pool_of(train: Dataset) -> ImagePool:
    """Count the images that a plan can use and their labels; images with unreadable labels are left out."""
    counts = count_images(train)
    boxes = counts.boxes + counts.half_masked + counts.background
    return ImagePool(counts.masks + boxes + counts.unlabelled, counts.masks, boxes)


def cut_val_if_missing(project: Project, progress: Progress = no_progress) -> None:
    """Cut a val part from the photos with masks if there is none and there are enough; near-duplicates stay together.

    If it cannot be cut or kept, the dataset stays without: training runs say so.
    """
    data = project.data()
    if data.has_val or count_images(data.train).masks < _LEAST_FOR_VAL:
        return
    groups = find_near_duplicates(data.train.images, project.data_folder, project.workspace.data / INDEX, progress)
    # Near-duplicates may leave nothing to cut.
    with suppress(SplitError, DataError):
        save_cut(project.data_folder, cut_val(data.train, groups=groups))


def _with_classes(source: TrainVal, classes: Sequence[str]) -> TrainVal:
    known = source.train.class_names
    if known and classes:
        raise DataError(f"'{source.train.name}' has classes: {', '.join(known)[:200]}. Leave out --classes.")
    if known:
        return source
    if not classes:
        raise DataError(
            f"'{source.train.name}' has no labels, so its classes are not known. Name them: --classes cat,dog."
        )
    ids = tuple(range(1, len(classes) + 1))
    train, val = (replace(part, class_names=tuple(classes), category_ids=ids) for part in (source.train, source.val))
    return replace(source, train=train, val=val)
