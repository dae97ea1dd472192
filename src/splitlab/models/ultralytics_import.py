"""The only door to ultralytics: what is used of it, imported without a network, a settings file or a changed process.

Importing ultralytics asks a name server, writes a settings file, sets OMP_NUM_THREADS and OpenCV's threads, filters
warnings, and replaces `torch.save` and `PIL.Image.open` (whose replacement installs a package when it meets a file
that is no image). All of this is taken back here.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import PIL.Image
import torch

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
    # Their classes hold tensors, which would stay on the meta device if it were the default at this moment.
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


with _process_unchanged():
    from ultralytics.nn.modules.head import Detect
    from ultralytics.nn.tasks import SegmentationModel as UltralyticsNetwork
    from ultralytics.utils import ROOT, SETTINGS, YAML, is_online
    from ultralytics.utils.downloads import attempt_download_asset
    from ultralytics.utils.loss import E2ELoss, SegmentLoss26, v8SegmentationLoss
    from ultralytics.utils.tal import SegTaskAlignedAssigner, dist2bbox, make_anchors

    SETTINGS["sync"] = False  # no usage reports, whatever else of it a user may call
