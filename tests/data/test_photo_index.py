import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitlab.data.dataset import EntryError, ProblemKind
from splitlab.data.label_files.photo_index import Outside, PhotoIndex
from splitlab.errors import DataError

LABELS = Path("labels.json")


def tree(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a photo")
    return root


def found(root, stated, *near, outside=Outside.REFUSED):
    return PhotoIndex(root, outside).find(stated, [root / folder for folder in near], LABELS)


@pytest.mark.parametrize(
    "stated",
    [
        "images/site/a b.jpg",
        "site/a b.jpg",
        "a b.jpg",
        r"site\a b.jpg",
        r"..\..\label-studio\media\site\a b.jpg",
        "../../media/upload/4/a b.jpg",
        "/home/me/set/images/site/a b.jpg",
        r"C:\Users\me\images\site\a b.jpg",
        "https://host.example/u/7/a%20b.jpg?size=large",
        "s3://bucket/site/a%20b.jpg",
        "file:///data/site/a%20b.jpg",
        "/data/local-files/?d=export/site/a%20b.jpg",
        "site/a%20b.jpg",
        "SITE/A B.JPG",
        " images/site/a b.jpg ",
    ],
)
def test_a_photo_is_found_however_its_path_was_written(tmp_path, stated):
    tree(tmp_path, "images/site/a b.jpg", "images/site/c.jpg")
    assert found(tmp_path, stated) == tmp_path / "images/site/a b.jpg"


def test_a_name_with_a_percent_sign_is_taken_as_it_is_where_it_exists(tmp_path):
    tree(tmp_path, "a%20b.jpg", "a b.jpg")
    assert found(tmp_path, "a%20b.jpg").name == "a%20b.jpg"


def test_of_photos_with_one_name_the_longest_equal_tail_counts(tmp_path):
    tree(tmp_path, "north/day1/a.jpg", "south/day1/a.jpg", "south/day2/a.jpg")
    assert found(tmp_path, "/elsewhere/south/day1/a.jpg") == tmp_path / "south/day1/a.jpg"
    assert found(tmp_path, "north/a.jpg", "south/day2") == tmp_path / "south/day2/a.jpg"


def test_of_equally_good_photos_the_one_near_the_labels_is_meant_and_else_none(tmp_path):
    tree(tmp_path, "train/a.jpg", "val/a.jpg")
    assert found(tmp_path, "/elsewhere/a.jpg", "val") == tmp_path / "val/a.jpg"
    with pytest.raises(EntryError, match=r"may be one of 2 photos, such as train/a\.jpg and val/a\.jpg"):
        found(tmp_path, "/elsewhere/a.jpg")


def test_a_photo_that_is_missing_is_expected_near_the_labels(tmp_path):
    tree(tmp_path, "images/b.jpg")
    assert found(tmp_path, "sub/a.jpg", "images") == tmp_path / "images/sub/a.jpg"
    assert found(tmp_path, "a.jpg") == tmp_path / "a.jpg"


@pytest.mark.parametrize(
    "stated", ["../secret.jpg", "/etc/passwd", "a/../../secret.jpg", "", "..", "x\0y", r"C:\secret.jpg"]
)
def test_a_path_that_leads_outside_is_refused(tmp_path, stated):
    (tmp_path / "secret.jpg").write_bytes(b"private")
    root = tree(tmp_path / "set", "images/b.jpg")
    with pytest.raises(EntryError, match="points outside") as caught:
        found(root, stated)
    assert caught.value.problem.kind == ProblemKind.PHOTO_MISSING


def test_a_path_of_a_book_is_refused(tmp_path):
    with pytest.raises(EntryError, match="is 5,000 letters long"):
        found(tree(tmp_path, "a.jpg"), "x" * 5000)


def test_links_inside_are_followed_and_those_outside_only_if_asked(tmp_path):
    tree(tmp_path, "elsewhere/b.jpg")
    root = tree(tmp_path / "set", "photos/a.jpg")
    (root / "images").symlink_to(root / "photos")
    (root / "more").symlink_to(tmp_path / "elsewhere")
    assert found(root, "images/a.jpg") == root / "images/a.jpg"
    with pytest.raises(EntryError, match=f"points outside {root}") as caught:
        found(root, "more/b.jpg")
    assert f"splitlab data read-as {root} --outside followed" in str(caught.value)
    assert found(root, "more/b.jpg", outside=Outside.FOLLOWED) == root / "more/b.jpg"
    assert found(root, str(tmp_path / "elsewhere/b.jpg"), outside=Outside.FOLLOWED).is_file()


def test_a_photo_behind_two_links_is_listed_once(tmp_path):
    root = tree(tmp_path / "set", "photos/a.jpg", "photos/b.PNG", "photos/notes.txt", ".hidden/c.jpg", "__MACOSX/d.jpg")
    (root / "images").symlink_to(root / "photos")
    assert [path.name for path in PhotoIndex(root).photos()] == ["a.jpg", "b.PNG"]
    assert PhotoIndex(root).photos(root / "images") == [root / "images/a.jpg", root / "images/b.PNG"]


def test_a_link_to_a_folder_above_ends_the_listing(tmp_path):
    root = tree(tmp_path / "set", "a/b.jpg")
    (root / "a" / "again").symlink_to(root)
    (root / "self").symlink_to(root / "self")
    assert [path.name for path in PhotoIndex(root).photos()] == ["b.jpg"]


@pytest.mark.parametrize(
    ("stated", "folder"),
    [
        ("images/train", "images/train"),
        (r"images\train", "images/train"),
        ("/content/mine/images/train", "images/train"),
        ("../valid", "images/valid"),
        ("train/images", None),
        (".", ""),
        ("nowhere", None),
        ("empty", None),
    ],
)
def test_a_folder_is_found_by_the_longest_tail_that_only_one_has(tmp_path, stated, folder):
    tree(tmp_path, "images/train/a.jpg", "images/valid/b.jpg", "labels/train/a.txt", "empty/readme.md")
    expected = None if folder is None else tmp_path / folder
    assert PhotoIndex(tmp_path).folder(stated) == expected


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere: cannot be listed"):
        PhotoIndex(tmp_path / "nowhere")


@given(
    st.text(max_size=40) | st.lists(st.sampled_from(["..", ".", "a", "a.jpg", "b", "", "C:", "%2e%2e"])).map("/".join)
)
def test_whatever_is_stated_what_is_found_lies_inside(tmp_path_factory, stated):
    root = tmp_path_factory.mktemp("set")
    (root.parent / "a.jpg").write_bytes(b"outside")
    tree(root, "a/b/a.jpg", "b/a.jpg")
    try:
        path = found(root, stated, "b")
    except EntryError:
        return
    assert path.resolve().is_relative_to(root.resolve())


def test_accents_are_one_letter_or_two(tmp_path):
    tree(tmp_path, f"north/{unicodedata.normalize('NFD', 'größe é.jpg')}", "south/größe e.jpg")
    assert found(tmp_path, unicodedata.normalize("NFC", "images/größe é.jpg")).parent.name == "north"
    other = tree(tmp_path / "other", unicodedata.normalize("NFC", "é.jpg"))
    assert found(other, unicodedata.normalize("NFD", "é.jpg")).is_file()


@pytest.mark.parametrize("stated", ["images/a", "a.png", "images/0a1b2c3d-a.jpg", "s3://bucket/0a1b2c3d-a.png"])
def test_a_photo_that_was_renamed_by_a_tool_is_found(tmp_path, stated):
    tree(tmp_path, "images/a.jpg", "images/b.jpg")
    assert found(tmp_path, stated) == tmp_path / "images/a.jpg"


def test_a_photo_of_its_own_name_comes_before_one_of_another_ending(tmp_path):
    tree(tmp_path, "a.jpg", "x/a.png", "0a1b2c3d-b.jpg", "b.jpg")
    assert found(tmp_path, "a.png").name == "a.png"
    assert found(tmp_path, "0a1b2c3d-b.png").name == "0a1b2c3d-b.jpg"


def test_of_two_photos_with_another_ending_none_is_meant(tmp_path):
    tree(tmp_path, "a.jpg", "a.bmp")
    with pytest.raises(EntryError, match="may be one of 2 photos"):
        found(tmp_path, "a.png")


def test_only_the_namesake_of_one_photo_and_of_no_other_is_found(tmp_path):
    index = PhotoIndex(
        tree(tmp_path, "x/a.jpg", "y/a.txt", "x/b.jpg", "y/b.jpg", "y/b.txt", "x/c.jpg", "c.txt", "y/c.TXT")
    )
    names = [index.namesake(tmp_path / name, ".txt") for name in ("x/a.jpg", "x/b.jpg", "x/c.jpg")]
    assert names == [tmp_path / "y/a.txt", None, None]
