"""Import the Ultralytics package without side effects, and decode its outputs."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import PIL.Image
import torch
from torch import Tensor

from splitlab.errors import SettingsError
from splitlab.models.yolov5.decode import Candidates

__all__ = [
    "ROOT",
    "YAML",
    "Detect",
    "E2ELoss",
    "SegTaskAlignedAssigner",
    "SegmentLoss26",
    "UltralyticsNetwork",
    "attempt_download_asset",
    "dist2bbox",
    "is_online",
    "make_anchors",
    "v8SegmentationLoss",
]


@contextmanager
def _process_unchanged() -> Iterator[None]:
    variables = dict(os.environ)
    threads, cv2_threads = torch.get_num_threads(), cv2.getNumThreads()
    save, image_open = torch.save, PIL.Image.open
    # Ultralytics' classes hold tensors, which must not be created on the meta device if it is the current default.
    on_cpu = torch.device("cpu")
    with on_cpu, warnings.catch_warnings(), np.printoptions(), tempfile.TemporaryDirectory() as folder:
        quiet = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false"}
        os.environ.update(quiet, YOLO_CONFIG_DIR=folder)
        try:
            yield
        finally:
            os.environ.update(variables)
            for name in os.environ.keys() - variables.keys():
                del os.environ[name]
            torch.set_num_threads(threads)
            torch.set_printoptions(profile="default")
            torch.save, PIL.Image.open = save, image_open
            cv2.setNumThreads(cv2_threads)


try:
    with _process_unchanged():
        from ultralytics.nn.modules.head import Detect
        from ultralytics.nn.tasks import SegmentationModel as UltralyticsNetwork
        from ultralytics.utils import ROOT, SETTINGS, YAML, is_online
        from ultralytics.utils.downloads import attempt_download_asset
        from ultralytics.utils.loss import E2ELoss, SegmentLoss26, v8SegmentationLoss
        from ultralytics.utils.tal import SegTaskAlignedAssigner, dist2bbox, make_anchors

        SETTINGS["sync"] = False  # no usage reports, whatever else of it a user may call
except ModuleNotFoundError as error:
    raise SettingsError(
        f"YOLOv8, YOLO11 and YOLO26 need the package {error.name}, which is not installed. "
        "Install it with: pip install 'splitlab[ultralytics]'"
    ) from error


def decode(head: Detect, raw: dict[str, Any]) -> Candidates:
    """Convert the head's raw predictions to the candidates of a batch.

    Predictions of a one2one head need no suppression: it is trained to predict each object once.
    """
    nms_free = "one2one" in raw
    chosen = raw["one2one"] if nms_free else raw
    prototypes = chosen["proto"][0] if isinstance(chosen["proto"], tuple) else chosen["proto"]
    with torch.autocast(prototypes.device.type, enabled=False):
        return Candidates(
            boxes=_boxes(head, chosen),
            scores=chosen["scores"].float().sigmoid().transpose(1, 2),
            coefficients=chosen["mask_coefficient"].float().transpose(1, 2),
            prototypes=prototypes.float(),
            nms_free=nms_free,
        )


def _boxes(head: Detect, raw: dict[str, Any]) -> Tensor:
    """Return the (B, A, 4) xyxy boxes of all A cells, pixels."""
    anchors, strides = make_anchors([level.float() for level in raw["feats"]], head.stride, 0.5)
    distances = head.dfl(raw["boxes"].float()).transpose(1, 2)
    boxes: Tensor = dist2bbox(distances, anchors, xywh=False) * strides
    return boxes
