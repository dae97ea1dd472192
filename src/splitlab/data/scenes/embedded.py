"""Create the embedded dataset: the same images for everyone, from fixed seeds."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from splitlab.data.scenes.scene import CLASS_NAMES, Mask, SceneSettings, draw_scene
from splitlab.errors import DataError, SettingsError
from splitlab.geometry import mask_to_rle, rle_area, rle_to_xyxy, xyxy_to_xywh
from splitlab.io import written_whole

_JPEG_QUALITY = 94

__all__ = ["CLASS_NAMES", "EmbeddedSettings", "make_embedded"]


@dataclass(frozen=True)
class EmbeddedSettings:
    """How many images of which scenes.

    An image depends only on the seed and its number, so a smaller dataset is the beginning of a larger one.
    """

    train_images: int = 800
    val_images: int = 300
    scene: SceneSettings = field(default_factory=SceneSettings)

    def __post_init__(self) -> None:
        if min(self.train_images, self.val_images) < 1:
            raise SettingsError(f"{self.train_images} train and {self.val_images} val images: each must be at least 1.")


def make_embedded(folder: Path, seed: int = 0, settings: EmbeddedSettings | None = None) -> Path:
    """Create the dataset as a COCO folder unless the folder exists, whatever its settings; return it.

    Equal seeds and settings give equal bytes on one machine.

    Raises:
        DataError: the disk is full or cannot be written.
    """
    if folder.is_dir():
        return folder
    try:
        with written_whole(folder) as draft:
            _write(draft, seed, settings or EmbeddedSettings())
    except DataError:
        # Another process may have created the same bytes first.
        with suppress(OSError):
            if folder.is_dir():
                return folder
        raise
    return folder


def _write(draft: Path, seed: int, settings: EmbeddedSettings) -> None:
    (draft / "images").mkdir()
    subsets = {"train": settings.train_images, "val": settings.val_images}
    for stream, (subset, count) in enumerate(subsets.items()):
        labels = _labels()
        for image_id in range(1, count + 1):
            file_name = f"{subset}_{image_id:04d}.jpg"
            rng = np.random.default_rng([seed, stream, image_id])
            _add_scene(labels, image_id, draft / "images" / file_name, rng, settings.scene)
        (draft / f"instances_{subset}.json").write_text(json.dumps(labels))


def _labels() -> dict[str, Any]:
    return {
        "info": {"description": "SplitLab's embedded scenes", "license": "CC0-1.0"},
        "images": [],
        "annotations": [],
        "categories": [{"id": index + 1, "name": name} for index, name in enumerate(CLASS_NAMES)],
    }


def _add_scene(
    labels: dict[str, Any], image_id: int, path: Path, rng: np.random.Generator, scene: SceneSettings
) -> None:
    photo, objects = draw_scene(rng, scene)
    _, encoded = cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    path.write_bytes(encoded.tobytes())
    labels["images"].append({"id": image_id, "file_name": path.name, "width": scene.size, "height": scene.size})
    for class_index, mask in objects:
        labels["annotations"].append(_annotation(len(labels["annotations"]) + 1, image_id, class_index, mask))


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
