import hashlib
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.scenes import scene as scenes
from splitlab.data.scenes.animals import Creature, disc
from splitlab.data.scenes.embedded import EmbeddedSettings, make_embedded
from splitlab.data.scenes.scene import _MIN_VISIBLE_PIXELS, CLASS_NAMES, SceneSettings, draw_scene
from splitlab.errors import DataError, SettingsError
from splitlab.geometry import rle_area, rle_to_xyxy

SMALL = EmbeddedSettings(train_images=12, val_images=4)
MAKE = (
    "import sys; from pathlib import Path;"
    "from splitlab.data.scenes.embedded import EmbeddedSettings, make_embedded;"
    "make_embedded(Path(sys.argv[1]), 0, EmbeddedSettings(12, 4))"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_embedded(tmp_path_factory.mktemp("data") / "embedded", settings=SMALL)


@pytest.fixture(scope="module")
def drawn():
    settings = SceneSettings()
    return [draw_scene(np.random.default_rng([5, number]), settings) for number in range(60)]


def digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()


def test_equal_seeds_make_equal_bytes_and_others_do_not(folder, tmp_path):
    assert digest(make_embedded(tmp_path / "again", settings=SMALL)) == digest(folder)
    assert digest(make_embedded(tmp_path / "other", seed=1, settings=SMALL)) != digest(folder)


def test_a_folder_that_is_there_is_not_made_again(folder):
    before = (folder / "instances_train.json").stat().st_mtime_ns
    make_embedded(folder)
    assert (folder / "instances_train.json").stat().st_mtime_ns == before


def test_the_default_is_enough_for_every_split_of_400_and_400():
    assert (EmbeddedSettings().train_images, EmbeddedSettings().val_images) == (800, 300)


def test_it_has_as_many_images_as_asked_and_a_smaller_one_begins_a_larger_one(folder, tmp_path):
    few = make_embedded(tmp_path / "few", settings=EmbeddedSettings(train_images=3, val_images=2))
    data = read_coco_folder(few)
    assert (len(data.train.images), len(data.val.images)) == (3, 2)
    for photo in (few / "images").iterdir():
        assert photo.read_bytes() == (folder / "images" / photo.name).read_bytes()


def test_train_and_val_share_no_scene(folder):
    photos = [path.read_bytes() for path in (folder / "images").iterdir()]
    assert len(set(photos)) == len(photos) == 16


@pytest.mark.parametrize("counts", [(0, 1), (1, 0), (-3, 5)])
def test_a_subset_without_images_is_refused(counts):
    with pytest.raises(SettingsError, match="at least 1"):
        EmbeddedSettings(*counts)


def test_boxes_just_hold_the_masks_that_are_read_back(folder):
    for image in read_coco_folder(folder).train.images:
        assert 1 <= len(image.objects) <= 6
        for label in image.objects:
            assert rle_area(label.mask) >= _MIN_VISIBLE_PIXELS
            assert label.box == pytest.approx(tuple(rle_to_xyxy(label.mask)))


def test_all_classes_occur_about_equally_often(drawn):
    counts = np.bincount([index for _, objects in drawn for index, _ in objects], minlength=len(CLASS_NAMES))
    assert counts.min() > 0.5 * counts.mean()


def test_no_pixel_belongs_to_two_objects(drawn):
    for _, objects in drawn:
        assert sum(mask.astype(int) for _, mask in objects).max() == 1


def test_no_outline_is_given_away_by_its_box(drawn):
    """A box's ellipse is the best guess without masks; by the paper's strict AP70 it must not do."""
    ious = [iou_with_ellipse(mask) for _, objects in drawn for _, mask in objects]
    assert np.mean(ious) < 0.65
    assert np.mean(np.array(ious) > 0.7) < 0.4


def iou_with_ellipse(mask):
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
    half_height, half_width = (np.ptp(rows) + 1) / 2, (np.ptp(columns) + 1) / 2
    ellipse = ((y - rows.mean()) / half_height) ** 2 + ((x - columns.mean()) / half_width) ** 2 <= 1
    return (mask & ellipse).sum() / (mask | ellipse).sum()


def test_what_weed_or_a_nearer_creature_hides_is_in_no_mask(monkeypatch):
    """Hand case: one disc of radius 30 at (96, 96); weed over its left half leaves its right half."""
    round_one = {"banded fish": lambda rng: Creature(body=(disc((0, 0), 0.5, 90),), fins=(), marks=())}
    weed = [(np.array([[0.0, 0.0], [95.0, 0.0], [95.0, 191.0], [0.0, 191.0]]),)]
    settings = SceneSettings(most_objects=1, smallest=60 / 192, largest=60.01 / 192, weed_behind=0, least_visible=0.4)
    monkeypatch.setattr(scenes, "_CREATURES", round_one)
    monkeypatch.setattr(scenes, "CLASS_NAMES", tuple(round_one))
    monkeypatch.setattr(scenes, "_somewhere", lambda _rng, disc, *_: disc.moved(60 * np.eye(2), np.array([96.0, 96.0])))
    monkeypatch.setattr(scenes, "_grow_weed", lambda _rng, _side, most: weed if most else [])
    [(_, visible)] = draw_scene(np.random.default_rng(0), settings)[1]
    assert not visible[:, :95].any()
    assert visible[96, 97:125].all()
    assert visible.sum() == pytest.approx(np.pi * 30**2 / 2 + 30, rel=0.06)  # columns 96 and on; 96 is the middle


def test_settings_that_leave_no_creature_room_are_a_sentence(monkeypatch):
    nearly_all = [(np.array([[0.0, 0.0], [187.0, 0.0], [187.0, 187.0], [0.0, 187.0]]),)]
    monkeypatch.setattr(scenes, "_grow_weed", lambda *_: nearly_all)
    with pytest.raises(SettingsError, match="Lower least_visible"):
        draw_scene(np.random.default_rng(0), SceneSettings())


def test_the_picture_shows_the_creature_where_its_mask_is():
    """The same scene with another coat differs inside the masks, and nowhere far from them."""
    settings = SceneSettings(weed_before=0, weed_behind=0, reef=0, noise=0)
    plain = SceneSettings(weed_before=0, weed_behind=0, reef=0, noise=0, mark_contrast=0)
    marked, objects = draw_scene(np.random.default_rng(8), settings)
    unmarked, _ = draw_scene(np.random.default_rng(8), plain)
    differs = (marked != unmarked).any(axis=2)
    anywhere = np.any([mask for _, mask in objects], axis=0)
    assert differs[anywhere].mean() > 0.1
    assert not (differs & ~grown(anywhere)).any()


def grown(mask):
    return np.lib.stride_tricks.sliding_window_view(np.pad(mask, 1), (3, 3)).any(axis=(2, 3))


def test_corals_and_sponges_are_seen_and_belong_to_no_object():
    bare, reef = SceneSettings(reef=0), SceneSettings(reef=4)
    changed = 0
    for number in range(8):
        empty, objects = draw_scene(np.random.default_rng(number), bare)
        grown_over, same = draw_scene(np.random.default_rng(number), reef)
        assert [index for index, _ in same] == [index for index, _ in objects]
        assert all(np.array_equal(mask, other) for (_, mask), (_, other) in zip(objects, same, strict=True))
        changed += (np.abs(grown_over.astype(int) - empty).max(axis=2) > 30).mean() > 0.02
    assert changed > 4


def test_a_disguised_reef_wears_the_colours_of_the_creatures(monkeypatch):
    """Every coat that is painted is one that a creature of the scene wears, and only in disguise."""
    worn = []
    monkeypatch.setattr(scenes, "paint_creature", lambda _canvas, creature, coat, _grain: worn.append(id(coat)))
    draw_scene(np.random.default_rng(3), SceneSettings(reef=40, disguise=1, company=0))
    assert len(worn) > 5
    assert len(set(worn)) == 1
    worn.clear()
    draw_scene(np.random.default_rng(3), SceneSettings(reef=40, disguise=0, company=0))
    assert worn[-1] not in worn[:-1]


@pytest.mark.parametrize("knobs", [{"reef": -1}, {"disguise": 1.1}, {"disguise": -0.1}])
def test_a_reef_that_cannot_be_is_refused(knobs):
    with pytest.raises(SettingsError, match="reef is"):
        SceneSettings(**knobs)


def test_a_scene_too_small_to_draw_in_is_refused():
    with pytest.raises(SettingsError, match="96 or more"):
        SceneSettings(size=32)


@pytest.mark.parametrize("company", [-0.1, 1.0])
def test_a_company_that_is_no_chance_is_refused(company):
    with pytest.raises(SettingsError, match="below 1"):
        SceneSettings(company=company)


def test_a_scene_holds_one_to_six_creatures_and_few_of_them_have_company(drawn):
    counts = np.array([len(objects) for _, objects in drawn])
    assert (counts.min(), counts.max() <= 6) == (1, True)
    assert 0.05 < (counts > 1).mean() < 0.5
    lonely = SceneSettings(company=0)
    assert all(len(draw_scene(np.random.default_rng(number), lonely)[1]) == 1 for number in range(5))
    crowded = SceneSettings(company=0.95)
    assert max(len(draw_scene(np.random.default_rng(number), crowded)[1]) for number in range(8)) > 3


def test_nothing_is_left_behind_where_the_folder_cannot_be_renamed(tmp_path, monkeypatch):
    def full_disk(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.rename", full_disk)
    with pytest.raises(DataError, match="No space left"):
        make_embedded(tmp_path / "data" / "embedded", settings=EmbeddedSettings(1, 1))
    assert list((tmp_path / "data").iterdir()) == []


def test_a_disk_that_fills_up_while_drawing_is_a_sentence_and_leaves_nothing(tmp_path):
    with pytest.raises(DataError, match="cannot be written"):
        make_embedded(tmp_path / "x" / ("n" * 300), settings=EmbeddedSettings(1, 1))
    blocked = tmp_path / "a-file"
    blocked.write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        make_embedded(blocked / "embedded", settings=EmbeddedSettings(1, 1))


@pytest.mark.slow
def test_a_kill_on_the_way_leaves_no_folder_and_two_processes_leave_one_whole_one(folder, tmp_path):
    place = tmp_path / "embedded"
    killed = subprocess.Popen([sys.executable, "-c", MAKE, str(place)])
    while not list(tmp_path.glob(".embedded-*/images/*")):
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not place.exists()
    both = [subprocess.Popen([sys.executable, "-c", MAKE, str(place)]) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert digest(place) == digest(folder)
    assert list(tmp_path.glob(".embedded-*")) == []  # the killed one's draft went with the next making
