"""Photos to look at: samples that a dependency ships, and uploads, which stay in memory alone."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import BinaryIO

import cv2
import numpy as np
import streamlit as st

from splitlab.data.images import ImageArray, load_image

MAX_SIDE = 1600
# scikit-image's own photos; Chelsea is the cat of one of its developers (CC0).
SAMPLES = {"Chelsea, a cat": "chelsea.png", "An astronaut, no pet": "astronaut.png"}


@dataclass(frozen=True)
class Photo:
    """A photo on the page.

    Attributes:
        name: what people call it.
        key: equal for equal pixels within a session; caches go by it.
        pixels: (H, W, 3) uint8 RGB, at most MAX_SIDE on its long side.
        shrunk_from: its width and height before it was scaled down, or None.
    """

    name: str
    key: str
    pixels: ImageArray
    shrunk_from: tuple[int, int] | None


@st.cache_data(show_spinner=False, max_entries=8)
def sample_photo(name: str) -> Photo:
    """Open a sample by its name in SAMPLES."""
    with as_file(files("skimage").joinpath("data", SAMPLES[name])) as path:
        return _photo(name, f"sample {name}", load_image(path))


@st.cache_data(show_spinner=False, max_entries=32, scope="session")
def uploaded_photo(file_id: str, name: str, _file: BinaryIO) -> Photo:
    """Open an upload.

    Raises:
        ImageError: it is no image, is broken or too large.
    """
    return _photo(name, f"upload {file_id}", load_image(_file, name))


def _photo(name: str, key: str, pixels: ImageArray) -> Photo:
    height, width = pixels.shape[:2]
    ratio = MAX_SIDE / max(height, width)
    if ratio >= 1:
        return Photo(name, key, pixels, None)
    size = max(round(width * ratio), 1), max(round(height * ratio), 1)
    return Photo(
        name, key, np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8), (width, height)
    )
