"""Boxes, polygons and masks: one convention for each, and conversions named after what they convert.

Boxes are (N, 4) float arrays xyxy in pixels, the far edge outside the box. Masks are (H, W) bool arrays.
An `Rle` is COCO's compressed run-length form: `{"size": [height, width], "counts": "..."}`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pycocotools import mask as coco_mask

FloatArray = NDArray[np.float32]
MaskArray = NDArray[np.bool_]

# Three points.
LEAST_OUTLINE_NUMBERS = 6
# pycocotools allocates memory for every pixel along an outline, inside the image or not.
MAX_OUTLINE_PIXELS = 4_000_000
# Run lengths of a patch are counted with NumPy, which takes about 20 bytes per pixel where they are short.
_SMALL_PART = 16


class Rle(TypedDict):
    """COCO's compressed run-length encoding of one mask; `size` is [height, width] in pixels."""

    size: list[int]
    counts: str


def xywh_to_xyxy(boxes: FloatArray) -> FloatArray:
    """Convert (N, 4) COCO boxes (left, top, width, height) to (N, 4) xyxy, pixels."""
    return np.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], axis=-1)


def xyxy_to_xywh(boxes: FloatArray) -> FloatArray:
    """Convert (N, 4) xyxy boxes to (N, 4) COCO boxes (left, top, width, height), pixels."""
    return np.concatenate([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], axis=-1)


def mask_to_rle(mask: MaskArray) -> Rle:
    """Encode one (H, W) mask."""
    # A view, so that a mask in column order is not copied.
    encoded = coco_mask.encode(np.asfortranarray(mask, dtype=bool).view(np.uint8))
    return _with_text_counts(encoded)


def patch_to_rle(patch: MaskArray, left: int, top: int, height: int, width: int) -> Rle:
    """Encode a mask of height x width pixels that is empty but for an (H, W) patch at `left`, `top`.

    A small patch takes memory for itself alone. What lies outside the image is cut off.
    """
    inside = patch[max(-top, 0) : max(height - top, 0), max(-left, 0) : max(width - left, 0)]
    if not inside.any():
        return empty_rle(height, width)
    if inside.size * _SMALL_PART > height * width:
        whole = np.zeros((height, width), bool, order="F")
        whole[max(top, 0) :, max(left, 0) :][: inside.shape[0], : inside.shape[1]] = inside
        return mask_to_rle(whole)
    bordered = np.pad(inside.T, ((0, 0), (1, 1))).astype(np.int8)
    columns, places = np.nonzero(np.diff(bordered, axis=1))
    edges = (columns + max(left, 0)) * height + places + max(top, 0)
    # A run that ends at the bottom of a column goes on at the top of the next one.
    is_edge = np.ones(edges.size, bool)
    is_edge[1:-1] = np.repeat(edges[1:-1:2] != edges[2::2], 2)
    lengths = np.diff(edges[is_edge], prepend=0, append=height * width)
    return run_lengths_to_rle(np.trim_zeros(lengths, "b").tolist(), height, width)


def empty_rle(height: int, width: int) -> Rle:
    """Return an empty mask; it takes no memory, whatever its size."""
    return run_lengths_to_rle([height * width], height, width)


def rle_to_mask(rle: Rle) -> MaskArray:
    """Decode one mask to (H, W) bool. Check foreign RLEs with `rle_fits` first."""
    return cast(MaskArray, coco_mask.decode(rle).astype(bool))


def union(masks: Sequence[Rle]) -> Rle:
    """Return the union of one or more masks of one size."""
    return _with_text_counts(coco_mask.merge(list(masks)))


def rle_area(rle: Rle) -> float:
    """Return the number of the mask's pixels."""
    return float(coco_mask.area(rle))


def rle_to_xyxy(rle: Rle) -> FloatArray:
    """Return the mask's bounding box, (4,) xyxy, pixels."""
    return xywh_to_xyxy(coco_mask.toBbox(rle).astype(np.float32))


def box_iou(first: ArrayLike, second: ArrayLike) -> float:
    """Return the IoU of two xyxy boxes; 0 if both are empty or not finite."""
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    with np.errstate(invalid="ignore"):
        common = (np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])).clip(0).prod()
        either = (one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - common
    return float(common / either) if either > 0 else 0.0


def outline_length(points: NDArray[np.float64]) -> float:
    """Return the length in pixels of a closed outline of (N, 2) xy. Check it before drawing a foreign one."""
    if not len(points):
        return 0.0
    steps, last = np.abs(points[1:] - points[:-1]), np.abs(points[0] - points[-1])
    return float(steps.max(axis=1).sum() + last.max())


def polygons_to_rle(polygons: Sequence[Sequence[float]], height: int, width: int) -> Rle:
    """Draw one object's polygons, each a flat list x0, y0, x1, y1, ... in pixels, as one mask."""
    parts = coco_mask.frPyObjects([list(p) for p in polygons], height, width)
    return _with_text_counts(coco_mask.merge(parts))


def run_lengths_to_rle(counts: Sequence[int], height: int, width: int) -> Rle:
    """Compress COCO's plain run lengths: background first, column by column."""
    return _with_text_counts(coco_mask.frPyObjects({"size": [height, width], "counts": list(counts)}, height, width))


def rle_fits(counts: str, height: int, width: int) -> bool:
    """Return whether compressed counts describe exactly height x width pixels.

    pycocotools decodes counts that end too early into uninitialised memory, so check counts from files before decoding.
    """
    lengths = _run_lengths(counts)
    return lengths is not None and bool((lengths >= 0).all()) and int(lengths.sum()) == height * width


def _run_lengths(counts: str) -> NDArray[np.int64] | None:
    """Decode COCO's text form: groups of five bits, low first; from the third run on, differences."""
    codes = np.frombuffer(counts.encode("ascii", errors="replace"), dtype=np.uint8).astype(np.int64) - 48
    if codes.size == 0 or codes.min() < 0 or codes.max() > 63 or codes[-1] & 0x20:
        return None
    ends = np.flatnonzero((codes & 0x20) == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    sizes = ends - starts + 1
    # Six groups are enough for the largest image; pycocotools misreads seven.
    if sizes.max() > 6:
        return None
    places = np.arange(codes.size) - np.repeat(starts, sizes)
    values = np.add.reduceat((codes & 0x1F) << (5 * places), starts)
    values -= np.where(codes[ends] & 0x10, np.int64(1) << (5 * sizes), 0)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def _with_text_counts(encoded: dict[str, Any]) -> Rle:
    counts = encoded["counts"]
    text = counts.decode("ascii") if isinstance(counts, bytes) else counts
    return {"size": [int(side) for side in encoded["size"]], "counts": text}
