"""COCO files as annotation tools write them: names, places, ids, classes and sizes."""

import json

import pytest
from PIL import Image

from splitlab.data.dataset import LabelState, ProblemKind
from splitlab.data.formats.coco.files import is_coco_folder
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.images import load_labelled
from splitlab.data.open_dataset import open_dataset
from splitlab.errors import DataError
from splitlab.geometry import rle_area

WIDTH, HEIGHT = 8, 6
CAT, DOG, SEVEN = ({"id": number, "name": name} for number, name in ((1, "cat"), (2, "dog"), (7, "hen")))


def photo(path, size=(WIDTH, HEIGHT), turn=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.new("RGB", size).save(path, exif=exif)


def entry(number, name, **changes):
    return {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT, **changes}


def cat(number, image, **changes):
    square = [[1, 1, 5, 1, 5, 4, 1, 4]]
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "bbox": [1, 1, 4, 3],
        "segmentation": square,
        "iscrowd": 0,
        **changes,
    }


def write(path, images, annotations, categories=(CAT,)):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": list(categories)}))


@pytest.fixture
def folder(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        photo(tmp_path / "set" / "images" / name)
    return tmp_path / "set"


LAYOUTS = {
    "CVAT": ("annotations/instances_default.json", "images/default/{}"),
    "Label Studio": ("result.json", "images/{}"),
    "FiftyOne": ("labels.json", "data/{}"),
    "Roboflow": ("train/_annotations.coco.json", "train/{}"),
    "beside the photos": ("annotations.json", "{}"),
}


@pytest.mark.parametrize(("labels", "place"), LAYOUTS.values(), ids=LAYOUTS)
def test_labels_of_one_part_in_any_tools_place_are_train(tmp_path, labels, place):
    for name in ("a.jpg", "b.jpg"):
        photo(tmp_path / place.format(name))
    write(tmp_path / labels, [entry(1, "a.jpg"), entry(2, "b.jpg")], [cat(1, 1), cat(2, 2)])
    assert is_coco_folder(tmp_path)
    data = read_coco_folder(tmp_path)
    assert not data.has_val
    assert [image.path for image in data.train.images] == [tmp_path / place.format(name) for name in ("a.jpg", "b.jpg")]
    assert all(image.can_be_full and image.path.is_file() for image in data.train.images)


def test_each_part_has_its_own_photos_of_the_same_name(tmp_path):
    for number, part in enumerate(("train", "valid", "test")):
        photo(tmp_path / part / "a.jpg", (WIDTH + number, HEIGHT))
        write(
            tmp_path / part / "_annotations.coco.json",
            [entry(1, "a.jpg", width=WIDTH + number)],
            [cat(1, 1)],
            [{"id": 0, "name": "animals", "supercategory": "none"}, {**CAT, "supercategory": "animals"}],
        )
    data = read_coco_folder(tmp_path)
    assert [part.images[0].path for part in (data.train, data.val)] == [
        tmp_path / "train/a.jpg",
        tmp_path / "valid/a.jpg",
    ]
    assert data.train.class_names == ("cat",)
    assert data.notes == ("The test part is not used.",)
    assert [image.state for image in data.train.images] == [LabelState.WHOLE]


def test_a_group_that_has_objects_stays_a_class(folder):
    group = {"id": 0, "name": "animals", "supercategory": "none"}
    annotations = [cat(1, 1), cat(2, 1, category_id=0)]
    write(folder / "result.json", [entry(1, "a.jpg")], annotations, [group, {**CAT, "supercategory": "animals"}])
    assert read_coco_folder(folder).train.class_names == ("animals", "cat")


def test_json_files_that_are_not_coco_are_left_alone(folder):
    (folder / "notes.json").write_text(json.dumps({"categories": [CAT], "info": {}}))
    (folder / "captions_train.json").write_text(json.dumps({"images": [], "annotations": []}))
    (folder / "broken.json").write_bytes(b"\xff\xfe{")
    assert not is_coco_folder(folder)
    with pytest.raises(DataError, match="has no COCO labels for train"):
        read_coco_folder(folder)


def test_two_files_that_label_the_same_photo_for_one_part_are_refused_by_name(folder):
    for name in ("train.json", "my-train.json"):
        write(folder / name, [entry(1, "a.jpg")], [cat(1, 1)])
    with pytest.raises(DataError, match=r"my-train\.json and .*train\.json both label a\.jpg for train\. Keep one"):
        read_coco_folder(folder)


def test_the_files_of_other_subsets_are_joined_even_if_they_number_their_images_alike(folder):
    write(folder / "annotations" / "instances_north.json", [entry(1, "a.jpg")], [cat(1, 1)], [CAT, DOG])
    write(folder / "annotations" / "instances_south.json", [entry(1, "b.jpg")], [cat(1, 1, category_id=7)], [SEVEN])
    train = read_coco_folder(folder).train
    assert train.class_names == ("cat", "dog", "hen")
    found = {image.image_id: train.class_names[image.objects[0].class_index] for image in train.images}
    assert found == {"instances_north/1": "cat", "instances_south/1": "hen"}


def test_a_file_that_is_left_out_beside_those_of_the_parts_is_named(folder):
    for name, photo_name in (("train", "a.jpg"), ("val", "b.jpg"), ("everything", "a.jpg")):
        write(folder / f"{name}.json", [entry(1, photo_name)], [cat(1, 1)])
    data = read_coco_folder(folder)
    assert (len(data.train.images), len(data.val.images)) == (1, 1)
    assert data.notes == ("everything.json is not used: its name means no part, and other files are train.",)


@pytest.mark.parametrize("place", ["annotations/train/labels.json", "train/annotations/labels.json"])
def test_labels_of_a_part_may_lie_one_folder_deeper(folder, place):
    write(folder / place, [entry(1, "a.jpg")], [cat(1, 1)])
    write(folder / place.replace("train", "valid"), [entry(1, "b.jpg")], [cat(1, 1)])
    data = read_coco_folder(folder)
    assert [image.path.name for part in (data.train, data.val) for image in part.images] == ["a.jpg", "b.jpg"]


def test_a_large_file_in_alphabetical_order_is_known_though_its_images_are_in_the_middle(folder):
    write(folder / "labels.json", [entry(1, "a.jpg")], [cat(number, 1) for number in range(1000)])
    content = {**json.loads((folder / "labels.json").read_text()), "info": {"description": "x" * 70_000}}
    (folder / "labels.json").write_text(json.dumps(content, sort_keys=True))
    assert is_coco_folder(folder)


def test_keypoints_are_read_only_where_there_are_no_other_labels(folder):
    write(folder / "annotations" / "person_keypoints_default.json", [entry(1, "a.jpg")], [cat(1, 1)])
    assert read_coco_folder(folder).train.images[0].objects
    write(folder / "annotations" / "labels.json", [entry(8, "a.jpg")], [cat(1, 8)])
    assert [image.image_id for image in read_coco_folder(folder).train.images if image.objects] == [8]


def test_a_file_that_windows_wrote_in_utf_16_is_read(folder):
    write(folder / "labels.json", [entry(1, "a.jpg"), entry(2, "b.jpg")], [cat(1, 1)])
    (folder / "labels.json").write_text((folder / "labels.json").read_text(), encoding="utf-16")
    assert is_coco_folder(folder)
    assert len(read_coco_folder(folder).train.images) == 2


def test_classes_of_val_are_matched_by_name_whatever_their_ids(folder):
    write(folder / "train.json", [entry(1, "a.jpg")], [cat(1, 1), cat(2, 1, category_id=2)], [CAT, DOG])
    write(
        folder / "val.json",
        [entry(1, "b.jpg")],
        [cat(1, 1, category_id=5), cat(2, 1, category_id=3), cat(3, 1, category_id=9)],
        [{"id": 3, "name": "dog"}, {"id": 5, "name": "cat"}, {"id": 9, "name": "owl"}],
    )
    data = read_coco_folder(folder)
    assert data.train.class_names == data.val.class_names == ("cat", "dog", "owl")
    assert [label.class_index for label in data.val.images[0].objects] == [0, 1, 2]
    assert data.train.category_ids == (1, 2, 9)


def test_fewer_classes_in_val_leave_the_hash_of_train_as_it_was(folder):
    write(folder / "train.json", [entry(1, "a.jpg")], [cat(1, 1), cat(2, 1, category_id=2)], [CAT, DOG])
    alone = read_coco_folder(folder).train.source_hash
    write(folder / "val.json", [entry(1, "b.jpg")], [cat(1, 1)], [CAT])
    data = read_coco_folder(folder)
    assert data.train.source_hash == alone
    assert data.val.class_names == ("cat", "dog")


@pytest.mark.parametrize("ids", [("img-a", "img-b"), ("1", "2"), (1.0, 2.0)])
def test_ids_may_be_words_or_numbers_in_any_form(folder, ids):
    one, two = ids
    annotations = [cat("x1", one, category_id="1"), cat("x2", two)]
    write(folder / "result.json", [entry(one, "a.jpg"), entry(two, "b.jpg")], annotations)
    train = read_coco_folder(folder).train
    assert train.problems == ()
    assert [len(image.objects) for image in train.images] == [1, 1]
    assert [image.image_id for image in train.images] in ([1, 2], ["img-a", "img-b"])


@pytest.mark.parametrize("size", [{}, {"width": 0, "height": 0}, {"width": None, "height": None}])
def test_a_size_that_is_not_stated_is_that_of_the_photo(folder, size):
    image = {key: value for key, value in entry(1, "a.jpg").items() if key not in ("width", "height")} | size
    write(folder / "result.json", [image], [cat(1, 1)])
    (found,) = [image for image in read_coco_folder(folder).train.images if image.objects]
    assert (found.width, found.height, rle_area(found.objects[0].mask)) == (WIDTH, HEIGHT, 12)


def test_photos_that_no_file_lists_are_not_labelled_but_those_of_test_are_left_out(folder):
    for name in ("c.jpg", "d.jpg"):
        photo(folder / "images" / name)
    photo(folder / "previews" / "e.jpg")
    write(folder / "train.json", [entry(1, "a.jpg")], [cat(1, 1)])
    write(folder / "val.json", [entry(1, "b.jpg")], [cat(1, 1)])
    write(folder / "test.json", [entry(1, "c.jpg")], [])
    states = {image.image_id: image.state for image in read_coco_folder(folder).train.images}
    assert states == {1: LabelState.WHOLE, "images/d.jpg": LabelState.NONE}


@pytest.mark.parametrize("place", ["train.json", "val.json"])
def test_a_listed_photo_that_is_missing_stays_listed(folder, place):
    for part, name in (("train", "a.jpg"), ("val", "b.jpg")):
        write(folder / f"{part}.json", [entry(1, name), entry(2, "gone.jpg")], [cat(1, 1), cat(2, 2)])
    data = read_coco_folder(folder)
    part = data.train if place == "train.json" else data.val
    assert part.by_id[2].path == folder / "images" / "gone.jpg"


# Stored as 80 x 60; EXIF's 6 turns it to 60 x 80. The object lies at the left, in the lower half of the upright photo.
UPRIGHT = {"bbox": [10, 40, 30, 40], "segmentation": [[10, 40, 40, 40, 40, 80, 10, 80]]}
STORED = {"bbox": [40, 20, 40, 30], "segmentation": [[40, 20, 80, 20, 80, 50, 40, 50]]}


@pytest.mark.parametrize(
    ("stated", "shape", "size"),
    [
        ((60, 80), UPRIGHT, (60, 80)),  # all as shown
        ((80, 60), UPRIGHT, (60, 80)),  # Label Studio: the size as stored, labels as shown
        ((80, 60), STORED, (80, 60)),  # all as stored
        ((60, 80), STORED, (80, 60)),
    ],
)
def test_labels_of_a_photo_that_exif_turns_are_read_as_they_were_drawn(tmp_path, stated, shape, size):
    photo(tmp_path / "images" / "a.jpg", (80, 60), turn=6)
    image = entry(1, "a.jpg", width=stated[0], height=stated[1])
    write(tmp_path / "result.json", [image], [cat(1, 1, **shape)])
    (labels,) = read_coco_folder(tmp_path).train.images
    assert (labels.width, labels.height) == size
    assert load_labelled(labels).shape[1::-1] == size
    assert rle_area(labels.objects[0].mask) == 1200


def test_a_size_that_fits_neither_way_is_told_with_the_turn(tmp_path):
    photo(tmp_path / "images" / "a.jpg", turn=6)
    write(tmp_path / "result.json", [entry(1, "a.jpg", width=80, height=60)], [cat(1, 1)])
    (labels,) = read_coco_folder(tmp_path).train.images
    with pytest.raises(DataError, match="6 x 8 pixels once turned by its EXIF orientation, its labels say 80 x 60"):
        load_labelled(labels)


def test_a_dataset_in_a_folder_in_a_folder_is_found_and_named_after_the_outer_one(tmp_path):
    photo(tmp_path / "mine" / "job_7" / "export" / "images" / "a.jpg")
    write(tmp_path / "mine" / "job_7" / "export" / "result.json", [entry(1, "a.jpg")], [cat(1, 1)])
    data = open_dataset("mine", tmp_path)
    assert (data.format, data.train.name, data.train.opened_as) == ("COCO", "mine", "mine")


def test_what_was_recognised_is_said_with_what_is_missing(folder):
    write(folder / "annotations" / "instances_default.json", [entry(1, "a.jpg")], [cat(1, 1)], [CAT, {"id": 2}])
    with pytest.raises(DataError, match=r"^Recognised as COCO\. .*instances_default\.json: a category is not valid"):
        open_dataset(str(folder), folder.parent)


def test_one_broken_annotation_costs_no_other_image_its_labels(folder):
    write(folder / "result.json", [entry(1, "a.jpg"), entry(2, "b.jpg")], [cat(1, 1), cat(2, 2, category_id=7)])
    train = read_coco_folder(folder).train
    assert [image.state for image in train.images] == [LabelState.WHOLE, LabelState.BROKEN]
    assert [problem.kind for problem in train.problems] == [ProblemKind.LABELS_UNREADABLE]
