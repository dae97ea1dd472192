"""The data set of a run, as its settings let it be seen."""

from __future__ import annotations

from pathlib import Path

from splitlab.data.class_lists import names_in
from splitlab.data.class_views import masks_of_classes, of_classes, of_classes_with_background
from splitlab.data.dataset import TrainVal
from splitlab.data.open_dataset import open_dataset
from splitlab.runs.spec import RunSpec


def open_run_data(spec: RunSpec, data_dir: Path) -> TrainVal:
    """Read the data set of a run: its classes alone, and in train the masks of its mask classes alone.

    Where the run says `background`, train keeps the images that show none of the classes.

    Raises:
        DataError: there is no such data set, its files are broken, or it lacks one of the classes.
    """
    return as_run_sees(
        open_dataset(spec.data.source, data_dir), spec.data.classes, spec.data.mask_classes, spec.data.background
    )


def as_run_sees(data: TrainVal, classes: str, mask_classes: str, background: bool = False) -> TrainVal:
    """Restrict a data set as the settings `classes`, `mask_classes` and `background` of a run say.

    Empty lists of classes change nothing.

    Raises:
        DataError: it lacks one of the classes.
    """
    view = of_classes_with_background if background else of_classes
    seen = view(data, names_in(classes)) if classes else data
    return masks_of_classes(seen, names_in(mask_classes)) if mask_classes else seen
