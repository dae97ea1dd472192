"""The embedded data set: small drawn scenes, made on first use, equal bytes for equal seeds.

Four kinds of leaf-like shapes in two look-alike pairs, told apart by their texture alone (many boxes teach that),
with wavy outlines that no box gives away (masks teach that).
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from splitlab.errors import DataError
from splitlab.geometry import mask_to_rle, rle_area, rle_to_xyxy, xyxy_to_xywh

CLASS_NAMES = ("striped leaf", "dotted leaf", "striped star", "dotted star")
SIZE = 160
TRAIN_IMAGES, VAL_IMAGES = 240, 60
MIN_VISIBLE_PIXELS = 60

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def make_embedded(folder: Path, seed: int = 0) -> Path:
    """Make the data set as a COCO folder unless it is there already; return the folder.

    It is written beside its place and renamed, so a folder that is there is whole.
    """
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".embedded-", dir=folder.parent))
    except OSError as error:
        raise DataError(_cannot_write(folder, error)) from error
    try:
        (draft / "images").mkdir()
        for subset, count, stream in (("train", TRAIN_IMAGES, 0), ("val", VAL_IMAGES, 1)):
            labels = _draw_subset(draft / "images", subset, count, np.random.default_rng([seed, stream]))
            (draft / f"instances_{subset}.json").write_text(json.dumps(labels))
        draft.chmod(0o755)
        _rename_unless_there(draft, folder)
    except OSError as error:
        raise DataError(_cannot_write(folder, error)) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _cannot_write(folder: Path, error: OSError) -> str:
    return f"{folder}: the embedded data set cannot be written ({error}). Free some space or choose a work space."


def _rename_unless_there(draft: Path, folder: Path) -> None:
    try:
        draft.rename(folder)
    except OSError:
        # Another process made the same bytes first.
        if not folder.is_dir():
            raise


def _draw_subset(images_dir: Path, subset: str, count: int, rng: np.random.Generator) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id in range(1, count + 1):
        scene, objects = draw_scene(rng)
        file_name = f"{subset}_{image_id:04d}.png"
        if not cv2.imwrite(str(images_dir / file_name), scene[..., ::-1]):
            raise OSError(f"{file_name} could not be written")
        images.append({"id": image_id, "file_name": file_name, "width": SIZE, "height": SIZE})
        for class_index, mask in objects:
            annotations.append(_annotation(len(annotations) + 1, image_id, class_index, mask))
    categories = [{"id": index + 1, "name": name} for index, name in enumerate(CLASS_NAMES)]
    info = {"description": "SplitLab's embedded scenes", "license": "CC0-1.0"}
    return {"info": info, "images": images, "annotations": annotations, "categories": categories}


def _annotation(annotation_id: int, image_id: int, class_index: int, mask: Mask) -> dict[str, Any]:
    rle = mask_to_rle(mask)
    return {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": class_index + 1,
        "bbox": [float(side) for side in xyxy_to_xywh(rle_to_xyxy(rle))],
        "area": rle_area(rle),
        "segmentation": rle,
        "iscrowd": 0,
    }


def draw_scene(rng: np.random.Generator) -> tuple[Image, list[tuple[int, Mask]]]:
    """Draw one (SIZE, SIZE, 3) scene; return it with (class index, visible mask) for each object."""
    scene = _ground(rng)
    objects: list[tuple[int, Mask]] = []
    for _ in range(rng.integers(1, 5)):
        class_index = int(rng.integers(len(CLASS_NAMES)))
        mask = _outline(rng, pointed=class_index >= 2)
        texture = _stripes(rng) if class_index % 2 == 0 else _dots(rng)
        shade = rng.uniform(0.75, 1.0) * texture[..., None] * rng.integers(120, 240, 3)
        scene[mask] = shade[mask].astype(np.uint8)
        objects = [(index, visible & ~mask) for index, visible in objects] + [(class_index, mask)]
    noise = rng.normal(0, 5, scene.shape)
    noisy = np.clip(scene + noise, 0, 255).astype(np.uint8)
    return noisy, [(index, mask) for index, mask in objects if mask.sum() >= MIN_VISIBLE_PIXELS]


def _ground(rng: np.random.Generator) -> Image:
    coarse = rng.uniform(30, 200, (6, 6, 3)).astype(np.float32)
    return cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


def _outline(rng: np.random.Generator, *, pointed: bool) -> Mask:
    angles = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    radii = np.ones_like(angles)
    if pointed:
        radii += 0.35 * np.cos(5 * angles)
    for wave in range(2, 5):
        radii += rng.normal(0, 0.13) * np.cos(wave * angles + rng.uniform(0, 2 * np.pi))
    radii = rng.uniform(16, 40) * np.maximum(radii, 0.25)
    stretch = (1.0, 1.0) if pointed else (1.0, rng.uniform(0.45, 0.7))
    turn = rng.uniform(0, 2 * np.pi)
    x, y = radii * np.cos(angles) * stretch[0], radii * np.sin(angles) * stretch[1]
    centre = rng.uniform(20, SIZE - 20, 2)
    points = np.stack([np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y], axis=1) + centre
    canvas = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(canvas, [points.round().astype(np.int32)], 1)
    return canvas.astype(bool)


def _stripes(rng: np.random.Generator) -> NDArray[np.float64]:
    y, x = np.mgrid[:SIZE, :SIZE]
    turn = rng.uniform(0, np.pi)
    wave = np.sin((x * np.cos(turn) + y * np.sin(turn)) * 2 * np.pi / rng.uniform(7, 10))
    texture: NDArray[np.float64] = 0.8 + 0.2 * np.sign(wave)
    return texture


def _dots(rng: np.random.Generator) -> NDArray[np.float64]:
    y, x = np.mgrid[:SIZE, :SIZE]
    step = 2 * np.pi / rng.uniform(8, 11)
    return np.where(np.sin(x * step) * np.sin(y * step) > 0.25, 0.6, 1.0)
