"""Ultralytics' segmentation models and their pretrained weights."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from splitlab.checkpoints.weights import Weights, check_usable
from splitlab.errors import CheckpointError, SettingsError
from splitlab.io import swept_in_temp, write_bytes
from splitlab.models.contract import Batch, Detections, DetectSettings, SegmentationModel
from splitlab.models.foreign.reader import read_foreign, start_from
from splitlab.models.foreign.ultralytics import ultralytics_weights
from splitlab.models.ultralytics.loss import CRITERION_SETTINGS, gated_loss
from splitlab.models.ultralytics.upstream import (
    ROOT,
    YAML,
    Detect,
    UltralyticsNetwork,
    attempt_download_asset,
    decode,
    is_online,
)
from splitlab.models.yolov5.decode import best_detections

# The last layers of the class branches and of YOLO26's semantic branch.
_CLASS_TENSORS = re.compile(r"\.((one2one_)?cv3\.\d+|proto\.semseg)\.2\.(weight|bias)")
_RETRIES = 1
_LAYOUTS = {"yolov8": "v8/yolov8-seg.yaml", "yolo11": "11/yolo11-seg.yaml", "yolo26": "26/yolo26-seg.yaml"}


class _UltralyticsSeg(SegmentationModel):
    """A segmentation network of Ultralytics, built from the layout in its package, with random weights."""

    def __init__(self, family: str, size: str, class_count: int) -> None:
        super().__init__()
        self.network = _network(family, size, class_count)
        self.network.args = CRITERION_SETTINGS
        self.train()

    @property
    def head(self) -> Detect:
        return cast("Detect", self.network.model[-1])

    def train(self, mode: bool = True) -> _UltralyticsSeg:
        """Set the mode; the head always returns raw predictions, which `loss` and `detect` need."""
        super().train(mode)
        self.head.training = True
        return self

    def forward(self, images: Tensor) -> dict[str, Any]:
        """(B, 3, S, S), 0..1, to Ultralytics' raw predictions; YOLO26's have the keys one2many and one2one."""
        raw: dict[str, Any] = self.network(images)
        return raw

    def class_rows(self, class_count: int) -> dict[str, Tensor]:
        """Return (class_count, 1) rows of the last layer of each class branch."""
        rows = torch.arange(class_count)[:, None]
        return {name: rows for name in self.state_dict() if _CLASS_TENSORS.search(name)}

    def start_pretrained(self, name: str, folder: Path) -> str:
        """Load the weights that Ultralytics trained on COCO, where available; return a sentence that describes them.

        Tensors that depend on the number of classes stay random, as does the whole model if there is no file.
        """
        path, described = _pretrained_weights(name, folder)
        if path is None:
            return described
        foreign = read_foreign(path)
        report = start_from(self, _weights_in(foreign.tree, path))
        return f"{described} {report} fit (sha256 {foreign.sha256[:12]}). These weights were trained on COCO's masks."

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return Ultralytics' parts of the loss; only known masks are read."""
        return gated_loss(self.network, self(batch.images), batch)

    def detect(self, images: Tensor, settings: DetectSettings) -> list[Detections]:
        """Find objects in (B, 3, S, S) images, 0..1; YOLO26 uses its one2one head without suppression."""
        candidates = decode(self.head, self(images))
        used = replace(candidates, scores=self.scores_of_used(candidates.scores, settings))
        return best_detections(used, settings)

    def outputs(self, images: Tensor) -> dict[str, Tensor]:
        """Return the tensors of `Candidates` by name."""
        return decode(self.head, self(images)).by_name()


def _network(family: str, size: str, class_count: int) -> Any:
    # A dict, not a name: for a name, Ultralytics would look in the current folder first.
    layout = YAML.load(ROOT / "cfg" / "models" / _LAYOUTS[family]) | {"scale": size, "nc": class_count}
    with torch.device("cpu"):  # the strides are measured by a forward pass, which the meta device cannot do
        return UltralyticsNetwork(layout, ch=3, nc=class_count, verbose=False)


def build(name: str, class_count: int, _image_size: int, _tensors: Collection[str]) -> _UltralyticsSeg:
    """Build a model of Ultralytics by its name, such as "yolo11n-seg"."""
    family_and_size = name.removesuffix("-seg")
    return _UltralyticsSeg(family_and_size[:-1], family_and_size[-1], class_count)


def _pretrained_weights(name: str, folder: Path) -> tuple[Path | None, str]:
    """Return a model's weights file from the cache or a download, or None, and a sentence that says which."""
    family, ending = name.removesuffix("-seg")[:-1], name[-4:]
    if family not in _LAYOUTS or ending != "-seg":
        raise SettingsError(f"Ultralytics has no weights for '{name}'. Choose a model of {', '.join(_LAYOUTS)}.")
    path = folder / f"{name}.pt"
    if path.is_file():
        return path, f"Started from {path.name}, downloaded earlier from Ultralytics."
    random = "Started from random weights:"
    if not is_online():
        return None, f"{random} {path.name} is not in {folder}, and this machine is offline or YOLO_OFFLINE is set."
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(path, _download(path.name))
    except (OSError, MemoryError) as error:
        reason = str(error).lstrip("❌ ")
        return None, f"{random} {path.name} could not be downloaded. {reason}"
    return path, f"Started from {path.name}, downloaded from Ultralytics."


def _download(name: str) -> bytes:
    # In a folder with a plain name: Ultralytics' downloader removes apostrophes from paths.
    with tempfile.TemporaryDirectory(prefix=swept_in_temp("splitlab-weights-")) as folder:
        return Path(attempt_download_asset(Path(folder) / name, progress=False, retry=_RETRIES)).read_bytes()


def _weights_in(tree: Any, path: Path) -> Weights:
    try:
        weights = ultralytics_weights(tree)
        for name, tensor in weights.items():
            check_usable(name, tensor)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error} Delete it so that it is downloaded again.") from error
    return weights
