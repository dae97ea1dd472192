import contextlib
import hashlib
import io
import tarfile
import threading
from dataclasses import replace

import pytest
from filelock import FileLock
from torchvision.datasets import OxfordIIITPet
from torchvision.datasets.voc import DATASET_YEAR_DICT

from splitlab.data import known_datasets
from splitlab.data.formats.pets import read_pets_folder
from splitlab.data.formats.voc import read_voc_folder
from splitlab.data.known_datasets import _KNOWN, get_dataset
from splitlab.data.open_dataset import dataset_names
from splitlab.errors import DataError, DownloadError, RunError
from tests.data.trees import pets_tree, voc_tree
from tests.file_server import broken_off, serving


def packed(root, *names, mode="w:gz"):
    """An archive of folders below `root`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name in names:
            archive.add(root / name, name)
    return buffer.getvalue()


def packed_member(**attributes):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("member")
        for name, value in attributes.items():
            setattr(info, name, value)
        archive.addfile(info)
    return buffer.getvalue()


@pytest.fixture
def files(tmp_path):
    voc_tree(tmp_path / "made" / "VOCdevkit" / "VOC2012")
    pets_tree(tmp_path / "made" / "pets")
    (tmp_path / "made" / "pets" / "images").mkdir()
    return {
        "/voc.tar": packed(tmp_path / "made", "VOCdevkit", mode="w"),
        "/images.tar.gz": packed(tmp_path / "made" / "pets", "images"),
        "/annotations.tar.gz": packed(tmp_path / "made" / "pets", "annotations"),
    }


@pytest.fixture
def server(files, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving(files) as server:
        point_at(server, monkeypatch)
        yield server


def point_at(server, monkeypatch):
    sums = {path: hashlib.md5(content, usedforsecurity=False).hexdigest() for path, content in server.files.items()}
    for name in _KNOWN:
        archives = {server.address(path): sums[path] for path in sums if (path == "/voc.tar") == (name == "voc2012")}
        monkeypatch.setitem(_KNOWN, name, replace(_KNOWN[name], archives=archives))


def serve_instead(server, content, monkeypatch):
    server.files["/voc.tar"] = content
    point_at(server, monkeypatch)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_voc_comes_as_its_reader_takes_it(server, tmp_path):
    told = []
    folder = get_dataset("voc2012", tmp_path / "data", lambda *step: told.append(step))
    assert folder == tmp_path / "data" / "voc2012"
    assert len(read_voc_folder(folder).train.images) == 4
    size = len(server.files["/voc.tar"])
    assert told[-1] == ("voc.tar", size, size)


def test_the_two_archives_of_pets_come_into_one_folder(server, tmp_path):
    folder = get_dataset("pets", tmp_path / "data")
    assert folder == tmp_path / "data" / "oxford-iiit-pet"
    assert names(folder) == ["annotations", "images"]
    assert len(read_pets_folder(folder, tmp_path).train.images) == 2


def test_the_archives_are_removed_and_a_second_call_does_nothing(server, tmp_path):
    folder = get_dataset("pets", tmp_path / "data")
    assert names(tmp_path / "data") == [".downloads", "oxford-iiit-pet"]
    assert [path for path in (tmp_path / "data" / ".downloads").rglob("*") if path.suffix != ".lock"] == []
    assert get_dataset("pets", tmp_path / "data") == folder
    assert len(server.asked) == 2


def test_downloads_are_no_data_set(server, tmp_path):
    get_dataset("voc2012", tmp_path / "data")
    assert not any(name.startswith(".") for name in dataset_names(tmp_path / "data"))


def test_an_archive_that_was_complete_before_ctrl_c_is_not_downloaded_again(server, tmp_path):
    def ctrl_c(what, _done, _total):
        if what == "annotations.tar.gz":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get_dataset("pets", tmp_path / "data", ctrl_c)
    assert names(tmp_path / "data") == [".downloads"]
    assert names(tmp_path / "data" / ".downloads" / "oxford-iiit-pet") == ["images.tar.gz"]
    assert len(read_pets_folder(get_dataset("pets", tmp_path / "data"), tmp_path).val.images) == 2
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    "member",
    [
        {"name": "../outside"},
        {"name": "/outside"},
        {"name": "link", "type": tarfile.SYMTYPE, "linkname": "/etc"},
        {"name": "link", "type": tarfile.LNKTYPE, "linkname": "../outside"},
        {"name": "device", "type": tarfile.CHRTYPE},
    ],
)
def test_a_hostile_archive_leaves_no_folder_and_nothing_outside(server, tmp_path, monkeypatch, member):
    serve_instead(server, packed_member(**member), monkeypatch)
    with pytest.raises(DataError, match=r"voc\.tar: its member"):
        get_dataset("voc2012", tmp_path / "data")
    assert names(tmp_path / "data") == [".downloads"]
    assert names(tmp_path) == ["data", "made"]


def test_an_archive_of_something_else_leaves_no_folder(server, files, tmp_path, monkeypatch):
    serve_instead(server, files["/images.tar.gz"], monkeypatch)
    with pytest.raises(DataError, match="does not hold VOC2012"):
        get_dataset("voc2012", tmp_path / "data")
    assert names(tmp_path / "data") == [".downloads"]


def test_an_archive_far_larger_than_known_is_refused(server, tmp_path, monkeypatch):
    monkeypatch.setitem(_KNOWN, "voc2012", replace(_KNOWN["voc2012"], size_bytes=1000))
    with pytest.raises(DownloadError, match="over the 2000 bytes expected"):
        get_dataset("voc2012", tmp_path / "data")


def test_a_folder_that_is_something_else_is_left_alone(server, tmp_path):
    mine = tmp_path / "data" / "voc2012" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("kept")
    with pytest.raises(DataError, match="Move it away"):
        get_dataset("voc2012", tmp_path / "data")
    assert mine.read_text() == "kept"
    assert server.asked == []


def test_two_processes_do_not_write_the_same_download(server, tmp_path):
    (tmp_path / "data" / ".downloads").mkdir(parents=True)
    with (
        FileLock(tmp_path / "data" / ".downloads" / "voc2012.lock"),
        pytest.raises(RunError, match="another process"),
    ):
        get_dataset("voc2012", tmp_path / "data")
    assert get_dataset("voc2012", tmp_path / "data").is_dir()


def redirect_to(address):
    def redirect(handler, _content, _start):
        handler.send_response(302)
        handler.send_header("Location", address)
        handler.end_headers()

    return redirect


def says(head):
    return lambda handler, _content, _start: handler.wfile.write(head)


def another_file(handler, content, _start):
    handler.begin(0, len(content))
    handler.send(b"x" * len(content))


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (broken_off, r"voc\.tar cannot be downloaded now \((ChunkedEncoding|Connection)Error\)"),
        (lambda handler, _content, _start: handler.send_error(503), "the server answers 503"),
        (lambda handler, _content, _start: handler.send_error(404), "the server answers 404"),
        (another_file, r"voc\.tar gives another file than the one with the MD5 checksum [0-9a-f]{32}: removed"),
        (redirect_to("file:///etc/passwd"), "InvalidSchema"),
        (redirect_to("ftp://127.0.0.1/file"), "InvalidSchema"),
        (says(b"HTTP/1.1 404 \x1b[2Jgone\x07" + b"x" * 5000 + b"\r\n\r\n"), "the server answers 404"),
        (says(b"\x1b[31mnonsense\r\n\r\n"), "ConnectionError"),
        (says(b"HTTP/1.1 302 Found\r\nLocation: http://[\x1b[2J\r\n\r\n"), "gives another file"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"), "voc.tar"),
    ],
)
def test_a_failed_download_is_a_short_sentence_that_steers_no_terminal_and_a_later_call_works(
    server, tmp_path, fault, why
):
    server.faults = [fault]
    with pytest.raises(DownloadError, match=why) as caught:
        get_dataset("voc2012", tmp_path / "data")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    assert names(tmp_path / "data" / ".downloads" / "voc2012") == []
    assert get_dataset("voc2012", tmp_path / "data").is_dir()


def test_a_server_that_sends_no_length_and_no_end_is_left_at_the_limit(server, tmp_path, monkeypatch):
    def endless(handler, _content, _start):
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(bytes(1 << 16))

    monkeypatch.setitem(_KNOWN, "voc2012", replace(_KNOWN["voc2012"], size_bytes=1_000_000))
    server.faults = [endless]
    with pytest.raises(DownloadError, match="over the 2000000 bytes expected"):
        get_dataset("voc2012", tmp_path / "data")
    assert names(tmp_path / "data" / ".downloads" / "voc2012") == []


def test_a_server_that_falls_silent_is_left(server, tmp_path, monkeypatch):
    gone = threading.Event()

    def silent(handler, content, _start):
        handler.begin(0, len(content))
        handler.send(content[:100])
        gone.wait(5)

    monkeypatch.setattr(known_datasets, "_TIMEOUT_SECONDS", 0.1)
    server.faults = [silent]
    with pytest.raises(DownloadError, match="cannot be downloaded now"):
        get_dataset("voc2012", tmp_path / "data")
    gone.set()


def test_a_full_disk_is_a_sentence(server, tmp_path, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(known_datasets, "_save", full)
    with pytest.raises(DownloadError, match=r"cannot be written \(No space left on device\)\. Free some space"):
        get_dataset("voc2012", tmp_path / "data")


def test_a_machine_without_network_is_answered_in_one_line(server, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(
        DownloadError, match=r"cannot be downloaded now \(ConnectionError\).*Check the network"
    ) as caught:
        get_dataset("voc2012", tmp_path / "data")
    assert "\n" not in str(caught.value)


def test_a_work_space_that_cannot_be_written_is_said(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="cannot be made"):
        get_dataset("voc2012", tmp_path / "file")


def test_cityscapes_is_answered_with_where_to_get_it_and_where_to_put_it(tmp_path):
    with pytest.raises(DataError, match=r"cityscapes-dataset\.com") as caught:
        get_dataset("cityscapes", tmp_path)
    said = str(caught.value)
    for word in ("account", "leftImg8bit_trainvaltest.zip", "gtFine_trainvaltest.zip", str(tmp_path / "cityscapes")):
        assert word in said


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(DataError, match=r"'coco'.*voc2012, pets or cityscapes"):
        get_dataset("coco", tmp_path)


def test_addresses_and_checksums_are_those_of_torchvision():
    year = DATASET_YEAR_DICT["2012"]
    assert _KNOWN["voc2012"].archives == {year["url"]: year["md5"]}
    assert tuple(_KNOWN["pets"].archives.items()) == OxfordIIITPet._RESOURCES
