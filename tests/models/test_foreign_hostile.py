"""Files that are made to run code, to fill memory or to crash: each ends in one sentence, and leaves nothing behind."""

import builtins
import os
import pickle
import struct
import subprocess
import sys
import time
import zipfile

import pytest
import torch

from splitlab.errors import CheckpointError
from splitlab.models.foreign import reader as foreign_reader
from splitlab.models.foreign.child import FORBIDDEN_EXIT
from splitlab.models.foreign.reader import _SOURCE_FOLDER, read_foreign
from splitlab.models.imports import import_checkpoint
from tests.models.foreign_files import write_archive

GETATTR = b"c__builtin__\ngetattr\n"
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"


class Calls:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def data(value):
    return b"B" + struct.pack("<I", len(value)) + value


def storage(kind=b"FloatStorage", key="0", count=1):
    return b"(" + text("storage") + b"ctorch\n" + kind + b"\n" + text(key) + text("cpu") + b"I%d\ntQ" % count


def tensor(shape, strides, **kept_in):
    """Write a pickle of one tensor, whatever its numbers say."""
    numbers = b"".join(b"(" + b"".join(b"I%d\n" % n for n in values) + b"t" for values in (shape, strides))
    return b"\x80\x02" + TENSOR + b"(" + storage(**kept_in) + b"I0\n" + numbers + b"tR."


def legacy(root):
    stream = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    return b"".join([*stream, root, pickle.dumps([], 2)])


def running_code(canary):
    """Pickles that a plain unpickler would obey, by what they do."""
    command = f"touch {canary}"
    inner = pickle.dumps(Calls(os.system, command), 2)
    get_global = (
        b"\x80\x02" + GETATTR + b"(" + GETATTR + b"(cmodels.yolo\nDetect\n" + text("__init__") + b"tR"
        + text("__globals__") + b"tR(" + text(command) + b"tR."
    )  # fmt: skip
    by_getattr = (
        b"\x80\x02" + GETATTR + b"(c__builtin__\n__import__\n(" + text("os") + b"tR" + text("system") + b"tR("
        + text(command) + b"tR."
    )  # fmt: skip
    return {
        "os.system": pickle.dumps({"model": Calls(os.system, command)}, 2),
        "os.system in protocol 4": pickle.dumps(Calls(os.system, command), 4),
        "os.system as an instance": b"(" + text(command) + b"ios\nsystem\n.",
        "subprocess": pickle.dumps(Calls(subprocess.call, ["touch", str(canary)]), 2),
        "eval": pickle.dumps(Calls(builtins.eval, f"open({str(canary)!r}, 'w')"), 2),
        "os.system through getattr": by_getattr,
        "eval through getattr": b"\x80\x02" + GETATTR + b"(c__builtin__\neval\n" + text("__call__") + b"tR.",
        "globals through getattr": get_global,
        "a dotted name": b"\x80\x04" + text("torch.storage") + text("os.system") + b"\x93(" + text(command) + b"tR.",
        "a nested pickle": b"\x80\x02cpickle\nloads\n(" + data(inner) + b"tR.",
        "a nested torch file": b"\x80\x02ctorch.storage\n_load_from_bytes\n(" + data(inner) + b"tR.",
        "our own importer": b"\x80\x02csplitlab.models.foreign.child\nmain\n(tR.",
    }


@pytest.fixture
def canary(tmp_path):
    return tmp_path / "canary"


@pytest.mark.parametrize("kind", running_code(""))
def test_nothing_in_a_file_ever_runs(tmp_path, canary, kind):
    pickled = running_code(canary)[kind]
    refuse(write_archive(tmp_path / "zip.pt", pickled), "which weights do not need|broken")
    assert not canary.exists()


@pytest.mark.parametrize("kind", ["os.system", "eval"])
def test_nothing_in_a_file_of_the_old_format_ever_runs(tmp_path, canary, kind):
    for name, content in {"bare.pt": running_code(canary)[kind], "old.pt": legacy(running_code(canary)[kind])}.items():
        (tmp_path / name).write_bytes(content)
        refuse(tmp_path / name, "'(posix|nt|builtins).(system|eval)'")
    assert not canary.exists()


def test_the_same_pickles_do_run_in_a_plain_unpickler(canary):
    pickle.loads(running_code(canary)["os.system"])  # noqa: S301 (this is what we never do elsewhere)
    assert canary.exists()


def refuse(file, message):
    start = time.monotonic()
    with pytest.raises(CheckpointError, match=message) as refused:
        read_foreign(file)
    assert time.monotonic() - start < 20
    assert str(refused.value).startswith(str(file))
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


def deep_tuple(depth):
    return b"\x80\x02)" + b"\x85" * depth


CRASHES = {
    "a tensor of 2^40 numbers": (tensor([2**40], [1], count=2**40), "over 1 GiB"),
    "a tensor of 2^40 numbers in a small storage": (tensor([2**40], [1]), r"shape \(1099511627776,\), but only 1 num"),
    "one number seen 2^40 times": (tensor([2**20, 2**20], [0, 0]), "over 1 GiB"),
    "a tensor of 2^90 numbers": (tensor([2**30] * 3, [0] * 3), "over 1 GiB"),
    "a stride out of its storage": (tensor([2, 2], [1, 2**70]), "but only 1 numbers"),
    "a negative shape": (tensor([-1], [1]), "shape or strides"),
    "a storage that is not there": (tensor([1], [1], key="../../etc/passwd"), "is missing"),
    "a storage that is too short": (tensor([3], [1], count=3), "has 4 bytes, not 12"),
    "a storage made to hold objects": (
        b"\x80\x02ctorch\nFloatStorage\n}" + text("dtype") + b"X\x01\x00\x00\x00OsbN.",
        "broken",
    ),
    "lists in lists that double forty times": (b"\x80\x02]q\x00" + b"".join(
        b"]q%c(h%ch%ce" % (n + 1, n, n) for n in range(40)) + b".", "larger than"),
    "a list within itself": (b"\x80\x02]q\x00h\x00a.", "deeper than"),
    "tuples a million deep": (deep_tuple(10**6) + b".", "deeper than"),
    "a key a million tuples deep": (b"\x80\x02}" + deep_tuple(10**6)[2:] + b"Ns.", "ended early|broken"),
    "a memo of four billion": (b"\x80\x02Nr\xff\xff\xff\xff.", "memory|broken"),
    "a text of 2^60 letters": (b"\x80\x04\x8d" + struct.pack("<Q", 2**60) + b"a.", "broken|memory"),
    "a number of a million digits": (b"I" + b"9" * 10**6 + b"\n.", "broken"),
    "an extension code": (b"\x80\x02\x82\x01.", "broken"),
    "an end before the end": (b"\x80\x02}", "broken"),
    "nothing": (b"", "broken"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CRASHES)
def test_a_file_made_to_crash_or_to_fill_memory_is_refused_in_a_sentence(tmp_path, kind):
    pickled, message = CRASHES[kind]
    refuse(write_archive(tmp_path / "file.pt", pickled, {"0": b"\0\0\0\0"}), message)


def test_archives_that_unpack_to_more_than_they_are_get_refused(tmp_path):
    bomb = write_archive(tmp_path / "bomb.pt", b"\0" * 2**28, compression=zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 2**20
    refuse(bomb, "is compressed")
    refuse(overlapping(tmp_path / "overlapping.pt"), "overlap")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_with_two_parts_of_one_name_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "twice.pt", "w") as archive:
        for _ in range(2):
            archive.writestr("archive/data.pkl", b"N.")
    refuse(tmp_path / "twice.pt", "duplicate names")


def overlapping(path):
    """Have many names of the archive point to the same bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data/0", b"\0" * 10_000)
        shared = archive.infolist()[0]
        for number in range(50):
            alias = zipfile.ZipInfo(f"archive/data/x{number}")
            alias.CRC, alias.file_size, alias.compress_size = shared.CRC, shared.file_size, shared.compress_size
            alias.header_offset = shared.header_offset
            archive.filelist.append(alias)
            archive.NameToInfo[alias.filename] = alias
        archive.writestr("archive/data.pkl", b"N.")
    return path


@pytest.mark.parametrize("part", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_is_cut_off_is_refused(tmp_path, part, zipped):
    whole = tmp_path / "whole.pt"
    torch.save({"a": torch.rand(1000)}, whole, _use_new_zipfile_serialization=zipped)
    cut = tmp_path / "cut.pt"
    cut.write_bytes(whole.read_bytes()[: int(part * whole.stat().st_size)])
    refuse(cut, "truncated|bytes, not")


@pytest.mark.parametrize("content", [b"", b"P", b"PK", b"\x80", b"<html>Not found</html>", b"\x89PNG\r\n"])
def test_files_of_another_kind_are_refused(tmp_path, content):
    (tmp_path / "file.pt").write_bytes(content)
    refuse(tmp_path / "file.pt", "not a PyTorch file|broken|it is empty|a text, not|a web page")


def test_a_missing_file_and_a_folder_are_refused_and_leave_no_checkpoint(tmp_path):
    for file in (tmp_path, tmp_path / "missing.pt"):
        with pytest.raises(CheckpointError, match="is not a file"):
            import_checkpoint(file, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_reading_that_takes_too_long_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(foreign_reader, "_MAX_SECONDS", 0.01)
    refuse(write_archive(tmp_path / "file.pt", b"N."), "stopped after")


def after_lock_down(code):
    """Run code in a process that has been locked down as the reading process is."""
    lock = "from splitlab.models.foreign.child import _lock_down; "
    setup = (
        f"import sys, os, socket, subprocess, ctypes; sys.path.append({str(_SOURCE_FOLDER)!r}); {lock}_lock_down()\n"
    )
    env = {"OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-I", "-c", setup + code], env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "action",
    [
        "open({path!r}, 'w')",
        "os.open({path!r}, os.O_CREAT)",
        "os.system('touch ' + {path!r})",
        "subprocess.run(['touch', {path!r}])",
        "os.execv('/usr/bin/touch', ['touch', {path!r}])",
        "os.fork()",
        "socket.socket()",
        "socket.getaddrinfo('localhost', 80)",
        "import antigravity",
        "eval('1')",
        "os.listdir('/')",
        "ctypes.CDLL(None)",
    ],
)
def test_the_reading_process_ends_before_it_acts(canary, action):
    ended = after_lock_down(action.format(path=str(canary)) + "\nprint('still here')")
    assert ended.returncode == FORBIDDEN_EXIT
    assert ended.stdout == ""
    assert not canary.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="macOS and Windows limit no address space")
def test_the_reading_process_gets_no_more_memory_than_its_limit():
    ended = after_lock_down("try: bytearray(6 << 30)\nexcept MemoryError: print('refused')")
    assert ended.stdout == "refused\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has network namespaces")
def test_the_reading_process_has_no_network_where_the_system_lets_it_go():
    code = (
        f"import sys; sys.path.append({str(_SOURCE_FOLDER)!r})\n"
        "from splitlab.models.foreign.child import _leave_network\n"
        "print(_leave_network() and [line.split(':')[0].strip() for line in list(open('/proc/net/dev'))[2:]])"
    )
    command, env = [sys.executable, "-I", "-c", code], {"OPENBLAS_NUM_THREADS": "1"}
    seen = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.strip()
    if seen == "False":
        pytest.skip("this system gives no network namespaces to processes")
    assert seen == "['lo']"
