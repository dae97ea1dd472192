import io
import json
import shutil
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from splitlab.checkpoints.checkpoint import read_card
from splitlab.checkpoints.files import facts_of, zipped
from splitlab.errors import CheckpointError, DataError, SplitLabError
from splitlab.models.imports import card_in, import_own
from splitlab.models.registry import load_model
from tests.checkpoints import write_checkpoint


@pytest.fixture
def folder(tmp_path):
    return write_checkpoint(tmp_path / "theirs" / "good")


@pytest.fixture
def into(tmp_path):
    return tmp_path / "workspace" / "checkpoints" / "mine"


def zip_of(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def nothing_is_left(into):
    return not into.parent.exists() or list(into.parent.iterdir()) == []


def test_a_zip_that_was_exported_comes_back_under_its_new_name(folder, into):
    archive = io.BytesIO(zipped(folder))
    assert card_in(archive).name == "good"
    import_own(archive, into)
    _, card = load_model(into)
    assert (card.name, card.class_names) == ("mine", ["cat", "dog"])
    assert facts_of(into)["model.safetensors"] == facts_of(folder)["model.safetensors"]
    assert [path.name for path in into.parent.iterdir()] == ["mine"]


def test_equal_checkpoints_give_equal_zips(folder):
    assert zipped(folder) == zipped(folder)


def test_a_folder_comes_in_and_so_does_a_zip_of_one(folder, tmp_path, into):
    import_own(folder, into)
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", folder.parent, "good")
    with Path(packed).open("rb") as file:
        import_own(file, into.with_name("other"))
    assert read_card(into.with_name("other")).name == "other"


def test_an_existing_checkpoint_is_not_replaced(folder, into):
    import_own(folder, into)
    with pytest.raises(CheckpointError, match="already exists"):
        import_own(folder, into)


@pytest.mark.parametrize(
    "change",
    [{"model": "yolov5s-seg"}, {"class_names": ["one"]}, {"model": "made-up"}, {"image_size": 10**9}, {"full": "x"}],
)
def test_weights_that_the_model_of_the_card_does_not_take_are_not_kept(folder, into, change):
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, **change}))
    with pytest.raises(CheckpointError):
        import_own(folder, into)
    assert nothing_is_left(into)


def test_members_outside_links_and_bombs_are_refused_and_leave_nothing(folder, into, tmp_path):
    good = files_of(folder)
    link = zipfile.ZipInfo("model.safetensors")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("card.json", good["card.json"])
        archive.writestr("model.safetensors", b"\0" * 100_000_000)
    hostile = [
        zip_of({"../../outside/card.json": good["card.json"], **good}),
        zip_of({"/card.json": good["card.json"]}),
        zip_of({"card.json": good["card.json"], link: b"/etc/passwd"}),
        zip_of({f"{number}.txt": b"" for number in range(30)} | good),
        bomb,
        io.BytesIO(b"PK\3\4 and no more"),
    ]
    for archive in hostile:
        with pytest.raises(DataError):
            import_own(archive, into)
        assert nothing_is_left(into)
    assert not (tmp_path / "outside").exists()


def test_a_folder_with_a_link_for_weights_is_refused(folder, into, tmp_path):
    (folder / "model.safetensors").rename(tmp_path / "elsewhere")
    (folder / "model.safetensors").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match=r"model\.safetensors is missing, a link"):
        import_own(folder, into)
    assert nothing_is_left(into)


def test_a_pickle_named_safetensors_runs_nothing(folder, into):
    (folder / "model.safetensors").write_bytes(b"\x80\x04cos\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(SplitLabError):
        import_own(folder, into)
    assert nothing_is_left(into)


@pytest.mark.parametrize("members", [{}, {"card.json": b"{}"}, {"model.safetensors": b"x"}, {"a/b/card.json": b"{}"}])
def test_a_zip_without_the_two_files_is_named(members, into):
    with pytest.raises(CheckpointError, match=r"missing, a link|is broken"):
        import_own(zip_of(members), into)
    assert nothing_is_left(into)


def nan_zip(folder):
    stored = load_file(folder / "model.safetensors")
    stored["model.0.conv.weight"][0] = np.nan
    save_file(stored, folder / "model.safetensors")
    return zipped(folder)


def test_weights_that_are_nan_are_refused_by_every_way_in_and_the_file_is_named_as_its_owner_knows_it(
    folder, into, tmp_path
):
    (tmp_path / "theirs.zip").write_bytes(nan_zip(folder))
    upload = io.BytesIO((tmp_path / "theirs.zip").read_bytes())
    upload.name = "from a friend.zip"
    ways = {tmp_path / "theirs.zip": str(tmp_path / "theirs.zip"), folder: str(folder), upload: "from a friend.zip"}
    for source, name in ways.items():
        with pytest.raises(CheckpointError, match="NaN or infinite") as caught:
            import_own(source, into)
        assert str(caught.value).startswith(f"{name}/model.safetensors: its tensor")
        assert ".new-" not in str(caught.value)
        assert nothing_is_left(into)


def test_a_card_that_is_broken_names_the_upload_and_no_temporary_folder(folder):
    (folder / "card.json").write_text("{")
    upload = zip_of({path.name: path.read_bytes() for path in folder.iterdir()})
    upload.name = "from a friend.zip"
    with pytest.raises(CheckpointError, match=r"^from a friend\.zip/card\.json is broken"):
        card_in(upload)
