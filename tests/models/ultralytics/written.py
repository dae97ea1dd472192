"""Files as Ultralytics writes them, and photos to compare its answers with ours."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import skimage.data
import torch
from PIL import Image

from splitlab.evaluation.predict import letterbox
from splitlab.models.ultralytics.upstream import ROOT

SIDE = 320


def yolo(*arguments):
    """Return a model of Ultralytics, imported after our own import of it, which guards the process."""
    from ultralytics import YOLO

    return YOLO(*arguments)


def five_photos():
    """(5, 3, S, S), 0..1: photos that the packages ship."""
    shipped = [cv2.imread(str(ROOT / "assets" / name))[..., ::-1] for name in ("bus.jpg", "zidane.jpg")]
    photos = [*shipped, skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea()]
    squares = [letterbox(np.ascontiguousarray(photo), SIDE)[0] for photo in photos]
    return torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).float() / 255


def network_with_opinions(family, photos):
    """A random model of Ultralytics whose scores, boxes and masks differ from cell to cell, as after training."""
    torch.manual_seed(0)
    model = yolo(f"{family}.yaml")
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.model.model[-1].named_parameters():
        if ".2." in name and "semseg" not in name:  # the last layer of each branch
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.data = noise * 0.004 if parameter.ndim > 1 else noise + (-1 if "cv3" in name else 1)
    norms = [module for module in model.model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        model.model.train()(photos[:2])
    for norm in norms:
        norm.momentum = 0.03
    return model


def train_one_epoch(family, folder):
    """Train Ultralytics' way on drawn squares; return best.pt, last.pt, and last.pt as it is before the end."""
    data = _draw_squares(folder / "data")
    kept = folder / "interrupted.pt"

    model = yolo(f"{family}.yaml")

    class Trainer(model.task_map["segment"]["trainer"]):
        def final_eval(self):
            shutil.copy(self.last, kept)
            super().final_eval()

    quick = {"epochs": 1, "imgsz": 64, "batch": 4, "workers": 0, "plots": False, "amp": False, "device": "cpu"}
    where = {"data": str(data), "project": str(folder), "name": "run"}
    # Deterministic training would switch the whole process.
    model.train(trainer=Trainer, seed=3, deterministic=False, verbose=False, **quick, **where)
    return [folder / "run" / "weights" / "best.pt", folder / "run" / "weights" / "last.pt", kept]


def _draw_squares(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    for subset, count in {"train": 4, "val": 2}.items():
        for kind in ("images", "labels"):
            (folder / kind / subset).mkdir(parents=True)
        for number in range(count):
            photo = rng.integers(0, 90, (64, 64, 3)).astype(np.uint8)
            left, top = rng.integers(5, 25, 2)
            photo[top : top + 30, left : left + 30] = 220
            Image.fromarray(photo).save(folder / "images" / subset / f"{number}.png")
            corners = np.array([[left, top], [left + 30, top], [left + 30, top + 30], [left, top + 30]]) / 64
            line = f"{number % 2} " + " ".join(f"{value:.5f}" for value in corners.ravel())
            (folder / "labels" / subset / f"{number}.txt").write_text(line)
    described = f"path: {folder}\ntrain: images/train\nval: images/val\nnames: {{0: square, 1: disc}}\n"
    (folder / "shapes.yaml").write_text(described)
    return folder / "shapes.yaml"
