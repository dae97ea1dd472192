"""A drawn scene as F sees it and as W sees it: a picture for lessons, made from no data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from splitlab.data.dataset import ImageLabels, ObjectLabel
from splitlab.data.images import ImageArray
from splitlab.data.scenes.scene import SceneSettings, draw_scene
from splitlab.figures.label_pictures import as_full, as_weak
from splitlab.geometry import mask_to_rle, rle_to_xyxy

# Few enough creatures to be told apart from the last row, and enough that the scene is not one fish; no coral, which
# looks like one of them.
_SETTINGS = SceneSettings(size=384, company=0.75, most_objects=5, smallest=0.2, largest=0.45, weed_before=1, reef=0)
# Seeds whose scenes hold several creatures that stand clear of one another.
_SEEDS = (7, 3, 4, 0)
SCENES = len(_SEEDS)


@dataclass(frozen=True)
class ScenePictures:
    """One scene, (384, 384, 3) uint8 RGB, twice.

    Attributes:
        as_full: with its masks drawn in.
        as_weak: with its boxes drawn in.
    """

    as_full: ImageArray
    as_weak: ImageArray


@st.cache_data(show_spinner=False)
def scene_pictures(number: int) -> ScenePictures:
    """Draw a scene by its number, 1 to `SCENES`."""
    photo, drawn = draw_scene(np.random.default_rng(_SEEDS[number - 1]), _SETTINGS)
    objects = tuple(_label(class_index, mask) for class_index, mask in drawn)
    labels = ImageLabels(f"scene {number}", Path(f"scene-{number}"), photo.shape[1], photo.shape[0], objects)
    return ScenePictures(as_full(photo, labels), as_weak(photo, labels))


def _label(class_index: int, mask: np.ndarray) -> ObjectLabel:
    rle = mask_to_rle(mask)
    left, top, right, bottom = (float(side) for side in rle_to_xyxy(rle))
    return ObjectLabel(class_index, (left, top, right, bottom), rle)
