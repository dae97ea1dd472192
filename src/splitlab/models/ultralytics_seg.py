"""YOLOv8-seg, YOLO11-seg and YOLO26-seg as models of the one loop: Ultralytics' networks, our gates and decoding."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from splitlab.models.candidates import best_detections
from splitlab.models.contract import Batch, Detections, DetectSettings, SegmentationModel
from splitlab.models.ultralytics_decode import decode
from splitlab.models.ultralytics_import import ROOT, YAML, Detect, UltralyticsNetwork
from splitlab.models.ultralytics_loss import CRITERION_SETTINGS, gated_loss

# The last layers of the class branches, and of YOLO26's semantic one.
_CLASS_TENSORS = re.compile(r"\.((one2one_)?cv3\.\d+|proto\.semseg)\.2\.(weight|bias)")
LAYOUTS = {"yolov8": "v8/yolov8-seg.yaml", "yolo11": "11/yolo11-seg.yaml", "yolo26": "26/yolo26-seg.yaml"}


class UltralyticsSeg(SegmentationModel):
    """A segmentation network of Ultralytics, built from the layout in its package, with random weights.

    Args:
        family: a key of `LAYOUTS`.
        size: n, s, m, l or x.
        class_count: classes to tell apart.
    """

    def __init__(self, family: str, size: str, class_count: int) -> None:
        super().__init__()
        self.network = _network(family, size, class_count)
        self.network.args = CRITERION_SETTINGS
        self.train()

    @property
    def head(self) -> Detect:
        """The last layer."""
        return cast("Detect", self.network.model[-1])

    def train(self, mode: bool = True) -> UltralyticsSeg:
        """Set the mode; the head always answers with raw predictions, which `loss` and `detect` take."""
        super().train(mode)
        self.head.training = True
        return self

    def forward(self, images: Tensor) -> dict[str, Any]:
        """(B, 3, S, S), 0..1, to Ultralytics' raw predictions; YOLO26's are two such dicts, one2many and one2one."""
        raw: dict[str, Any] = self.network(images)
        return raw

    def class_rows(self, class_count: int) -> dict[str, Tensor]:
        """Return (class_count, 1) rows of the last layer of each branch that answers for classes."""
        rows = torch.arange(class_count)[:, None]
        return {name: rows for name in self.state_dict() if _CLASS_TENSORS.search(name)}

    def start_pretrained(self, name: str, folder: Path) -> str:
        """Take the weights that Ultralytics trained on COCO; return a sentence on what it took."""
        # Here, because the module imports this one.
        from splitlab.models.ultralytics_weights import start_pretrained

        return start_pretrained(self, name, folder)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return Ultralytics' parts of the loss; those that read masks see mask images only."""
        return gated_loss(self.network, self(batch.images), batch)

    def detect(self, images: Tensor, settings: DetectSettings) -> list[Detections]:
        """Find objects in (B, 3, S, S) images, 0..1; YOLO26 needs no suppression and answers by its one2one head."""
        return best_detections(decode(self.head, self(images)), settings)

    def outputs(self, images: Tensor) -> dict[str, Tensor]:
        """Return the tensors of `Candidates` by name."""
        return decode(self.head, self(images)).by_name()


def _network(family: str, size: str, class_count: int) -> Any:
    # A dict, not a name: for a name, Ultralytics would take a file of the current folder first.
    layout = YAML.load(ROOT / "cfg" / "models" / LAYOUTS[family]) | {"scale": size, "nc": class_count}
    with torch.device("cpu"):  # it measures its strides by a forward pass, which the meta device cannot do
        return UltralyticsNetwork(layout, ch=3, nc=class_count, verbose=False)


def build(name: str, class_count: int, _image_size: int, _tensors: Collection[str]) -> UltralyticsSeg:
    """Build a model of Ultralytics by its name, such as "yolo11n-seg"."""
    family_and_size = name.removesuffix("-seg")
    return UltralyticsSeg(family_and_size[:-1], family_and_size[-1], class_count)
