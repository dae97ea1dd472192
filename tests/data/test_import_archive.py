import io
import random
import resource
import shutil
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitlab.data import import_dataset as module
from splitlab.data.archives import Limits
from splitlab.data.import_dataset import _NAME, keep, proposed_name, refuse_name, stage_archive
from splitlab.data.open_dataset import dataset_names, open_dataset
from splitlab.errors import DataError
from tests.data.trees import cityscapes_tree, pets_tree, write

NO_LIMITS = Limits()


def import_archive(archive, name, data_dir, limits=NO_LIMITS):
    """Do what the command line does with an archive."""
    refuse_name(name, data_dir)
    staged = stage_archive(archive, data_dir, limits)
    try:
        return keep(staged, name, data_dir)
    finally:
        staged.discard()


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    buffer.seek(0)
    return buffer


def zipped_folder(folder):
    return zipped({str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()})


def test_a_zip_of_a_data_set_becomes_one_of_the_work_space(tiny_folder, tmp_path):
    path = Path(shutil.make_archive(str(tmp_path / "tiny"), "zip", tiny_folder.parent, tiny_folder.name))
    with path.open("rb") as archive:
        added = import_archive(archive, "mine", tmp_path / "data")
    assert len(added.train.images) == 12
    assert added.train.images[0].path.is_relative_to(tmp_path / "data" / "mine")
    assert dataset_names(tmp_path / "data") == ["embedded", "mine"]


@pytest.mark.parametrize(
    ("files", "name", "message"),
    [
        ({"readme.txt": "hello"}, "mine", "is not a dataset of a known format"),
        ({"../../evil.txt": "out"}, "mine", "evil"),
        ({"a/instances_train.json": "{", "a/instances_val.json": "{", "a/images/x": ""}, "mine", "not valid JSON"),
        ({"readme.txt": "hello"}, "../up", "is not a valid dataset name"),
        ({"readme.txt": "hello"}, "embedded", "is not a valid dataset name"),
    ],
)
def test_what_is_no_data_set_leaves_nothing_behind(files, name, message, tmp_path):
    with pytest.raises(DataError, match=message):
        import_archive(zipped(files), name, tmp_path / "data")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_name_that_is_taken_stays_what_it_is(tmp_path):
    (tmp_path / "data" / "mine").mkdir(parents=True)
    with pytest.raises(DataError, match="already"):
        import_archive(zipped({"a": "b"}), "mine", tmp_path / "data")


def test_limits_hold(tmp_path):
    with pytest.raises(DataError):
        import_archive(zipped({str(i): "x" for i in range(9)}), "mine", tmp_path / "data", Limits(members=5))


def test_a_name_that_is_taken_while_the_archive_is_read_stays_what_it_is(tiny_folder, tmp_path, monkeypatch):
    original = module.unpack

    def meanwhile(*settings):
        write(tmp_path / "data" / "mine" / "of-another", "mine")
        return original(*settings)

    monkeypatch.setattr(module, "unpack", meanwhile)
    with pytest.raises(DataError, match="A dataset named 'mine' already exists"):
        import_archive(zipped_folder(tiny_folder), "mine", tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["mine"]
    assert [path.name for path in (tmp_path / "data" / "mine").iterdir()] == ["of-another"]


def test_a_work_space_that_cannot_be_written_is_named(tiny_folder, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file/data: cannot be written .* Free some space"):
        import_archive(zipped_folder(tiny_folder), "mine", tmp_path / "file" / "data")


def test_a_disk_that_refuses_the_last_step_is_named_and_nothing_is_left(tiny_folder, tmp_path, monkeypatch):
    archive, rename = zipped_folder(tiny_folder), Path.rename

    def full_disk(path, target):
        if target == tmp_path / "data" / "mine":
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", full_disk)
    with pytest.raises(DataError, match=r"data: cannot be written .*No space left"):
        import_archive(archive, "mine", tmp_path / "data")
    assert not list((tmp_path / "data").iterdir())


@pytest.mark.parametrize("tree", [pets_tree, cityscapes_tree, lambda root: pets_tree(root / "oxford-iiit-pet").parent])
def test_masks_are_opened_once_and_their_index_is_kept_under_the_new_name_alone(tree, tmp_path, opened):
    # Something beside the one folder of a tree, so that this is not taken for the dataset itself.
    write(tree(tmp_path / "set") / "readme.txt", "where it is from")
    for place in ("images", "oxford-iiit-pet/images"):
        write(tmp_path / "set" / place / "Bengal_7.jpg", "a photo")
    added = import_archive(zipped_folder(tmp_path / "set"), "mine", tmp_path / "data")
    open_dataset("mine", tmp_path / "data")
    assert len(opened) == len(added.train.images) + len(added.val.images)
    assert len(list((tmp_path / "data" / ".index").iterdir())) == 1


def test_a_broken_mask_leaves_no_index_behind(tmp_path, opened):
    tree = pets_tree(tmp_path / "set")
    write(tree / "readme.txt", "where it is from")
    for name in ("american_bulldog_10", "Abyssinian_12"):
        write(tree / "annotations" / "trimaps" / f"{name}.png", "no image")
    with pytest.raises(DataError, match="is not a readable indexed PNG"):
        import_archive(zipped_folder(tree), "mine", tmp_path / "data")
    assert len(opened) > 1
    assert not list((tmp_path / "data").iterdir())


@pytest.mark.parametrize(
    ("file_name", "name"),
    [
        ("my-photos.tar.gz", "my-photos"),
        ("photos-v1.2.zip", "photos-v1.2"),
        ("my photos.zip", "my-photos"),
        ("Fish & Chips (2).TGZ", "Fish-Chips-2"),
        ("pond.tar", "pond"),
        ("pond.zip.tar", "pond.zip"),
        (".hidden.zip", "hidden"),
        ("Quallen-Förde.zip", "Quallen-Förde"),
        ("no-ending", "no-ending"),
        ("???.zip", "data"),
        (f"{'long' * 20}.zip", "long" * 15),
    ],
)
def test_a_name_is_proposed_from_the_name_of_the_archive(file_name, name):
    assert proposed_name(file_name) == name


@given(st.text())
def test_every_name_that_is_proposed_may_be_taken(file_name):
    assert _NAME.fullmatch(proposed_name(file_name))


def test_where_there_is_no_room_to_unpack_the_archive_is_not_blamed(tmp_path):
    archive = zipped({"data/large.bin": random.Random(0).randbytes(200_000)})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(DataError, match=r"has no space for .*File too large.*Free some space"):
            import_archive(archive, "large", tmp_path / "data")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list((tmp_path / "data").iterdir())
