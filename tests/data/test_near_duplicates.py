import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from splitlab.data.dataset import ImageLabels, LabelState
from splitlab.data.selection import photo_hashes
from splitlab.data.selection.near_duplicates import find_near_duplicates, near_links
from splitlab.data.selection.photo_hashes import hash_photo, read_photo_hashes

WIDTH, HEIGHT = 240, 160


def photo(seed):
    """A photo of soft shapes and fine grain, another for every seed."""
    rng = np.random.default_rng(seed)
    shapes = cv2.resize(rng.uniform(20, 230, (12, 18, 3)), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return Image.fromarray((shapes + rng.normal(0, 4, (HEIGHT, WIDTH, 1))).clip(0, 255).astype(np.uint8))


def cropped(image, share):
    return image.crop((round(share * WIDTH), 0, WIDTH, round(HEIGHT * (1 - share))))


COPIES = {
    "same.png": lambda image: image,
    "quality 60.jpg": lambda image: image,
    "half.png": lambda image: image.resize((WIDTH // 2, HEIGHT // 2), Image.Resampling.LANCZOS),
    "cropped.png": lambda image: cropped(image, 0.02),
    "darker.png": lambda image: ImageEnhance.Brightness(image).enhance(0.85),
    "brighter.png": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
}


def saved(folder: Path, **images):
    for name, image in images.items():
        image.save(folder / name, quality=60)


def labels(folder: Path, *names):
    return [ImageLabels(name, folder / name, 8, 8, (), LabelState.NONE) for name in names]


def groups_in(folder: Path, *names):
    names = names or [path.name for path in folder.iterdir() if path.is_file()]
    return set(find_near_duplicates(labels(folder, *names), folder, folder / "index"))


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("seed", range(4))
def test_a_photo_and_a_changed_copy_of_it_are_one_group(tmp_path, copy, seed):
    saved(tmp_path, **{"a.png": photo(seed), copy: COPIES[copy](photo(seed)), "other.png": photo(seed + 10)})
    assert groups_in(tmp_path) == {tuple(sorted(["a.png", copy]))}


def test_photos_of_different_scenes_are_in_no_group(tmp_path):
    saved(tmp_path, **{f"{seed}.jpg": photo(seed) for seed in range(60)})
    assert not groups_in(tmp_path)


def test_frames_of_one_pan_are_one_group_though_the_first_and_the_last_differ(tmp_path):
    wide = photo(1).resize((WIDTH * 2, HEIGHT * 2))
    frames = {f"{x:02}.png": wide.crop((x * 4, 0, x * 4 + WIDTH, HEIGHT)) for x in range(20)}
    saved(tmp_path, **frames)
    assert groups_in(tmp_path) == {tuple(frames)}
    assert not groups_in(tmp_path, "00.png", "19.png")


def test_copies_that_roboflow_makes_of_one_photo_are_one_group_however_they_look(tmp_path):
    copies = [f"cat_jpg.rf.{letter * 32}.jpg" for letter in "ab"]
    others = ["dog_jpg.rf." + "a" * 32 + ".jpg", "cat_jpg.rf.short.jpg", "cat_jpg.jpg"]
    saved(tmp_path, **{name: photo(seed) for seed, name in enumerate([*copies, *others])})
    assert groups_in(tmp_path) == {tuple(copies)}


def test_copies_in_different_folders_are_photos_of_different_exports(tmp_path):
    names = [f"{folder}/1_jpg.rf.{'0' * 32}.jpg" for folder in "ab"]
    for seed, name in enumerate(names):
        (tmp_path / name).parent.mkdir()
        photo(seed).save(tmp_path / name)
    assert not groups_in(tmp_path, *names)


def test_photos_that_cannot_be_read_are_alike_to_none(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_text("no photo")
    assert not groups_in(tmp_path, "a.jpg", "b.jpg", "missing.jpg")
    saved(tmp_path, **{"c.png": photo(1), "d.png": photo(1)})
    assert groups_in(tmp_path) == {("c.png", "d.png")}
    assert find_near_duplicates([], tmp_path, tmp_path / "index") == ()


def test_flat_photos_are_near_duplicates_only_as_the_same_file(tmp_path):
    flat = {f"{level}.png": Image.new("RGB", (40, 40), (level, level, level)) for level in (0, 1, 128, 255)}
    saved(tmp_path, **flat, **{"copy of 128.png": flat["128.png"]})
    assert groups_in(tmp_path) == {("128.png", "copy of 128.png")}


def test_groups_do_not_depend_on_the_order_of_the_images(tmp_path):
    saved(tmp_path, **{f"{seed}{part}.png": photo(seed) for seed in range(3) for part in "ab"})
    images = labels(tmp_path, *sorted(path.name for path in tmp_path.iterdir()))
    found = find_near_duplicates(images, tmp_path, tmp_path / "index")
    assert found == (("0a.png", "0b.png"), ("1a.png", "1b.png"), ("2a.png", "2b.png"))
    assert find_near_duplicates(images[::-1], tmp_path, tmp_path / "other index") == found


def test_brightness_is_not_part_of_a_hash_and_the_whole_hash_is_used(tmp_path):
    hashes = []
    for seed in range(40):
        photo(seed).save(tmp_path / "photo.png")
        hashes.append(np.unpackbits(np.frombuffer(hash_photo(tmp_path / "photo.png"), np.uint8)))
    is_set = np.mean(hashes, axis=0)
    assert is_set[0] == 0
    assert 0.1 < is_set[1:].min() < is_set.max() < 0.9


# ---- The index


@pytest.fixture
def opened(monkeypatch):
    names = []

    def counted(path):
        names.append(path.name)
        return hash_photo(path)

    monkeypatch.setattr(photo_hashes, "hash_photo", counted)
    return names


def test_only_new_and_changed_photos_are_opened_again(tmp_path, opened):
    saved(tmp_path, **{f"{seed}.bmp": photo(seed) for seed in range(3)})
    paths = [tmp_path / f"{seed}.bmp" for seed in range(4)]
    seen = []
    first = read_photo_hashes(paths, tmp_path, tmp_path / "index", lambda *step: seen.append(step))
    assert seen == [("compare photos", done, 3) for done in (1, 2, 3)]
    assert first[3] is None
    saved(tmp_path, **{"1.bmp": photo(7), "3.bmp": photo(3)})
    os.utime(tmp_path / "1.bmp", ns=(1, 1))
    opened.clear()
    second = read_photo_hashes(paths, tmp_path, tmp_path / "index")
    assert opened == ["1.bmp", "3.bmp"]
    assert [second[0], second[2]] == [first[0], first[2]]
    assert second[1] != first[1]


@pytest.mark.parametrize("content", ["[1]", "{", "[" * 100_000, "{}"])
def test_a_broken_index_is_built_again(tmp_path, content):
    saved(tmp_path, **{"a.png": photo(1)})
    fresh = read_photo_hashes([tmp_path / "a.png"], tmp_path, tmp_path / "index")
    (index,) = (tmp_path / "index").iterdir()
    index.write_text(content)
    assert read_photo_hashes([tmp_path / "a.png"], tmp_path, tmp_path / "index") == fresh


@pytest.mark.parametrize("entry", [7, None, "xyz", "00", ["00"] * 32])
def test_entries_of_the_index_that_are_no_hashes_are_read_again(tmp_path, entry):
    saved(tmp_path, **{"a.png": photo(1)})
    fresh = read_photo_hashes([tmp_path / "a.png"], tmp_path, tmp_path / "index")
    (index,) = (tmp_path / "index").iterdir()
    (key,) = json.loads(index.read_text())
    index.write_text(json.dumps({key: entry}))
    assert read_photo_hashes([tmp_path / "a.png"], tmp_path, tmp_path / "index") == fresh


# ---- Links between hashes


def parts_by_links(hashes, links):
    """The partition of the rows that links make, by union of sets."""
    part = {row: {row} for row in range(len(hashes))}
    for link in links:
        for one, other in link.T.tolist():
            if part[one] is not part[other]:
                part[one] |= part[other]
                for row in part[other]:
                    part[row] = part[one]
    return {frozenset(rows) for rows in part.values()}


def parts_by_all_pairs(hashes):
    bits = np.unpackbits(hashes.view(np.uint8), axis=1).reshape(len(hashes), -1)
    apart = (bits[:, None] != bits).sum(axis=2)
    low_apart = (bits[:, None, :64] != bits[:, :64]).sum(axis=2)
    pairs = np.argwhere((apart <= 64) & (low_apart <= 9))
    return parts_by_links(hashes, [pairs.T])


def flipped(hashes, row, bits):
    changed = hashes[row].copy()
    for bit in bits:
        changed[bit // 64] ^= np.uint64(1) << np.uint64(bit % 64)
    return changed


@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(0, 14), st.integers(0, 70))
def test_links_join_the_same_photos_as_a_comparison_of_all_pairs(seed, rows, low_bits, high_bits):
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**64, (rows, 4), dtype=np.uint64)
    for row in range(1, rows):
        low, high = rng.integers(0, low_bits + 1), rng.integers(0, high_bits + 1)
        bits = [*rng.choice(64, low, replace=False), *(64 + rng.choice(192, high, replace=False))]
        hashes[row] = flipped(hashes, rng.integers(0, row), map(int, bits)) if rng.random() < 0.8 else hashes[row]
    assert parts_by_links(hashes, near_links(hashes)) == parts_by_all_pairs(hashes)


@pytest.mark.parametrize(("low", "high", "is_near"), [(9, 55, True), (9, 56, False), (10, 0, False), (0, 64, True)])
def test_the_most_bits_that_may_differ(low, high, is_near):
    rng = np.random.default_rng(low)
    for _ in range(50):
        hashes = rng.integers(0, 2**64, (2, 4), dtype=np.uint64)
        bits = [*rng.choice(64, low, replace=False), *(64 + rng.choice(192, high, replace=False))]
        hashes[1] = flipped(hashes, 0, map(int, bits))
        assert bool(near_links(hashes)) == is_near


def test_nine_bits_are_allowed_wherever_they_are():
    hashes = np.random.default_rng(0).integers(0, 2**64, (2, 4), dtype=np.uint64)
    for first in range(8):
        hashes[1] = flipped(hashes, 0, range(first, 64, 7)[:9])
        assert near_links(hashes)


def test_photos_that_all_look_alike_take_few_comparisons(monkeypatch):
    compared = []
    original = np.bitwise_count
    monkeypatch.setattr(np, "bitwise_count", lambda words: compared.append(len(words)) or original(words))
    links = near_links(np.zeros((3000, 4), np.uint64))
    assert sum(compared) < 60 * 3000
    assert len(parts_by_links(range(3000), links)) == 1


def test_photos_that_differ_are_compared_with_few_others(monkeypatch):
    compared = []
    original = np.bitwise_count
    monkeypatch.setattr(np, "bitwise_count", lambda words: compared.append(len(words)) or original(words))
    near_links(np.random.default_rng(0).integers(0, 2**64, (2000, 4), dtype=np.uint64))
    assert sum(compared) < 2000 * 1999 / 2 / 5
