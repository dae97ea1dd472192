import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from splitlab.data.check import _find_image_problems, check_dataset
from splitlab.data.dataset import (
    Dataset,
    ImageLabels,
    IndexedMask,
    LabelState,
    ObjectLabel,
    Problem,
    ProblemKind,
    TrainVal,
)
from splitlab.geometry import mask_to_rle

SIDE = 64


def square(left=10, top=10, right=30, bottom=40, side=SIDE):
    mask = np.zeros((side, side), bool)
    mask[top:bottom, left:right] = True
    return mask_to_rle(mask)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "photo.png"
    Image.effect_noise((SIDE, SIDE), 50).convert("RGB").save(path)
    return ImageLabels(1, path, SIDE, SIDE, (ObjectLabel(0, (10, 10, 30, 40), square()),))


def said_of(image, **changes):
    """What is said where the image's one object is changed."""
    changed = replace(image, objects=(replace(image.objects[0], **changes),))
    return [problem.what for problem in _find_image_problems(changed)]


def test_a_sound_image_has_no_problem(image):
    assert _find_image_problems(image) == []


def test_what_is_there_is_counted(image, tmp_path):
    target = image.objects[0]
    boxed, crowd = replace(target, mask=None, class_index=1), replace(target, is_crowd=True)
    sets = [(target, crowd), (target, boxed), (crowd,), (), (replace(target, is_difficult=True),)]
    images = tuple(replace(image, image_id=number, objects=objects) for number, objects in enumerate(sets))
    data = dataset_of(images)
    counts = check_dataset(data).train
    assert (counts.images, counts.objects, counts.crowds, counts.difficult) == (5, 4, 2, 1)
    assert (counts.images_with_masks, counts.images_with_boxes_only, counts.images_without_objects) == (2, 1, 2)
    assert counts.images_with_some_masks == 1
    assert counts.objects_by_class == {"a": 3, "b": 1}


def dataset_of(images):
    train = Dataset("drawn", ("a", "b"), (1, 2), images, "hash")
    return TrainVal(train, replace(train, images=()))


def test_the_embedded_kind_of_data_set_is_sound_and_every_image_is_reported(tiny):
    told = []
    check = check_dataset(tiny, lambda *what: told.append(what))
    assert check.problems == ()
    assert (check.train.images, check.val.images, check.train.images_with_masks) == (12, 4, 12)
    assert told[11] == ("check train", 12, 12)
    assert told[-1] == ("check val", 4, 4)


@pytest.mark.parametrize(
    "box",
    [(5, 5, 5, 9), (9, 5, 5, 9), (5, 9, 9, 5), (float("nan"), 1, 2, 3), (0, 0, float("inf"), 9)],
)
def test_an_empty_box_is_a_problem(image, box):
    assert "box of object 1 is empty" in said_of(image, box=box, mask=None)[0]


def test_a_box_outside_is_a_problem_and_one_drawn_to_parts_of_a_pixel_is_none(image):
    for box in ((-3, 0, 9, 9), (0, -3, 9, 9), (0, 0, SIDE + 3, 9), (0, 0, 9, SIDE + 3)):
        assert "leaves the image" in said_of(image, box=box, mask=None)[0]
    assert said_of(image, box=(-0.5, -0.5, SIDE + 0.5, SIDE + 0.5), mask=None) == []


def test_masks_that_are_empty_elsewhere_or_of_another_size_are_problems(image):
    empty = mask_to_rle(np.zeros((SIDE, SIDE), bool))
    assert said_of(image, mask=empty) == ["the mask of object 1 is empty"]
    assert "another" not in said_of(image, mask=square(side=50))[0]
    assert said_of(image, mask=square(side=50)) == ["the mask has 50 x 50 pixels, its image 64 x 64"]
    assert "does not fill its box" in said_of(image, mask=square(40, 40, 60, 60))[0]


@pytest.mark.parametrize(("right", "problems"), [(20, 0), (19, 1)])
def test_a_mask_must_reach_over_half_of_its_box(image, right, problems):
    assert len(said_of(image, mask=square(right=right))) == problems


def test_a_mask_file_that_is_missing_broken_or_no_index_is_one_problem_for_all_its_objects(image, tmp_path):
    path = tmp_path / "mask.png"
    labels = tuple(ObjectLabel(0, (10, 10, 30, 40), IndexedMask(path, value)) for value in (1, 2, 3))
    masked = replace(image, objects=labels)
    (missing,) = _find_image_problems(masked)
    assert missing.file == str(path)
    Image.new("L", (SIDE, SIDE)).save(path)
    path.write_bytes(path.read_bytes()[:-30])
    (broken,) = _find_image_problems(masked)
    Image.new("RGBA", (SIDE, SIDE)).save(path)
    (coloured,) = _find_image_problems(masked)
    assert missing.what == "the masks are missing"
    assert "cannot be read" in broken.what
    assert "not an indexed image" in coloured.what


def test_photos_that_are_missing_broken_or_of_another_size_are_problems(image):
    Image.new("RGB", (SIDE, 32)).save(image.path)
    assert [p.what for p in _find_image_problems(image)] == ["the photo has 64 x 32 pixels, its labels say 64 x 64"]
    image.path.write_bytes(image.path.read_bytes()[:-40])
    assert "cannot be read" in _find_image_problems(image)[0].what
    image.path.unlink()
    assert [p.what for p in _find_image_problems(image)] == ["the photo is missing"]
    image.path.mkdir()
    assert [p.what for p in _find_image_problems(image)] == ["the photo is missing"]


# Pillow warns of some damage and reads on; that is no end either.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tiff", "bmp", "gif"])
def test_no_damage_to_a_photo_ends_the_check(image, ending):
    path = image.path.with_suffix(f".{ending}")
    Image.open(image.path).save(path)
    sound, rng = path.read_bytes(), np.random.default_rng(5)
    for _ in range(25):
        damaged = bytearray(sound[: rng.integers(1, len(sound))])
        for place in rng.integers(0, min(len(damaged), 200), 4):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        _find_image_problems(replace(image, path=path))


def test_the_check_goes_on_after_every_problem(tiny, image):
    broken = replace(tiny.train.images[0], path=image.path.with_name("gone.png"))
    outside = replace(
        tiny.train.images[5], objects=(replace(tiny.train.images[5].objects[0], box=(0, 0, 999, 9), mask=None),)
    )
    images = (broken, *tiny.train.images[1:5], outside, *tiny.train.images[6:])
    check = check_dataset(replace(tiny, train=replace(tiny.train, images=images)))
    assert [problem.what[:30] for problem in check.problems] == [
        "the photo is missing",
        "the box of object 1 leaves the",
    ]


def test_a_class_that_nobody_labelled_is_named_with_its_subset(tiny):
    squares = tuple(image for image in tiny.val.images if image.objects[0].class_index == 0)
    check = check_dataset(replace(tiny, val=replace(tiny.val, images=squares)))
    assert [problem.what for problem in check.problems] == ["class 'disc' has no object in val"]


def test_a_photo_labelled_twice_is_a_problem(tiny):
    twice = (*tiny.train.images, replace(tiny.train.images[2], image_id=77))
    (problem,) = check_dataset(replace(tiny, train=replace(tiny.train, images=twice))).problems
    assert problem.what == "is labelled twice, as image 3 and as image 77"
    assert problem.file == str(tiny.train.images[2].path)


def test_equal_photos_in_train_and_val_are_a_leak_even_under_another_name(tiny, tmp_path):
    copy = tmp_path / "innocent.png"
    copy.write_bytes(tiny.train.images[4].path.read_bytes())
    val = (*tiny.val.images, replace(tiny.train.images[4], image_id=50, path=copy))
    (problem,) = check_dataset(replace(tiny, val=replace(tiny.val, images=val))).problems
    assert problem.file == str(copy)
    assert problem.what == f"is the same photo as {tiny.train.images[4].path} in train"


def test_missing_photos_are_not_taken_for_equal_ones(tiny, tmp_path):
    gone = [replace(subset.images[0], path=tmp_path / name) for subset, name in ((tiny.train, "a"), (tiny.val, "b"))]
    data = TrainVal(*(replace(s, images=(g, *s.images[1:])) for s, g in zip((tiny.train, tiny.val), gone, strict=True)))
    assert [problem.what for problem in check_dataset(data).problems] == ["the photo is missing"] * 2


def test_it_is_plain_json(tiny, image):
    data = replace(tiny, train=replace(tiny.train, images=(replace(image, width=9), *tiny.train.images)))
    shown = check_dataset(data).to_json()
    assert json.loads(json.dumps(shown)) == shown
    assert shown["train"]["images"] == 13
    assert set(shown["problems"][0]) == {"kind", "file", "what", "way_out"}


def test_objects_that_repeat_others_exactly_are_counted(image):
    label = image.objects[0]
    other = replace(label, class_index=1)
    near = replace(label, mask=square(right=29))
    found = _find_image_problems(replace(image, objects=(label, label, other, near, label, other)))
    assert [problem.what for problem in found] == ["3 of its 6 objects repeat another one exactly"]


def test_a_class_of_crowds_alone_is_named_with_the_way_to_read_them(tiny):
    images = tuple(
        replace(image, objects=tuple(replace(label, is_crowd=label.class_index == 1) for label in image.objects))
        for image in tiny.train.images
    )
    (problem,) = check_dataset(replace(tiny, train=replace(tiny.train, images=images))).problems
    assert problem.kind == ProblemKind.ONLY_CROWDS
    assert "objects of class 'disc' in train are crowd regions (iscrowd 1)" in problem.what
    assert problem.way_out.endswith("--crowds objects")


def test_what_the_reader_could_not_read_is_listed_by_kind_with_counts_first(tiny):
    unread = tuple(
        Problem(kind, f"file {number}", "is odd", "Mend it.")
        for number, kind in enumerate([ProblemKind.MASK, ProblemKind.PHOTO_MISSING, ProblemKind.MASK])
    )
    shown = check_dataset(replace(tiny, train=replace(tiny.train, problems=unread))).to_json()
    assert list(shown) == ["name", "format", "notes", "train", "val", "problem_counts", "problems"]
    assert shown["problem_counts"] == {"wrong mask": 2, "missing photo": 1}
    assert [problem["kind"] for problem in shown["problems"]] == ["missing photo", "wrong mask", "wrong mask"]


def test_every_image_is_in_one_of_five_counts(image):
    states = [LabelState.WHOLE, LabelState.NONE, LabelState.BROKEN]
    images = tuple(
        replace(image, image_id=f"{state} {objects}", state=state, objects=objects)
        for state in states
        for objects in (image.objects, ())
    )
    counts = check_dataset(dataset_of(images)).train
    assert (counts.images_with_masks, counts.images_background) == (1, 1)
    assert (counts.images_unlabelled, counts.images_broken, counts.images_with_boxes_only) == (2, 2, 0)
