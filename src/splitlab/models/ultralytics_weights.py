"""Weights that Ultralytics trained on COCO, by its own downloader; where they cannot be had, a sentence says so."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splitlab.drafts import swept_in_temp
from splitlab.errors import CheckpointError, SettingsError
from splitlab.models.contract import SegmentationModel
from splitlab.models.foreign_modules import tensors_of
from splitlab.models.foreign_reader import read_foreign
from splitlab.models.foreign_start_weights import start_from
from splitlab.models.foreign_tree import ForeignObject
from splitlab.models.ultralytics_import import attempt_download_asset, is_online
from splitlab.models.ultralytics_seg import LAYOUTS
from splitlab.runs.atomic_files import write_bytes
from splitlab.runs.stored_weights import Weights, check_usable

RETRIES = 1


@dataclass(frozen=True)
class PretrainedFile:
    """What became of the wish for pretrained weights.

    Attributes:
        path: the file, None where there is none.
        told: one sentence for the log and the card.
    """

    path: Path | None
    told: str


def start_pretrained(model: SegmentationModel, name: str, folder: Path) -> str:
    """Give a model the pretrained weights of its name where they can be had; return a sentence that says which it has.

    Tensors that depend on the number of classes stay random. So does all of the model where there is no file.

    Raises:
        SettingsError: no model of Ultralytics has this name.
        CheckpointError: the file is there and cannot be used.
        RunError: the folder cannot be written.
    """
    found = pretrained_weights(name, folder)
    if found.path is None:
        return found.told
    foreign = read_foreign(found.path)
    report = start_from(model, _weights_in(foreign.tree, found.path))
    return f"{found.told} {report} fit (sha256 {foreign.sha256[:12]}). These weights have seen COCO's masks."


def pretrained_weights(name: str, folder: Path) -> PretrainedFile:
    """Find a model's pretrained weights in a folder, or download them there; nothing in the file is run.

    Args:
        name: such as "yolo11n-seg".
        folder: where pretrained weights are kept.

    Raises:
        SettingsError: no model of Ultralytics has this name.
        RunError: the folder cannot be written.
    """
    family, ending = name.removesuffix("-seg")[:-1], name[-4:]
    if family not in LAYOUTS or ending != "-seg":
        raise SettingsError(f"Ultralytics has no weights for '{name}'. Choose a model of {', '.join(LAYOUTS)}.")
    path = folder / f"{name}.pt"
    if path.is_file():
        return PretrainedFile(path, f"Started from {path.name}, kept from an earlier download from Ultralytics.")
    if not is_online():
        return PretrainedFile(
            None,
            f"Started from random weights: {path.name} is not in {folder}, and this machine is offline or "
            "YOLO_OFFLINE is set.",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(path, _download(path.name))
    except (OSError, MemoryError) as error:
        reason = str(error).lstrip("❌ ")
        return PretrainedFile(None, f"Started from random weights: {path.name} could not be downloaded. {reason}")
    return PretrainedFile(path, f"Started from {path.name}, downloaded from Ultralytics.")


def _download(name: str) -> bytes:
    # In a folder with a plain name: their downloader takes apostrophes out of paths.
    with tempfile.TemporaryDirectory(prefix=swept_in_temp("splitlab-weights-")) as folder:
        return Path(attempt_download_asset(Path(folder) / name, progress=False, retry=RETRIES)).read_bytes()


def _weights_in(tree: Any, path: Path) -> Weights:
    network = (tree.get("ema") or tree.get("model")) if isinstance(tree, dict) else None
    if not isinstance(network, ForeignObject):
        raise CheckpointError(f"{path} holds no network of Ultralytics. Delete it, to have it downloaded again.")
    weights = dict(tensors_of(network, "network."))
    for name, tensor in weights.items():
        try:
            check_usable(name, tensor)
        except CheckpointError as error:
            raise CheckpointError(f"{path}: {error}") from error
    return weights
