import gzip
import io
import re
import stat
import struct
import tarfile
import zipfile

import numpy as np
import pytest

from splitlab.data import archives
from splitlab.data.archives import Limits, _BoundedReader, find_dataset_root, gather, unpack
from splitlab.errors import DataError

FILES = {"pets/data.yaml": b"names: [cat]\n", "pets/images/a b.png": b"\x00\x01" * 500, "pets/labels/ü.txt": b""}
DEFAULTS = Limits()
# Compresses to a thousandth.
BOMB = bytes(10_000_000)


def zip_of(members, method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def tar_of(members, mode="w", kind=tarfile.REGTYPE, **fields):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            info.size = len(content)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def tar_gz_of(members, **fields):
    return tar_of(members, mode="w:gz", **fields)


def zip_with_mode(name, mode, content=b"/etc/passwd"):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return zip_of([(info, content)])


@pytest.fixture
def refused(tmp_path):
    """Unpack hostile bytes: they must be refused with these words, and leave nothing behind."""

    def refuse(content, says, limits=DEFAULTS):
        path = tmp_path / "given.zip"
        path.write_bytes(content)
        for archive in (path, io.BytesIO(content)):
            with pytest.raises(DataError, match=says):
                unpack(archive, tmp_path / "place" / "target", limits)
            assert list((tmp_path / "place").iterdir()) == []
        assert sorted(tmp_path.iterdir()) == [path, tmp_path / "place"]

    return refuse


@pytest.mark.parametrize("pack", [zip_of, tar_of, tar_gz_of])
def test_files_come_out_as_they_went_in(tmp_path, pack):
    content = pack(FILES.items())
    target = unpack(io.BytesIO(content), tmp_path / "target")
    found = {path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert found == FILES
    assert list(tmp_path.iterdir()) == [target]
    path = tmp_path / "pets.archive"
    path.write_bytes(content)
    assert (unpack(path, tmp_path / "second") / "pets" / "data.yaml").is_file()


def test_folders_are_made_even_if_empty_and_named_before_or_after_their_files(tmp_path):
    members = [("a/b.txt", b"x"), ("a/", b""), ("empty/", b""), ("c\\", b""), ("c\\d.txt", b"x")]
    target = unpack(io.BytesIO(zip_of(members)), tmp_path / "zip")
    assert (target / "empty").is_dir()
    assert (target / "c" / "d.txt").is_file()
    folder = tarfile.TarInfo("a")
    folder.type = tarfile.DIRTYPE
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(folder)
        archive.addfile(tarfile.TarInfo("a/b.txt"))
        archive.addfile(folder)
    assert (unpack(buffer, tmp_path / "tar") / "a" / "b.txt").is_file()


def test_a_target_that_has_something_is_refused_and_left_alone(tmp_path):
    (tmp_path / "kept.txt").write_text("kept")
    with pytest.raises(DataError, match="is there already"):
        unpack(io.BytesIO(zip_of(FILES.items())), tmp_path)
    assert (tmp_path / "kept.txt").read_text() == "kept"


OUTSIDE = [
    "../out.txt",
    "a/../../out.txt",
    "/etc/out.txt",
    "C:/out.txt",
    "c:out.txt",
    "..\\out.txt",
    "\\\\host\\out",
    "..",
]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("pack", [zip_of, tar_of, tar_gz_of])
def test_a_name_that_leads_out_is_refused(refused, pack, name):
    refused(pack([("fine.txt", b"x"), (name, b"x")]), "would lie outside")


def test_a_name_with_a_nul_is_refused(refused):
    refused(zip_of([("a_b.txt", b"x")]).replace(b"a_b.txt", b"a\0b.txt"), "would lie outside|cannot be unpacked")


@pytest.mark.parametrize("pack", [zip_of, tar_of])
@pytest.mark.parametrize(
    "names",
    [
        ("a.txt", "a.txt"),
        ("a/b.txt", "a//b.txt"),
        ("a/b.txt", "./a/./b.txt"),
        ("a/b.txt", "a\\b.txt"),
        ("a", "a/b.txt"),
        ("a/b.txt", "a"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_fall_together_are_refused(refused, pack, names):
    refused(pack([(name, b"x") for name in names]), "is in it twice")


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_a_zip_member_that_is_no_file_is_refused(refused, kind):
    refused(zip_with_mode("link", kind | 0o777), "is a device")


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"Z"])
def test_a_tar_member_that_is_no_file_is_refused(refused, kind):
    refused(
        tar_of([("link", b"")], kind=kind, linkname="../../etc"), "is a hard link, a device or another special file"
    )


def with_links(pack, files, links):
    """Pack files, and links by the path that each leads to, in this order."""
    buffer = io.BytesIO()
    if pack == "zip":
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, target in links.items():
                info = zipfile.ZipInfo(name)
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
                archive.writestr(info, target)
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name, target in links.items():
                info = tarfile.TarInfo(name)
                info.type, info.linkname = tarfile.SYMTYPE, target
                archive.addfile(info)
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("pack", ["zip", "tar"])
def test_links_between_members_are_kept(tmp_path, pack):
    links = {"set/images": "photos", "set/again/first.txt": "../photos/a.txt"}
    target = unpack(io.BytesIO(with_links(pack, {"set/photos/a.txt": b"a"}, links)), tmp_path / "target")
    assert (target / "set/images/a.txt").read_bytes() == b"a"
    assert (target / "set/again/first.txt").read_bytes() == b"a"


@pytest.mark.parametrize("pack", ["zip", "tar"])
@pytest.mark.parametrize(
    "links",
    [
        {"a": "/etc"},
        {"a": ".."},
        {"b/a": "../../x"},
        {"a": "nowhere"},
        {"a": "a"},
        {"a": "b", "b": "a"},
        {"up": "deep/down", "deep/down/out": "../../.."},
        {"a": "deep", "a/b": "x.txt"},
        {"door": "deep/in/..", "out": "door/../.."},
    ],
)
def test_a_link_that_leads_out_or_nowhere_is_refused(refused, pack, links):
    refused(with_links(pack, {"deep/in/x.txt": b"x"}, links), "is a link that leads out of it")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("pack", ["zip", "tar"])
def test_a_link_in_place_of_a_file_is_refused(refused, pack):
    refused(with_links(pack, {"a/x.txt": b"x", "b.txt": b"b"}, {"b.txt": "a/x.txt"}), "is in it twice")


def test_nothing_is_written_through_a_link(refused, tmp_path):
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("door")
        link.type, link.linkname = tarfile.SYMTYPE, str(outside)
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("door/written.txt"), io.BytesIO())
    refused(buffer.getvalue(), "'door' is a link")
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("pack", [zip_of, tar_gz_of])
def test_a_bomb_is_refused_while_it_is_unpacked(refused, pack):
    content = pack([("bomb", BOMB)])
    assert len(content) < 20_000
    refused(content, "too much for its size")


def test_a_zip_that_understates_its_sizes_is_refused(refused):
    content = zip_of([("bomb", BOMB)])
    size = struct.pack("<L", len(BOMB))
    assert content.count(size) == 2
    refused(content.replace(size, struct.pack("<L", 100)), "cannot be unpacked|instead of")


def test_a_zip_that_overstates_its_sizes_is_refused(refused):
    content = zip_of([("file", b"short")], zipfile.ZIP_DEFLATED)
    refused(content.replace(struct.pack("<L", 5), struct.pack("<L", 5_000)), "instead of|cannot be unpacked")


@pytest.mark.parametrize("size", [10**6, 10**15, -512])
def test_a_tar_with_a_lying_size_is_refused(refused, size):
    header = tarfile.TarInfo("file")
    header.size = size
    refused(header.tobuf(tarfile.GNU_FORMAT) + bytes(2048), "cannot be unpacked|another special file|would")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
@pytest.mark.parametrize("size", [2**60, 10**9, 40_000, -1024])
def test_a_long_name_cannot_take_the_memory(refused, kind, size):
    header = tarfile.TarInfo("name")
    header.type, header.size = kind, size
    refused(header.tobuf(tarfile.GNU_FORMAT) + bytes(4096), "list of files is too large|cannot be unpacked")


def test_headers_upon_headers_are_refused(refused):
    header = tarfile.TarInfo("name")
    header.type, header.size = tarfile.XHDTYPE, 512
    refused(gzip.compress((header.tobuf(tarfile.GNU_FORMAT) + bytes(512)) * 5_000), "cannot be unpacked")


def test_a_sparse_file_is_refused(refused):
    info = tarfile.TarInfo("sparse")
    info.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(10**12), "GNU.sparse.major": "0"}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info)
    refused(buffer.getvalue(), "another special file|cannot be unpacked")


@pytest.mark.parametrize("pack", [zip_of, tar_of, tar_gz_of])
@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (Limits(members=19), "over 19 files and folders"),
        (Limits(total_bytes=199), "takes it over 199 bytes"),
        (Limits(file_bytes=9), "is over 9 bytes"),
    ],
)
def test_what_is_over_a_limit_is_refused_and_what_just_fits_is_unpacked(refused, tmp_path, pack, limits, says):
    content = pack([(f"{number}.txt", b"0123456789") for number in range(20)])
    unpack(io.BytesIO(content), tmp_path / "fits", Limits(members=20, total_bytes=200, file_bytes=10))
    for path in (tmp_path / "fits").iterdir():
        path.unlink()
    (tmp_path / "fits").rmdir()
    refused(content, says, limits)


def test_many_empty_files_and_folders_that_no_entry_names_count(refused):
    refused(zip_of([(f"{number}", b"") for number in range(2_000)]), "over 1,000", Limits(members=1_000))
    refused(tar_of([("/".join("abcdefghijkl"), b"x")]), "over 10 ", Limits(members=10))


@pytest.mark.parametrize("pack", [zip_of, tar_of, tar_gz_of])
def test_a_cut_archive_is_refused_wherever_it_is_cut(refused, pack):
    content = pack([(name, data * 3) for name, data in FILES.items()])
    end = len(content) if pack is not tar_of else content.rstrip(b"\0").__len__() // 512 * 512 + 512
    for cut in {1, 5, end // 4, end // 2, end - 30, 512, 1024, end - 512} - {len(content)}:
        if 0 < cut < end:
            refused(content[:cut], "cannot be unpacked|is broken or cut short")


def test_a_tar_broken_in_its_middle_is_not_taken_for_a_short_one(refused):
    content = bytearray(tar_of([("a", b"x" * 512), ("b", b"x" * 512)]))
    content[1024:1100] = b"#" * 76
    refused(bytes(content), "broken or cut short")


def test_an_encrypted_or_oddly_compressed_zip_is_refused(refused):
    content = bytearray(zip_of([("a.txt", b"x")]))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    refused(bytes(content), "is encrypted")
    refused(zip_of([("a.txt", b"x" * 99)], zipfile.ZIP_LZMA), "uses an unsupported compression")


@pytest.mark.parametrize(
    "content", [b"", b"x", b"not an archive" * 100, b"PK\x03\x04" + b"x" * 100, b"\x1f\x8b" + b"x" * 50]
)
def test_what_is_no_archive_is_answered_in_a_sentence(refused, content):
    refused(content, "cannot be unpacked")


def test_an_archive_that_is_not_there_is_answered_in_a_sentence(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.zip cannot be unpacked"):
        unpack(tmp_path / "nowhere.zip", tmp_path / "target")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing(refused, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives._Unpacking, "_copy", fail)
    refused(zip_of(FILES.items()), "No space left")


def test_no_random_damage_ends_in_anything_but_a_sentence(tmp_path):
    rng = np.random.default_rng(2)
    for round_ in range(120):
        content = bytearray((zip_of, tar_of, tar_gz_of)[round_ % 3](FILES.items()))
        for place in rng.integers(0, len(content), 6):
            content[place] = rng.integers(256)
        try:
            unpack(io.BytesIO(content), tmp_path / "place" / str(round_))
        except DataError:
            assert not (tmp_path / "place" / str(round_)).exists()
    assert all(path.name.isdigit() for path in (tmp_path / "place").iterdir())


def test_reads_are_bounded():
    reader = _BoundedReader(io.BytesIO(b"abcdef"), "x.zip", 4)
    assert reader.read(2) == b"ab"
    assert reader.read() == b"cdef"
    with pytest.raises(DataError, match=r"x\.zip"):
        reader.read(5)
    reader.seek(0)
    with pytest.raises(DataError, match=r"x\.zip"):
        reader.read()


def test_the_root_is_the_single_top_folder_whatever_macos_adds(tmp_path):
    for name in ("__MACOSX", "pets/images", "pets/labels"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / ".DS_Store").write_bytes(b"")
    assert find_dataset_root(tmp_path) == tmp_path / "pets"
    assert find_dataset_root(tmp_path / "pets") == tmp_path / "pets"
    (tmp_path / "data.yaml").write_text("")
    assert find_dataset_root(tmp_path) == tmp_path


def gathered(tmp_path, *files, **limits):
    return gather([(name, io.BytesIO(content)) for name, content in files], tmp_path / "out", "mine", Limits(**limits))


def test_files_are_gathered_at_their_paths(tmp_path):
    folder = gathered(tmp_path, ("images/a.jpg", b"a"), ("labels\\a.txt", b"b"))
    assert (folder / "images" / "a.jpg").read_bytes() == b"a"
    assert (folder / "labels" / "a.txt").read_bytes() == b"b"


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["a.jpg", "../b.jpg"], "'../b.jpg' would lie outside the folder"),
        (["a.jpg", "/b.jpg"], "'/b.jpg' would lie outside the folder"),
        (["a.jpg", "C:\\b.jpg"], "would lie outside the folder"),
        (["a.jpg", "a\0.jpg"], "would lie outside the folder"),
        (["a.jpg", "a.jpg"], "'a.jpg' is in it twice"),
        (["a", "a/b.jpg"], "'a/b.jpg' is in it twice"),
        (["a.jpg", ""], "'' is in it twice"),
        (["a.jpg", "b" * 300], "mine cannot be unpacked"),
    ],
)
def test_gathered_files_are_refused_as_members_of_an_archive_are(names, why, tmp_path):
    with pytest.raises(DataError, match=re.escape(why)):
        gathered(tmp_path, *((name, b"x") for name in names))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("limit", [{"members": 1}, {"total_bytes": 3}, {"file_bytes": 1}])
def test_gathered_files_keep_the_limits(limit, tmp_path):
    with pytest.raises(DataError, match="mine"):
        gathered(tmp_path, ("a.jpg", b"xx"), ("b.jpg", b"xx"), **limit)
    assert not list(tmp_path.iterdir())
