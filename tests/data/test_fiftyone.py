import base64
import io
import zlib

import numpy as np
import pytest

from splitlab.data.dataset import LabelState
from splitlab.data.formats.fiftyone import is_fiftyone_folder, read_fiftyone_folder
from splitlab.errors import DataError
from splitlab.geometry import rle_area, rle_to_mask
from tests.data.label_trees import (
    HEIGHT,
    WIDTH,
    base64_text,
    detection,
    fiftyone_tree,
    npy,
    patch,
    photo,
    placed,
    png,
    sample,
    stored_mask,
    write_json,
)

BOX = (3 / WIDTH, 4 / HEIGHT, 6 / WIDTH, 5 / HEIGHT)


def read_one(root, *labels, **more):
    photo(root / "data" / "a.png")
    write_json(root / "samples.json", {"samples": [sample("a.png", labels, **more)]})
    data = read_fiftyone_folder(root)
    return data.train.images[0], data.train.problems


def test_a_dataset_is_read_with_boxes_masks_background_and_unlabelled_photos(tmp_path):
    data = read_fiftyone_folder(fiftyone_tree(tmp_path))
    first, second, third = data.train.images
    assert data.train.problems == ()
    assert data.train.class_names == ("dog", "cat")  # in the order of metadata.json
    box, masked = first.objects
    assert (box.box, box.mask, box.class_index) == ((10, 6, 50, 36), None, 1)
    assert masked.box == pytest.approx((3, 4, 9, 9))
    assert (rle_to_mask(masked.mask) == placed(patch(), 3, 4)).all()
    assert (second.objects, second.state) == ((), LabelState.WHOLE)
    assert third.state == LabelState.NONE


@pytest.mark.parametrize(
    "stored",
    [
        stored_mask(patch()),
        {"$binary": stored_mask(patch())["$binary"]["base64"], "$type": "00"},
        stored_mask(patch())["$binary"]["base64"],
        stored_mask(patch().astype(np.float64)),
        stored_mask(np.asfortranarray(patch())),
        stored_mask(patch() * np.uint8(255)),
    ],
)
def test_masks_are_read_in_each_form_in_which_they_are_stored(tmp_path, stored):
    image, problems = read_one(tmp_path, detection(BOX, mask=stored))
    assert problems == ()
    assert (rle_to_mask(image.objects[0].mask) == placed(patch(), 3, 4)).all()


def test_masks_in_files_are_read_beside_the_samples_only(tmp_path):
    (tmp_path / "inside" / "fields").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "inside" / "fields"):
        (folder / "m.png").write_bytes(png(patch()))
    labels = [detection(BOX, mask_path="fields/m.png"), detection(BOX, mask_path="../other.png")]
    image, (problem,) = read_one(tmp_path / "inside", *labels)
    assert (rle_to_mask(image.objects[0].mask) == placed(patch(), 3, 4)).all()
    assert "label 2: its mask cannot be read ('../other.png' is missing)" in str(problem)


def test_masks_of_another_size_are_stretched_to_their_box(tmp_path):
    image, _ = read_one(tmp_path, detection((0.25, 0.5, 0.5, 0.5), mask=stored_mask(np.eye(2, dtype=bool))))
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[30:45, 20:40] = expected[45:, 40:60] = True
    assert (rle_to_mask(image.objects[0].mask) == expected).all()


def test_masks_that_differ_by_a_pixel_from_their_box_are_not_stretched(tmp_path):
    box = (3.4 / WIDTH, 4.4 / HEIGHT, 6.2 / WIDTH, 5.2 / HEIGHT)
    image, _ = read_one(tmp_path, detection(box, mask=stored_mask(patch())))
    assert (rle_to_mask(image.objects[0].mask) == placed(patch(), 3, 4)).all()


def test_closed_polylines_are_outlines_and_open_ones_are_a_problem(tmp_path):
    square = [[0.25, 0.5], [0.5, 0.5], [0.5, 1], [0.25, 1]]
    lines = [
        {"_cls": "Polyline", "label": "cat", "points": [square], "closed": True, "filled": False},
        {"_cls": "Polyline", "label": "cat", "points": [square], "closed": False, "filled": False},
    ]
    photo(tmp_path / "data" / "a.png")
    found = {"_cls": "Polylines", "polylines": lines}
    write_json(tmp_path / "samples.json", {"samples": [sample("a.png", ground_truth=found)]})
    data = read_fiftyone_folder(tmp_path)
    assert rle_area(data.train.images[0].objects[0].mask) == 20 * 30
    assert "sample 1: 1 of its shapes (open polyline)" in str(data.train.problems[0])


def test_the_field_that_people_drew_is_read(tmp_path):
    drawn = {"_cls": "Detections", "detections": [detection(BOX, "cat")]}
    guessed = {"_cls": "Detections", "detections": [detection(BOX, "dog", confidence=0.5)] * 3}
    photo(tmp_path / "data" / "a.png")
    for name in ("ground_truth", "labels"):
        one = {"filepath": "data/a.png", "predictions": guessed, name: drawn}
        write_json(tmp_path / "samples.json", {"samples": [one]})
        assert len(read_fiftyone_folder(tmp_path).train.images[0].objects) == 1
    write_json(tmp_path / "samples.json", {"samples": [{"filepath": "data/a.png", "mine": drawn, "yours": drawn}]})
    with pytest.raises(DataError, match="has the label fields mine, yours"):
        read_fiftyone_folder(tmp_path)


def test_tags_and_folders_are_the_parts(tmp_path):
    for name in "abc":
        photo(tmp_path / "data" / f"{name}.png")
    tags = {"a": ["good", "train"], "b": ["validation"], "c": ["test"]}
    samples = [sample(f"{name}.png", [], tags=own) for name, own in tags.items()]
    write_json(tmp_path / "samples.json", {"samples": samples})
    data = read_fiftyone_folder(tmp_path)
    assert [image.path.stem for image in (*data.train.images, *data.val.images)] == ["a", "b"]
    assert data.notes == ("The test part (1 images) is not used.",)


def test_crowds_are_read_from_the_attribute_that_coco_leaves(tmp_path):
    old = {"iscrowd": {"_cls": "NumericAttribute", "value": 1}}
    image, _ = read_one(tmp_path, detection(BOX, iscrowd=1), detection(BOX, attributes=old), detection(BOX, iscrowd=0))
    assert [label.is_crowd for label in image.objects] == [True, True, False]


def test_its_format_for_detections_is_read_with_names_or_numbers_of_classes(tmp_path):
    for name in ("a.png", "b.jpeg", "c.png", "sub/d.png"):
        photo(tmp_path / "data" / name)
    box = {"bounding_box": [0.125, 0.1, 0.5, 0.5]}
    labels = {"a": [{"label": 1, **box}], "b": [{"label": "dog", **box}], "c": None, "sub/d": []}
    write_json(tmp_path / "labels.json", {"classes": ["dog", "cat"], "labels": labels})
    data = read_fiftyone_folder(tmp_path)
    assert data.train.problems == ()
    assert data.train.class_names == ("dog", "cat")
    assert [[label.class_index for label in image.objects] for image in data.train.images] == [[1], [0], [], []]
    assert data.train.images[0].objects[0].box == (10, 6, 50, 36)
    assert [image.state for image in data.train.images[2:]] == [LabelState.NONE, LabelState.WHOLE]


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (detection((10, 10, 40, 30)), "is not in fractions of the image"),
        (detection((0.1, 0.1, 0.2)), "not enough values"),
        (detection((0.1, 0.1, 0.2, "x")), "could not convert"),
        (detection(BOX, None), "label 2 has no class"),
        ({"label": "cat"}, "KeyError: 'bounding_box'"),
        ([], "TypeError"),
    ],
)
def test_a_broken_label_is_reported_and_the_others_are_read(tmp_path, label, message):
    image, (problem,) = read_one(tmp_path, detection(BOX), label)
    assert "samples.json: sample 1: label 2" in str(problem)
    assert message in str(problem)
    assert len(image.objects) == 1


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ("AAAA", "its mask cannot be unpacked"),
        ({"$binary": 7}, "its mask is not text"),
        (base64_text(zlib.compress(b"\x93NUMPY")), "not a NumPy array"),
        (base64_text(zlib.compress(npy(np.ones((2, 2), bool))[:-3])), "a broken NumPy array"),
        (stored_mask(np.ones((2, 2, 2), bool)), "not a NumPy array of numbers with two dim"),
        (stored_mask(np.array([["a"]])), "not a NumPy array of numbers with two dim"),
        (stored_mask(np.ones((90, 90), bool)), "90 x 90 pixels, which do not fit its image"),
    ],
)
def test_the_box_of_a_mask_that_cannot_be_read_is_kept(tmp_path, stored, message):
    image, (problem,) = read_one(tmp_path, detection(BOX, mask=stored))
    assert "samples.json: sample 1: label 1: its mask cannot be read" in str(problem)
    assert message in str(problem)
    assert [label.mask for label in image.objects] == [None]
    assert image.state == LabelState.WHOLE


class _Runs:
    """Creates a file once it is unpickled."""

    def __init__(self, path):
        self._path = path

    def __reduce__(self):
        return (open, (str(self._path), "w"))


def test_pickled_arrays_are_refused_without_running_what_is_in_them(tmp_path):
    file = io.BytesIO()
    np.save(file, np.array([[_Runs(tmp_path / "was run")]], dtype=object), allow_pickle=True)
    _, (problem,) = read_one(tmp_path, detection(BOX), detection(BOX, mask=base64_text(zlib.compress(file.getvalue()))))
    assert "not a NumPy array of numbers" in str(problem)
    assert not (tmp_path / "was run").exists()


def test_a_header_that_states_a_huge_array_is_refused(tmp_path):
    huge = npy(np.ones((1, 1), bool)).replace(b"(1, 1)", b"(9999999999, 9999999999)")
    _, (problem,) = read_one(tmp_path, detection(BOX), detection(BOX, mask=base64_text(zlib.compress(huge))))
    assert "cannot be read" in str(problem)


def test_a_mask_that_unpacks_to_gigabytes_is_refused_before_it_is_in_memory(tmp_path):
    bomb = base64.b64encode(zlib.compress(bytes(50_000_000), 9)).decode()
    _, (problem,) = read_one(tmp_path, detection(BOX), detection(BOX, mask=bomb))
    assert "its mask is over 138,400 bytes large" in str(problem)


def test_labels_json_of_coco_and_of_classifications_is_not_taken_for_detections(tmp_path):
    write_json(tmp_path / "labels.json", {"info": {}, "categories": [], "images": [], "annotations": []})
    assert not is_fiftyone_folder(tmp_path)
    photo(tmp_path / "data" / "a.png")
    write_json(tmp_path / "labels.json", {"classes": ["cat"], "labels": {"a": "cat"}})
    with pytest.raises(DataError, match="'cat' is not a list"):
        read_fiftyone_folder(tmp_path)
