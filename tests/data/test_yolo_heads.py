"""YOLO datasets whose classes, parts or label files stand where other tools put them."""

import unicodedata

import pytest
from PIL import Image

from splitlab.data.dataset import LabelState, ProblemKind
from splitlab.data.formats.yolo.heads import is_yolo_folder
from splitlab.data.formats.yolo.reader import read_yolo_folder
from splitlab.errors import DataError

BOX = "1 0.5 0.5 0.5 0.25\n"
HEAD = "train: images/train\nval: images/val\nnames: [cat, dog]\n"


def photo(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 20)).save(path)


def write(path, text, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding=encoding)


def labelled(root, photo_name, label_name, text=BOX):
    photo(root / photo_name)
    write(root / label_name, text)


@pytest.fixture
def folder(tmp_path):
    for part in ("train", "val"):
        labelled(tmp_path, f"images/{part}/{part}.png", f"labels/{part}/{part}.txt")
    return tmp_path


@pytest.mark.parametrize(
    ("names", "photo_name", "label_name"),
    [
        ("classes.txt", "a.jpg", "a.txt"),
        ("labels.txt", "a.jpg", "a.txt"),
        ("obj.names", "data/a.jpg", "data/a.txt"),
        ("train/_darknet.labels", "train/a.jpg", "train/a.txt"),
        ("labels/classes.txt", "images/a.jpg", "labels/a.txt"),
        ("labels/train/classes.txt", "images/train/a.jpg", "labels/train/a.txt"),
    ],
)
def test_a_list_of_names_is_found_where_tools_put_it(tmp_path, names, photo_name, label_name):
    labelled(tmp_path, photo_name, label_name)
    write(tmp_path / names, "cat\ndog\n")
    assert is_yolo_folder(tmp_path)
    train = read_yolo_folder(tmp_path).train
    assert (train.class_names, len(train.images), train.problems) == (("cat", "dog"), 1, ())
    assert [label.class_index for label in train.images[0].objects] == [1]


def test_lists_that_differ_are_refused_because_they_number_the_classes(tmp_path):
    for part, names in (("train", "cat\ndog\n"), ("val", "dog\ncat\n")):
        labelled(tmp_path, f"{part}/a.jpg", f"{part}/a.txt")
        write(tmp_path / part / "classes.txt", names)
    assert is_yolo_folder(tmp_path)
    with pytest.raises(DataError, match=r"train/classes\.txt and .*val/classes\.txt name different classes"):
        read_yolo_folder(tmp_path)
    write(tmp_path / "val" / "classes.txt", "cat\ndog\n")
    assert read_yolo_folder(tmp_path).train.class_names == ("cat", "dog")


def test_classes_that_no_file_names_are_called_by_their_numbers(folder):
    write(folder / "labels" / "val" / "val.txt", "3 0.5 0.5 0.5 0.25\nnot a line\n")
    data = read_yolo_folder(folder)
    assert data.train.class_names == ("0", "1", "2", "3")
    assert [problem.kind for problem in data.train.problems] == [ProblemKind.CLASS_NAMES]
    assert (len(data.train.images), len(data.val.images)) == (1, 1)


@pytest.mark.parametrize("text", ["a photo of a cat", "Car 0.0 0 1 2 3 4", "10,10,40,10,40,30", "5 apples", ""])
def test_other_texts_beside_photos_are_no_yolo_labels(tmp_path, text):
    labelled(tmp_path, "a.jpg", "a.txt", text)
    assert not is_yolo_folder(tmp_path)


@pytest.mark.parametrize("keys", ["Train Validation", "training valid", "train validation"])
def test_keys_mean_parts_as_the_names_of_folders_do(folder, keys):
    train, val = keys.split()
    write(folder / "data.yaml", f"{train}: train.txt\n{val}: val.txt\nnames: [cat, dog]\n")
    for part in ("train", "val"):
        write(folder / f"{part}.txt", f"images/{part}/{part}.png\n")
    data = read_yolo_folder(folder)
    assert [image.path.stem for image in (*data.train.images, *data.val.images)] == ["train", "val"]


def test_the_only_part_is_train_even_if_it_is_called_test(folder):
    write(folder / "data.yaml", "test: images/val\nnames: [cat, dog]\n")
    data = read_yolo_folder(folder)
    assert ([image.path.stem for image in data.train.images], data.notes) == (["val"], ())


@pytest.mark.parametrize(
    ("names", "expected", "says"),
    [
        ("names: {0: cat, 2: dog}", ("cat", "1", "dog"), "'names' has no class 1, so it is called '1'"),
        ("nc: 3\nnames: [cat, dog]", ("cat", "dog"), "'nc' is 3, but 'names' has 2 classes"),
        ("nc: 3", ("0", "1", "2"), "has no 'names', so the classes are called by their numbers"),
        ("names:", ("0", "1"), "has no 'names', so the classes are called by their numbers"),
    ],
)
def test_names_that_leave_a_doubt_are_read_and_reported(folder, names, expected, says):
    write(folder / "data.yaml", f"train: images/train\n{names}\n")
    train = read_yolo_folder(folder).train
    assert train.class_names == expected
    assert [(problem.kind, problem.what) for problem in train.problems] == [(ProblemKind.CLASS_NAMES, says)]


def test_one_name_need_not_be_a_list(folder):
    write(folder / "labels" / "train" / "train.txt", BOX.replace("1", "0", 1))
    write(folder / "data.yaml", "train: images/train\nnc: 1\nnames: moon jelly\n")
    assert read_yolo_folder(folder).train.class_names == ("moon jelly",)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252"])
def test_files_in_the_encodings_of_windows_are_read(folder, encoding):
    write(folder / "data.yaml", f"# Teich für Frösche\n{HEAD}", encoding)
    write(folder / "labels" / "train" / "train.txt", BOX, encoding)
    data = read_yolo_folder(folder)
    assert (data.train.class_names, data.train.problems) == (("cat", "dog"), ())
    assert len(data.train.images[0].objects) == 1


@pytest.mark.parametrize(
    ("photo_name", "label_name"),
    [
        ("images/images/a.jpg", "labels/labels/a.txt"),
        ("images/a.jpg", "annotations/a.txt"),
        ("images/a.jpg", "labels/a.jpg.txt"),
        ("images/a.jpg", "labels/0a1b2c3d-a.txt"),
    ],
)
def test_label_files_in_another_place_are_found_by_their_names(tmp_path, photo_name, label_name):
    labelled(tmp_path, photo_name, label_name)
    write(tmp_path / "data.yaml", "train: images\nnames: [cat, dog]\n")
    train = read_yolo_folder(tmp_path).train
    assert ([len(image.objects) for image in train.images], train.problems) == ([1], ())


def test_a_label_file_is_not_looked_for_elsewhere_where_others_are_in_their_place(tmp_path):
    labelled(tmp_path, "images/a.jpg", "labels/a.txt")
    labelled(tmp_path, "images/b.jpg", "labels_old/b.txt")
    write(tmp_path / "data.yaml", "train: images\nnames: [cat, dog]\n")
    assert [image.state for image in read_yolo_folder(tmp_path).train.images] == [LabelState.WHOLE, LabelState.NONE]


def test_names_that_differ_in_case_or_in_the_form_of_an_accent_belong_together(tmp_path):
    decomposed, composed = (unicodedata.normalize(form, "é") for form in ("NFD", "NFC"))
    labelled(tmp_path, f"images/{decomposed}.JPG", f"labels/{composed}.TXT")
    labelled(tmp_path, "images/b.jpg", "labels/b.txt")
    write(tmp_path / "data.yaml", "train: images\nnames: [cat, dog]\n")
    train = read_yolo_folder(tmp_path).train
    assert ([len(image.objects) for image in train.images], train.problems) == ([1, 1], ())


@pytest.mark.parametrize("line", ["1,0.5,0.5,0.5,0.25", "1, 0.5, 0.5,  0.5, 0.25"])
def test_commas_may_separate_numbers(folder, line):
    write(folder / "labels" / "train" / "train.txt", f"{line}\n")
    write(folder / "data.yaml", HEAD)
    train = read_yolo_folder(folder).train
    assert ([label.box for label in train.images[0].objects], train.problems) == ([(10, 7.5, 30, 12.5)], ())


def test_decimal_commas_are_not_taken_for_separators(folder):
    write(folder / "labels" / "train" / "train.txt", "1 0,1 0,1 0,1 0,1\n")
    write(folder / "data.yaml", HEAD)
    train = read_yolo_folder(folder).train
    assert ([len(image.objects) for image in train.images], len(train.problems)) == ([0], 1)


@pytest.mark.parametrize("sides", ["0 0.2", "0.2 -0.1"])
def test_a_box_without_an_area_is_named_with_its_line(folder, sides):
    write(folder / "labels" / "train" / "train.txt", f"{BOX}0 0.5 0.5 {sides}\n")
    write(folder / "data.yaml", HEAD)
    train = read_yolo_folder(folder).train
    assert [problem.kind for problem in train.problems] == [ProblemKind.BOX]
    assert train.problems[0].file.endswith("train.txt, line 2")
    assert (train.images[0].state, len(train.images[0].objects)) == (LabelState.BROKEN, 1)


def test_a_box_whose_centre_is_outside_keeps_its_part_inside(folder):
    write(folder / "labels" / "train" / "train.txt", "0 1.1 0.5 0.4 0.5\n")
    write(folder / "data.yaml", HEAD)
    assert read_yolo_folder(folder).train.images[0].objects[0].box == pytest.approx((36, 5, 40, 15))
