import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitlab.data.dataset import ProblemKind
from splitlab.data.label_files.packed_masks import from_base64, inflated, npy_to_mask, png_to_mask
from splitlab.data.label_files.photo_index import PhotoIndex
from splitlab.data.label_files.records import Record, Shape, dataset_of
from splitlab.geometry import empty_rle, mask_to_rle, patch_to_rle, rle_to_mask
from tests.data.label_trees import npy, patch, photo, placed, png

SIDES = st.integers(1, 12)
# Small patches are encoded in another way than those that fill much of their image.
IMAGE_SIDES, PLACES = SIDES | st.just(60), st.integers(-12, 14)


@given(
    SIDES,
    SIDES,
    SIDES | st.just(60),
    SIDES | st.just(60),
    st.integers(-12, 14),
    st.integers(-12, 14),
    st.randoms(use_true_random=False),
)
def test_a_patch_is_encoded_as_the_whole_mask_would_be(high, wide, height, width, left, top, random):
    mask = np.array([[random.random() < 0.6 for _ in range(wide)] for _ in range(high)])
    expected = placed(mask, left, top, width, height)
    encoded = patch_to_rle(mask, left, top, height, width)
    assert (rle_to_mask(encoded) == expected).all()
    assert encoded == mask_to_rle(expected)


def test_a_patch_of_a_huge_image_takes_memory_for_itself_alone():
    encoded = patch_to_rle(patch(), 3, 4, 60_000, 60_000)
    assert encoded["size"] == [60_000, 60_000]
    assert len(encoded["counts"]) < 100


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA"])
def test_each_kind_of_png_is_read(mode):
    assert (png_to_mask(png(patch(), mode)) == patch()).all()


@pytest.mark.parametrize("values", [patch(), patch() * 1.5, np.asfortranarray(patch() * np.int64(-1))])
def test_each_kind_of_array_is_read(values):
    assert (npy_to_mask(npy(values)) == patch()).all()


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize("side", [5, 5_000, 40_000])
def test_a_png_that_states_a_small_size_and_then_another_is_refused(side):
    headers = [chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 1, 0, 0, 0, 0)) for size in (4, side)]
    rows = chunk(b"IDAT", zlib.compress(bytes((1 + (side + 7) // 8) * 5)))
    raw = b"".join([png(patch())[:8], *headers, rows, chunk(b"IEND", b"")])
    with pytest.raises(ValueError, match=r"two sizes|limit"):
        png_to_mask(raw, most_pixels=16)


@given(st.binary(max_size=200))
def test_anything_else_is_refused_with_a_value_error(raw):
    for decode in (inflated, png_to_mask, npy_to_mask):
        with pytest.raises(ValueError, match="its mask"):
            decode(raw)


@given(st.integers(0, 80), st.integers(0, 255))
def test_a_changed_byte_gives_a_mask_or_a_value_error(place, value):
    for raw, decode in ((png(patch()), png_to_mask), (npy(patch()), npy_to_mask)):
        changed = bytearray(raw)
        changed[place % len(raw)] = value
        with suppress(ValueError):
            assert decode(bytes(changed), 10_000).dtype == bool


def test_text_that_is_not_base64_is_refused():
    for text in ("A", "é", 7, None):
        with pytest.raises((ValueError, TypeError), match="its mask is not"):
            from_base64(text)


def test_a_mask_that_is_not_as_large_as_its_image_is_left_out_and_reported(tmp_path):
    path = photo(tmp_path / "a.png")
    shape = Shape("shape 1", "cat", mask=patch_to_rle(patch(), 3, 4, 50, 50))
    empty = Shape("shape 2", "cat", box=(1, 1, 3, 3), mask=empty_rle(7, 7))
    data = dataset_of(PhotoIndex(tmp_path), "x", [Record(tmp_path / "a.json", path, (shape, empty), size=(80, 60))])
    assert [(label.box, label.mask) for label in data.train.images[0].objects] == [
        ((3, 4, 9, 9), None),
        ((1, 1, 3, 3), None),
    ]
    assert [problem.kind for problem in data.train.problems] == [ProblemKind.MASK] * 2
