import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from splitlab.data.masks import read_mask_boxes
from tests.data.trees import write, write_indices


@pytest.fixture
def root(tmp_path):
    for number, name in enumerate(("a", "b"), start=1):
        indices = np.zeros((6, 7), np.uint8)
        indices[1:3, 2:5] = number
        write_indices(tmp_path / "masks" / f"{name}.png", indices)
    return tmp_path / "masks"


def read(root, index_dir=None, **more):
    return read_mask_boxes(sorted(root.glob("*.png")), root, index_dir or root.parent / "index", **more)


@given(
    arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.sampled_from([0, 1, 7, 255, 65535]))
)
def test_boxes_hold_just_the_pixels_of_each_value(indices):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_indices(root / "mask.png", indices)
        (shown,) = read(root, root / "index")
        assert (shown.height, shown.width) == indices.shape
        assert sorted(shown.boxes) == [value for value in np.unique(indices) if value]
        assert shown.areas.keys() == shown.boxes.keys()
        for value, box in shown.boxes.items():
            assert shown.areas[value] == (indices == value).sum()
            rows, columns = np.nonzero(indices == value)
            assert box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert read(root, root / "index") == [shown]


def test_an_image_is_opened_once(root, opened):
    first = read(root)
    assert read(root) == first
    assert opened == ["a.png", "b.png"]


def test_an_image_that_changed_is_opened_again_and_no_other(root, opened):
    read(root)
    indices = np.zeros((6, 7), np.uint8)
    indices[0, 0] = 9
    write_indices(root / "b.png", indices)
    assert read(root)[1].boxes == {9: (0, 0, 1, 1)}
    os.utime(root / "a.png", (0, 0))
    read(root)
    assert opened == ["a.png", "b.png", "b.png", "a.png"]


def test_two_data_sets_with_like_names_do_not_share_an_index(root, tmp_path):
    write_indices(tmp_path / "other" / "a.png", np.full((6, 7), 3, np.uint8))
    assert list(read(root)[0].boxes) == [1]
    assert list(read(tmp_path / "other")[0].boxes) == [3]
    assert len(list((tmp_path / "index").iterdir())) == 2


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{broken",
        "[1, 2]",
        "null",
        '{"KEY": 5}',
        '{"KEY": {"width": 7, "height": 6, "boxes": {"1": [1]}}}',
        # As it was written before areas were kept.
        '{"KEY": {"width": 7, "height": 6, "boxes": {"1": [2, 1, 5, 3]}, "sha256": ""}}',
        "[" * 99_999,
    ],
)
def test_a_broken_index_is_made_anew(root, opened, content):
    whole = read(root)
    (index,) = (root.parent / "index").iterdir()
    key = next(iter(json.loads(index.read_text())))
    index.write_text(content.replace("KEY", key))
    assert read(root) == whole
    assert read(root) == whole
    assert opened == ["a.png", "b.png"] * 2


def test_an_index_that_cannot_be_written_is_gone_without(root, opened):
    write(root.parent / "file", "in the way")
    for place in (root.parent / "file", Path("/proc/nowhere")):
        assert len(read(root, place)) == 2
    assert opened == ["a.png", "b.png"] * 2


def test_a_full_disk_leaves_no_draft_behind(root, monkeypatch):
    def full_disk(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full_disk)
    assert len(read(root)) == 2
    assert list((root.parent / "index").iterdir()) == []


def test_what_was_read_before_a_broken_image_is_kept(root, opened):
    write(root / "b.png", "no image")
    first, second = read(root)
    assert list(first.boxes) == [1]
    assert "b.png is not a readable indexed PNG" in second.what
    write_indices(root / "b.png", np.ones((2, 2), np.uint8))
    read(root)
    assert opened == ["a.png", "b.png", "b.png"]


def test_a_missing_image_is_named_and_the_others_are_read(root, opened):
    paths = [root / "gone.png", root / "a.png"]
    missing, found = read_mask_boxes(paths, root, root.parent / "index")
    assert missing.file == str(root / "gone.png")
    assert missing.what.startswith("the masks are missing")
    assert list(found.boxes) == [1]
    assert opened == ["a.png"]


def test_progress_counts_the_images_that_are_opened(root):
    told = []
    read(root, progress=lambda done, total: told.append((done, total)))
    read(root, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]
