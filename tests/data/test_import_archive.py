import io
import shutil
import zipfile
from pathlib import Path

import pytest

from splitlab.data.incoming.archives import Limits
from splitlab.data.incoming.import_archive import import_archive
from splitlab.data.open_dataset import dataset_names
from splitlab.errors import DataError


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    buffer.seek(0)
    return buffer


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
        ({"readme.txt": "hello"}, "mine", "is no data set that is known"),
        ({"../../evil.txt": "out"}, "mine", "evil"),
        ({"a/instances_train.json": "{", "a/instances_val.json": "{", "a/images/x": ""}, "mine", "no valid JSON"),
        ({"readme.txt": "hello"}, "../up", "is no name"),
        ({"readme.txt": "hello"}, "embedded", "is no name"),
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
