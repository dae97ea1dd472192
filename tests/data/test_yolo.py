import io
import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from splitlab.data.dataset import LabelState, ProblemKind
from splitlab.data.formats.yolo.heads import is_yolo_folder
from splitlab.data.formats.yolo.lines import parse_labels
from splitlab.data.formats.yolo.reader import read_yolo_folder
from splitlab.data.images import load_image, read_photo_size
from splitlab.data.open_dataset import dataset_folder
from splitlab.errors import DataError, ImageError
from splitlab.geometry import rle_to_mask

HEAD = "train: images/train\nval: images/val\nnames: [cat, dog]\n"
SQUARE = "1 0.25 0.2 0.5 0.2 0.5 0.6 0.25 0.6\n"


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "pond"
    for subset, names in (("train", ("a", "deep/b")), ("val", ("c",))):
        for name in names:
            photo(root / "images" / subset / f"{name}.png")
    label(root, "train/a", SQUARE + "0 0.5 0.5 0.5 0.25\n")
    (root / "data.yaml").write_text(HEAD)
    return root


def photo(path, width=40, height=20):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height)).save(path)


def label(root, name, text):
    path = root / "labels" / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_an_outline_is_a_mask_and_four_numbers_are_a_box_only(folder):
    data = read_yolo_folder(folder)
    assert (data.format, data.train.name, data.train.class_names) == ("YOLO", "pond", ("cat", "dog"))
    image = data.train.by_id["a"]
    assert (image.width, image.height) == (40, 20)
    outlined, boxed = image.objects
    assert (outlined.class_index, outlined.box) == (1, (10, 4, 20, 12))
    expected = np.zeros((20, 40), bool)
    expected[4:12, 10:20] = True
    assert (rle_to_mask(outlined.mask) == expected).all()
    assert (boxed.class_index, boxed.box, boxed.mask) == (0, (10, 7.5, 30, 12.5), None)


def test_a_photo_in_a_sub_folder_keeps_it_in_its_id(folder):
    train = read_yolo_folder(folder).train
    assert [image.image_id for image in train.images] == ["a", "deep/b"]


@pytest.mark.parametrize(
    "head",
    [
        "path: /somewhere/else\n" + HEAD,
        "path: ../pond-of-another\n" + HEAD,
        "path: .\n" + HEAD,
        HEAD.replace("images/", "../images/"),
        HEAD.replace("[cat, dog]", "{0: cat, 1: dog}"),
        HEAD.replace("images/train", "[images/train]"),
    ],
)
def test_the_yaml_of_common_exports_is_understood(folder, head):
    (folder / "data.yaml").write_text(head)
    data = read_yolo_folder(folder)
    assert (len(data.train.images), len(data.val.images)) == (2, 1)
    assert data.train.class_names == ("cat", "dog")


def test_a_list_of_photos_may_stand_for_a_folder(folder):
    (folder / "train.txt").write_text(f"./images/train/a.png\n{folder}/images/train/deep/b.png\n")
    (folder / "data.yaml").write_text(HEAD.replace("images/train", "train.txt"))
    train = read_yolo_folder(folder).train
    assert [image.image_id for image in train.images] == ["images/train/a", "images/train/deep/b"]
    assert len(train.images[0].objects) == 2


def test_the_hash_follows_the_labels_and_names_but_not_the_place(folder, tmp_path):
    before = read_yolo_folder(folder).train.source_hash
    shutil.copytree(folder, tmp_path / "elsewhere" / "pond")
    assert read_yolo_folder(tmp_path / "elsewhere" / "pond").train.source_hash == before
    label(folder, "train/deep/b", SQUARE)
    changed = read_yolo_folder(folder).train.source_hash
    (folder / "data.yaml").write_text(HEAD.replace("dog", "fox"))
    assert len({before, changed, read_yolo_folder(folder).train.source_hash}) == 3


def test_one_yaml_of_another_name_is_found_and_two_are_refused(folder):
    (folder / "data.yaml").rename(folder / "pond.yaml")
    (folder / "notes.yaml").write_text("a: 1\n")
    assert is_yolo_folder(folder)
    assert len(read_yolo_folder(folder).train.images) == 2
    shutil.copy(folder / "pond.yaml", folder / "second.yml")
    assert is_yolo_folder(folder)
    with pytest.raises(DataError, match=r"has two YAML files of a dataset, pond\.yaml and second\.yml\. Keep one"):
        read_yolo_folder(folder)


def test_whatever_stands_there_the_question_is_answered(tmp_path, tiny_folder):
    (tmp_path / "broken.yaml").write_bytes(b"\xff\xfe\x00")
    assert not any(map(is_yolo_folder, (tmp_path, tiny_folder, tmp_path / "nowhere", tmp_path / "broken.yaml")))
    (tmp_path / "large.yaml").write_bytes(b"names:\ntrain:\n" + b" " * 1_000_001)
    for where in (str(tmp_path), "long" * 200, "a\0b"):
        with pytest.raises(DataError, match=r"not a dataset|not a folder|cannot be opened"):
            dataset_folder(where, tmp_path)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tiff", "bmp", "gif"])
@pytest.mark.parametrize("turn", range(9))
def test_the_header_gives_the_size_that_the_turned_photo_has(tmp_path, ending, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    path = tmp_path / f"photo.{ending}"
    Image.new("RGB", (30, 20)).save(path, **({} if ending in ("bmp", "gif") else {"exif": exif}))
    assert read_photo_size(path) == load_image(path).shape[1::-1]


def test_a_size_is_read_where_the_pixels_are_cut_off_and_too_many_are_refused(tmp_path):
    path = tmp_path / "photo.png"
    buffer = io.BytesIO()
    Image.effect_noise((300, 200), 50).save(buffer, "png")
    path.write_bytes(buffer.getvalue()[:2000])
    assert read_photo_size(path) == (300, 200)
    Image.new("1", (10_000, 5_200)).save(path)
    with pytest.raises(ImageError, match="megapixels"):
        read_photo_size(path)


def test_numbers_a_little_outside_are_clipped():
    (found,), _ = parse_labels(b"0 -0.005 0 1.009 0 1 1 0 1", "x.txt", 1, 40, 20)
    assert found.box == (0, 0, 40, 20)
    assert rle_to_mask(found.mask).all()
    (found,), problems = parse_labels(b"0 0.95 0.5 0.2 1.0", "x.txt", 1, 40, 20)
    assert problems == []
    assert found.box == (34, 0, 40, 20)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("0 0.1 0.1 1.7 0.1 0.5 0.5", "1.7 lies far outside"),
        ("0 nan 0.1 0.2 0.1 0.5 0.5", "nan lies far outside"),
        ("0 -inf 0.1 0.2 0.1", "-inf lies far outside"),
        ("0 25 20 30 20", "25.0 lies far outside"),
        ("0 0.1 0.1 0.2", "has 3 numbers"),
        ("0", "has 0 numbers"),
        ("0 0.1 0.1 wide 0.1", "is not a number"),
        ("2 0.1 0.1 0.2 0.2", "'2' is not a class"),
        ("-1 0.1 0.1 0.2 0.2", "'-1' is not a class"),
        ("0.5 0.1 0.1 0.2 0.2", "is not a class"),
        ("nan 0.1 0.1 0.2 0.2", "is not a class"),
        ("cat 0.1 0.1 0.2 0.2", "'cat' is not a class"),
    ],
)
def test_a_wrong_line_is_named_with_its_file_and_the_others_are_read(folder, line, says):
    label(folder, "train/a", SQUARE + "\n" + line + "\n")
    train = read_yolo_folder(folder).train
    (problem,) = train.problems
    assert problem.file == f"{folder / 'labels' / 'train' / 'a.txt'}, line 3"
    assert says in problem.what
    assert len(train.by_id["a"].objects) == 1
    assert train.by_id["a"].state == LabelState.BROKEN
    assert not train.by_id["a"].can_be_full


def test_a_label_file_that_is_no_text_is_named_and_its_photo_counts_as_broken(folder):
    (folder / "labels" / "train" / "a.txt").write_bytes(b"\x89PNG\0\0")
    train = read_yolo_folder(folder).train
    assert [problem.what for problem in train.problems] == ["is not text"]
    assert train.by_id["a"].state == LabelState.BROKEN


def test_a_comment_in_another_encoding_is_skipped(folder):
    (folder / "labels" / "train" / "a.txt").write_bytes(b"# caf\xe9\n0 0.5 0.5 0.5 0.5\n")
    train = read_yolo_folder(folder).train
    assert train.problems == ()
    assert len(train.by_id["a"].objects) == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_as_on_any_system_and_hold_blanks(folder, end):
    (folder / "labels" / "train" / "a.txt").write_bytes(f"  {SQUARE.strip()}  {end}\t0 0.5 0.5 0.5 0.25{end}".encode())
    train = read_yolo_folder(folder).train
    assert train.problems == ()
    assert [label.class_index for label in train.by_id["a"].objects] == [1, 0]


@pytest.mark.parametrize(
    ("line", "has_mask"),
    [
        ("0 0.5 0.5 0.5 0.25 0.87", False),
        ("0 0.5 0.5 0.5 0.25 0.87 17", False),
        ("0 0.1 0.1 0.9 0.1 0.9 0.9 0.5", True),
        ("0 0.1 0.1 0.9 0.1 0.9 0.9 0.5 17", True),
    ],
)
def test_a_confidence_and_a_track_after_the_numbers_are_ignored(folder, line, has_mask):
    label(folder, "train/a", line)
    train = read_yolo_folder(folder).train
    assert train.problems == ()
    (found,) = train.by_id["a"].objects
    assert (found.mask is not None) == has_mask
    assert found.box == ((4, 2, 36, 18) if has_mask else (10, 7.5, 30, 12.5))


def test_an_outline_that_leaves_the_photo_is_cut_at_its_border(folder):
    label(folder, "train/a", "0 -0.12 0.2 0.5 0.2 0.5 0.6 -0.12 0.6")
    (found,) = read_yolo_folder(folder).train.by_id["a"].objects
    assert found.box == (0, 4, 20, 12)
    assert rle_to_mask(found.mask).sum() == 8 * 20


def test_an_empty_label_file_says_background_and_a_missing_one_says_nothing(folder):
    label(folder, "train/a", "\n")
    states = {image.image_id: image.state for image in read_yolo_folder(folder).train.images}
    assert states == {"a": LabelState.WHOLE, "deep/b": LabelState.NONE}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the photo cannot be read (it is an empty file)"),
        (b"<!DOCTYPE html><title>404</title>", "the photo cannot be read"),
        (b"\xff\xd8\xff\xe0 cut", "the photo cannot be read"),
    ],
)
def test_a_photo_that_is_none_is_named_and_the_others_are_read(folder, content, says):
    (folder / "images" / "train" / "a.png").write_bytes(content)
    train = read_yolo_folder(folder).train
    assert says in train.problems[0].what
    assert train.problems[0].file.endswith("a.png")
    assert [image.image_id for image in train.images] == ["deep/b"]


def test_a_photo_that_is_missing_or_twice_in_a_list_is_named_and_the_others_are_read(folder):
    lines = ["images/train/a.png", "images/train/gone.png", "images/train/a.png", "images/train/a\0b.png", "x" * 5000]
    (folder / "train.txt").write_text("\n".join(lines))
    (folder / "data.yaml").write_text(HEAD.replace("images/train", "train.txt"))
    train = read_yolo_folder(folder).train
    assert [image.image_id for image in train.images] == ["images/train/a"]
    assert Counter(problem.kind for problem in train.problems) == {
        ProblemKind.PHOTO_MISSING: 3,
        ProblemKind.PHOTO_TWICE: 1,
    }


def test_label_files_without_a_photo_are_counted(folder):
    for name in ("train/gone", "train/deep/away", "train/classes"):
        label(folder, name, SQUARE)
    (problem,) = read_yolo_folder(folder).train.problems
    assert problem.what == "2 label files have no photo, the first is deep/away.txt: the photo is missing"
    assert problem.file == str(folder / "labels" / "train")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80) | st.text("0123456789.- enaif\n", max_size=60).map(str.encode))
def test_whatever_a_label_file_holds_it_is_read_or_named(raw):
    objects, problems = parse_labels(raw, Path("x.txt"), 2, 40, 20)
    assert all(np.isfinite(found.box).all() for found in objects)
    assert all(problem.file.startswith("x.txt") for problem in problems)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("names: [a\n", "is not valid YAML"),
        ("[" * 100_000, "is not valid YAML"),
        ("x: &x [a, a]\n" + HEAD.replace("[cat, dog]", "*x"), "alias"),
        ("!!python/object/apply:os.system [touch hacked]", "is not valid YAML"),
        ("a: 1234-99-99\n", "is not valid YAML"),
        (HEAD + "# " + "x" * 1_000_000, "larger than"),
        ("just text", "has no 'names'"),
        ("train: a\nval: b\nnames: []\n", "'names' must list"),
        (HEAD.replace("[cat, dog]", "{0: cat, 9999999: dog}"), "'names' must list"),
        (HEAD.replace("[cat, dog]", "{0: cat, [1]: dog}"), "is not valid YAML"),
        (HEAD.replace("[cat, dog]", "[cat, no]"), "name of class 1 is not text"),
        (HEAD.replace("[cat, dog]", "[cat, 'cat ']"), "two classes are called 'cat'"),
        (HEAD.replace("[cat, dog]", "[cat, cat]"), "two classes are called 'cat'"),
        (HEAD.replace("images/val", "[[images/val]]"), "'val' must name"),
        (HEAD + "kpt_shape: [17, 3]\n", "pose"),
        (HEAD.replace("images/val", "labels"), "there are no photos"),
    ],
)
def test_a_yaml_that_cannot_be_is_answered_in_a_sentence(folder, text, says):
    (folder / "data.yaml").write_text(text)
    with pytest.raises(DataError, match=says):
        read_yolo_folder(folder)


@pytest.mark.parametrize(
    "stated", ["images/val", "../../val", "/elsewhere/mine/images/val", "C:\\\\mine\\\\images\\\\val", "mine/val"]
)
def test_a_folder_of_another_machine_is_found_by_the_end_of_its_path(folder, stated):
    (folder / "data.yaml").write_text(HEAD.replace("images/val", f'"{stated}"'))
    assert [image.image_id for image in read_yolo_folder(folder).val.images] == ["c"]


@pytest.mark.parametrize(
    "head", ["names: [cat, dog]\ntrain: images/train\n", HEAD.replace("images/val", "images/train")]
)
def test_without_photos_of_its_own_there_is_no_val_part(folder, head):
    shutil.rmtree(folder / "images" / "val")
    (folder / "data.yaml").write_text(head)
    data = read_yolo_folder(folder)
    assert not data.has_val
    assert len(data.train.images) == 2


def test_two_parts_that_end_in_the_same_folder_are_one(tmp_path):
    root = tmp_path / "flat"
    photo(root / "images" / "a.png")
    label(root, "a", SQUARE)
    (root / "data.yaml").write_text("train: ../train/images\nval: ../valid/images\nnames: [cat, dog]\n")
    data = read_yolo_folder(root)
    assert [image.image_id for image in data.train.images] == ["a"]
    assert not data.has_val


def test_a_val_folder_that_is_not_there_is_told(folder):
    shutil.rmtree(folder / "images" / "val")
    data = read_yolo_folder(folder)
    assert not data.has_val
    assert data.notes == ("data.yaml names 'images/val' for val, which is not in the folder.",)


def test_a_train_folder_that_is_not_there_is_refused(folder):
    shutil.rmtree(folder / "images" / "train")
    with pytest.raises(DataError, match="'images/train' does not exist in"):
        read_yolo_folder(folder)


def test_nothing_is_read_through_a_link_out_of_the_folder(folder, tmp_path):
    photo(tmp_path / "private.png")
    link = folder / "images" / "val" / "link.png"
    link.symlink_to(tmp_path / "private.png")
    val = read_yolo_folder(folder).val
    assert [(problem.file, "points outside" in problem.what) for problem in val.problems] == [(str(link), True)]
    assert [image.image_id for image in val.images] == ["c"]
    link.unlink()
    (tmp_path / "secret").write_text("secret")
    (folder / "labels" / "val").mkdir()
    (folder / "labels" / "val" / "c.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(DataError, match="points outside"):
        read_yolo_folder(folder)


def test_a_list_cannot_name_a_photo_outside(folder, tmp_path):
    photo(tmp_path / "private.png")
    (folder / "val.txt").write_text("../private.png\n")
    (folder / "data.yaml").write_text(HEAD.replace("images/val", "val.txt"))
    with pytest.raises(DataError, match="points outside"):
        read_yolo_folder(folder)


def test_a_link_to_itself_is_named_and_the_others_are_read(folder):
    loop = folder / "images" / "val" / "loop.png"
    loop.symlink_to(loop)
    val = read_yolo_folder(folder).val
    assert [problem.file for problem in val.problems] == [str(loop)]
    assert len(val.images) == 1


def test_of_two_photos_that_share_a_label_file_one_is_named(folder):
    photo(folder / "images" / "train" / "a.jpg")
    train = read_yolo_folder(folder).train
    assert "shares its label file with" in train.problems[0].what
    assert len(train.images) == 2


def test_a_yolo_set_without_images_in_its_path_has_labels_beside_the_photos(folder):
    photo(folder / "shots" / "d.png")
    (folder / "shots" / "d.txt").write_text(SQUARE)
    (folder / "data.yaml").write_text(HEAD.replace("images/val", "shots"))
    assert len(read_yolo_folder(folder).val.by_id["d"].objects) == 1


def test_ids_go_through_json(folder):
    ids = [image.image_id for image in read_yolo_folder(folder).train.images]
    assert json.loads(json.dumps(ids)) == ids
