import contextlib
import hashlib
import shutil
import socket
import struct
import threading
import time
from collections import namedtuple

import pytest

from splitlab import download as module
from splitlab.download import Checksum, download, read_small
from splitlab.errors import DownloadError
from tests.file_server import broken_off, serving

PATH = "/file.tar"
CONTENT = bytes(range(256)) * 4096  # 1 MiB
SIZE = len(CONTENT)
HALF = SIZE // 2
MD5 = Checksum("md5", hashlib.md5(CONTENT, usedforsecurity=False).hexdigest())


def busy(handler, _content, _start):
    handler.send_error(503)


def missing(handler, _content, _start):
    handler.send_error(404)


def another_file(handler, content, start):
    handler.begin(start, SIZE)
    handler.send(b"x" * (SIZE - start))


def another_piece(handler, content, start):
    handler.send_response(206)
    handler.send_header("Content-Length", str(SIZE))
    handler.send_header("Content-Range", f"bytes 0-{SIZE - 1}/{SIZE}")
    handler.end_headers()
    handler.send(CONTENT)


def of_unknown_length(handler, _content, _start):
    handler.send_response(200)
    handler.end_headers()
    handler.send(CONTENT)


def huge(handler, _content, _start):
    handler.begin(0, 10**15)


def reset(handler, content, start):
    """Break the connection itself: the other side reads an error, not an end."""
    handler.begin(start, SIZE)
    handler.send(content[start:HALF])
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def redirect_to(address):
    def redirect(handler, _content, _start):
        handler.send_response(302)
        handler.send_header("Location", address)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return redirect


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(module, "WAIT_SECONDS", (0.0, 0.0, 0.0))
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 5.0)
    with serving({PATH: CONTENT, "/elsewhere.tar": CONTENT}) as server:
        yield server


@pytest.fixture
def target(tmp_path):
    return tmp_path / "new" / "file.tar"


def quiet(_done, _total):
    pass


def part_of(target):
    return target.with_name("file.tar.part")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_whole_and_its_progress_is_told(server, target):
    told = []
    assert download(server.address(PATH), target, MD5, lambda *step: told.append(step)) == target
    assert target.read_bytes() == CONTENT
    assert told[-1] == (SIZE, SIZE)
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert names(target.parent) == ["file.tar"]


def test_after_a_break_only_the_rest_is_asked_for_and_sent(server, target):
    server.faults = [broken_off]
    download(server.address(PATH), target, MD5, quiet)
    assert target.read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={HALF}-"]
    assert server.sent == [HALF, SIZE - HALF]


def test_a_connection_that_is_reset_is_taken_up_again(server, target):
    server.faults = [reset]
    download(server.address(PATH), target, MD5, quiet)
    assert target.read_bytes() == CONTENT
    assert len(server.asked) == 2


def test_a_server_that_knows_no_range_starts_again(server, target):
    server.knows_range = False
    server.faults = [broken_off]
    download(server.address(PATH), target, MD5, quiet)
    assert target.read_bytes() == CONTENT
    assert server.sent == [HALF, SIZE]


def test_a_server_that_breaks_at_the_same_place_each_time_is_given_up_and_the_part_kept(server, target):
    server.knows_range = False
    server.faults = [broken_off] * 50
    with pytest.raises(DownloadError, match=f"ended after {HALF} of {SIZE} bytes.*kept"):
        download(server.address(PATH), target, MD5, quiet)
    assert len(server.asked) == 1 + len(module.WAIT_SECONDS)
    assert part_of(target).stat().st_size == HALF
    assert not target.exists()


def test_progress_gives_new_tries(server, target):
    def a_little(handler, content, start):
        handler.begin(start, SIZE)
        handler.send(CONTENT[start : start + SIZE // 10])

    server.faults = [a_little] * 9
    download(server.address(PATH), target, MD5, quiet)
    assert target.read_bytes() == CONTENT
    assert len(server.asked) > 1 + len(module.WAIT_SECONDS)


def test_ctrl_c_leaves_the_part_and_the_next_call_goes_on(server, target):
    def ctrl_c(done, _total):
        if done >= HALF:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(server.address(PATH), target, MD5, ctrl_c)
    there = part_of(target).stat().st_size
    assert there >= HALF
    download(server.address(PATH), target, MD5, quiet)
    assert target.read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={there}-"]


def test_a_part_that_is_all_there_is_taken_as_it_is(server, target):
    target.parent.mkdir()
    part_of(target).write_bytes(CONTENT)
    download(server.address(PATH), target, MD5, quiet)
    assert target.read_bytes() == CONTENT
    assert server.sent == []


def test_an_intact_file_is_not_fetched_again_and_a_spoilt_one_is(server, target):
    download(server.address(PATH), target, Checksum("md5", MD5.value.upper()), quiet)
    download(server.address(PATH), target, MD5, quiet)
    assert len(server.asked) == 1
    target.write_bytes(CONTENT[:-1])
    download(server.address(PATH), target, MD5, quiet)
    assert target.read_bytes() == CONTENT


def test_a_server_that_is_busy_is_asked_again(server, target):
    server.faults = [busy, busy]
    download(server.address(PATH), target, MD5, quiet)
    assert target.read_bytes() == CONTENT


def test_a_file_that_is_gone_is_asked_for_once(server, target):
    server.faults = [missing]
    with pytest.raises(DownloadError, match="404"):
        download(server.address(PATH), target, MD5, quiet)
    assert len(server.asked) == 1


def test_another_file_is_removed(server, target):
    server.faults = [another_file]
    with pytest.raises(DownloadError, match=MD5.value):
        download(server.address(PATH), target, MD5, quiet)
    assert names(target.parent) == []


def test_a_file_that_changed_between_two_pieces_is_removed(server, target):
    server.faults = [broken_off, another_file]
    with pytest.raises(DownloadError, match="Try again"):
        download(server.address(PATH), target, MD5, quiet)
    assert names(target.parent) == []


def test_another_piece_than_asked_for_is_not_taken_for_the_rest(server, target):
    server.faults = [broken_off, another_piece]
    download(server.address(PATH), target, MD5, quiet)
    assert target.read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={HALF}-", None]


def test_a_length_over_the_limit_is_refused_before_a_byte_is_written(server, target):
    server.faults = [huge]
    with pytest.raises(DownloadError, match="over the 2000000 expected"):
        download(server.address(PATH), target, MD5, quiet, max_bytes=2_000_000)
    assert names(target.parent) == []


def test_a_file_of_unknown_length_comes_whole_and_ends_at_the_limit(server, target):
    server.faults = [of_unknown_length, of_unknown_length]
    with pytest.raises(DownloadError, match="expected"):
        download(server.address(PATH), target, MD5, quiet, max_bytes=HALF)
    assert part_of(target).stat().st_size <= HALF
    part_of(target).unlink()
    told = []
    download(server.address(PATH), target, MD5, lambda *step: told.append(step))
    assert target.read_bytes() == CONTENT
    assert told[-1] == (SIZE, 0)


def test_a_disk_too_small_is_said_before_a_byte_is_written(server, target, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10, 9, SIZE - 1))
    with pytest.raises(DownloadError, match="Free some space"):
        download(server.address(PATH), target, MD5, quiet)
    assert names(target.parent) == []


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://127.0.0.1/file", "data:,x", f"http://{'a' * 64}/"])
def test_a_redirect_away_from_http_or_to_nowhere_is_refused(server, target, address):
    server.faults = [redirect_to(address)] * 9
    with pytest.raises(DownloadError):
        download(server.address(PATH), target, MD5, quiet)
    assert names(target.parent) == []


def test_a_redirect_within_http_is_followed_and_still_asks_for_the_rest_only(server, target):
    server.faults = [broken_off, redirect_to("/elsewhere.tar")]
    download(server.address(PATH), target, MD5, quiet)
    assert target.read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={HALF}-", f"bytes={HALF}-"]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/file", "host/file", "http://[::1"])
def test_only_http_is_fetched(target, url):
    with pytest.raises(DownloadError, match="no address to download from"):
        download(url, target, MD5, quiet)
    assert not target.exists()


def test_a_machine_without_network_answers_in_one_sentence(server, target):
    server.shutdown()
    server.server_close()
    with pytest.raises(DownloadError, match=r"127.0.0.1 cannot be reached.*Check the network connection"):
        download(server.address(PATH), target, MD5, quiet)


def test_a_server_that_falls_silent_is_left(server, target, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.1)
    gone = threading.Event()

    def silent(handler, content, start):
        handler.begin(start, SIZE)
        handler.send(CONTENT[start:HALF])
        gone.wait(5)

    server.faults = [silent]
    download(server.address(PATH), target, MD5, quiet)
    gone.set()
    assert target.read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={HALF}-"]


def test_a_folder_that_cannot_be_made_is_said(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError, match="cannot be written"):
        download(server.address(PATH), tmp_path / "file" / "file.tar", MD5, quiet)


def test_a_sha256_is_checked_as_an_md5_is(server, target):
    download(server.address(PATH), target, Checksum("sha256", hashlib.sha256(CONTENT).hexdigest()), quiet)
    assert target.read_bytes() == CONTENT
    with pytest.raises(DownloadError, match=f"SHA256 .* not {'0' * 64}"):
        download(server.address(PATH), target, Checksum("sha256", "0" * 64), quiet)


def test_a_small_file_comes_into_memory_and_a_large_one_does_not(server):
    assert read_small(server.address(PATH), SIZE) == CONTENT
    for fault in (huge, of_unknown_length):
        server.faults = [fault]
        with pytest.raises(DownloadError, match="over the 1000 expected"):
            read_small(server.address(PATH), 1000)


def test_a_small_file_that_breaks_off_is_refused(server):
    server.faults = [broken_off]
    with pytest.raises(DownloadError, match=f"the connection ended after {HALF} of {SIZE} bytes"):
        read_small(server.address(PATH), SIZE)


def dripping(before):
    """Send one byte at a time for ever, after `before`."""

    def drip(handler, _content, _start):
        handler.wfile.write(before)
        while True:
            handler.wfile.write(b"x")
            time.sleep(0.02)

    return drip


@pytest.mark.parametrize(
    "before",
    [b"", b"HTTP/1.1 200 OK\r\nServer: ", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n",
     b"HTTP/1.1 302 Found\r\nLocation: /elsewhere.tar\r\nA: "],
    ids=["status line", "headers", "body", "body of a known length", "headers of a redirect"],
)  # fmt: skip
def test_a_server_that_sends_a_byte_now_and_then_is_left_in_the_end(server, target, monkeypatch, before):
    monkeypatch.setattr(module, "SMALL_SECONDS", 0.2)
    monkeypatch.setattr(module, "PACE_SECONDS", 0.2)
    server.faults = [dripping(before)]
    with pytest.raises(DownloadError, match="its server takes over 0 seconds"):
        read_small(server.address(PATH), 100_000)
    server.faults = [dripping(before)]
    with pytest.raises(DownloadError, match=r"sends under 60,000 bytes in 0 seconds. Try again later; what has come"):
        download(server.address(PATH), target, MD5, quiet)


def test_a_large_file_may_take_longer_than_the_time_of_its_pace(server, target, monkeypatch):
    monkeypatch.setattr(module, "PACE_SECONDS", 0.5)
    monkeypatch.setattr(module, "PACE_BYTES", 10_000)

    def steadily(handler, _content, _start):
        handler.begin(0, SIZE)
        for piece in range(16):
            handler.send(CONTENT[piece * SIZE // 16 : (piece + 1) * SIZE // 16])
            time.sleep(0.05)

    server.faults = [steadily]
    download(server.address(PATH), target, MD5, quiet)
    assert target.read_bytes() == CONTENT
    assert server.asked == [None]


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 404 \x1b[2Jgone\x07" + b"x" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 503 \x1b]0;title\x07\r\nContent-Length: 0\r\n\r\n",
        b"\x1b[31mnonsense\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: file:///\x1b[2J\xc2\x9b\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[\x1b[2J\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: ftp://" + b"x" * 50_000 + b"\r\n\r\n",
    ],
)
def test_what_a_server_says_of_itself_cannot_steer_the_terminal_nor_fill_it(server, target, head):
    def say(handler, _content, _start):
        handler.wfile.write(head)

    for fetch in (
        lambda: read_small(server.address(PATH), 1000),
        lambda: download(server.address(PATH), target, MD5, quiet),
    ):
        server.faults = [say] * 9
        with pytest.raises(DownloadError) as caught:
            fetch()
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 1000


def test_the_text_of_a_redirect_is_not_read(server, target):
    def redirect(handler, _content, _start):
        handler.wfile.write(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere.tar\r\n\r\n")
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(bytes(1 << 16))

    server.faults = [redirect]
    download(server.address(PATH), target, MD5, quiet)
    assert target.read_bytes() == CONTENT
