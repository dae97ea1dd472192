"""Write files from outside safely: nothing lies outside the folder, and sizes and numbers of files are limited."""

from __future__ import annotations

import errno
import gzip
import io
import os
import posixpath
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from splitlab.errors import DataError
from splitlab.io import Progress, no_progress, written_whole

_ZIP_STARTS, _GZIP_START = (b"PK\x03\x04", b"PK\x05\x06"), b"\x1f\x8b"
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ZIP_ENCRYPTED = 0x1
_DRIVE = re.compile(r"[A-Za-z]:")
_IGNORED = re.compile(r"\.|__MACOSX\Z|splitlab[\w-]*\.json\Z")
# A zip's file list is read at once: 200,000 names of 100 letters fit. A tar has one name at a time.
_MAX_ZIP_READ_BYTES, _CHUNK_BYTES, _MAX_LINK_BYTES = 32_000_000, 1 << 14, 4096
# Allowed whatever the compression ratio.
_FREE_BYTES = 1_000_000
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_BROKEN = (
    OSError,
    EOFError,
    ValueError,
    IndexError,
    RuntimeError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    tarfile.TarError,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on the unpacked content, checked while unpacking.

    Attributes:
        members: number of files and folders.
        total_bytes: of all files together.
        file_bytes: of any one file.
        ratio: unpacked bytes per byte of the archive.
    """

    members: int = 200_000
    total_bytes: int = 20_000_000_000
    file_bytes: int = 4_000_000_000
    ratio: float = 100.0


def unpack(archive: Path | BinaryIO, target: Path, limits: Limits = Limits(), progress: Progress = no_progress) -> Path:
    """Unpack a zip, tar or tar.gz into `target`; return it.

    Only files, folders and links between them are created, below `target`. They are written to a draft that is renamed,
    so a refused archive leaves nothing behind.

    `archive` is a path or an open seekable file; `target` must not exist, or be empty. Progress is in bytes of it.

    Raises:
        DataError: the disk is full, or the archive is of another kind, broken, encrypted or over a limit, or a member
            is a link that leads out, a device, outside the folder or listed twice. The message names the archive and
            the member.
    """
    name = str(archive) if isinstance(archive, Path) else str(getattr(archive, "name", "the archive"))
    with _draft_of(target, name, "Download or pack it again") as draft, _opened(archive) as file:
        size = file.seek(0, 2)
        unpacking = _Unpacking(draft, limits, size, name)
        for member in _members(file, name, limits):
            unpacking.write(member)
            progress("unpack", min(file.tell(), size), size)
        unpacking.write_links()
    return target


def gather(
    files: Sequence[tuple[str, BinaryIO]],
    target: Path,
    name: str = "the files",
    limits: Limits = Limits(),
    progress: Progress = no_progress,
) -> Path:
    """Write files, given by their paths below `target` and open for reading, into `target`; return it.

    The checks and limits are those of `unpack`. Messages call the files together `name`. Progress is in files.

    Raises:
        DataError: the disk is full, the files are over a limit, or one would lie outside the folder or is named twice.
    """
    with _draft_of(target, name, "Choose them again") as draft:
        sizes = [file.seek(0, 2) for _, file in files]
        unpacking = _Unpacking(draft, limits, sum(sizes), name)
        for done, ((path, file), size) in enumerate(zip(files, sizes, strict=True), start=1):
            file.seek(0)
            unpacking.write(_Member(path, size, file))
            progress("copy", done, len(files))
    return target


@contextmanager
def _draft_of(target: Path, name: str, way_out: str) -> Iterator[Path]:
    """Yield a folder that becomes `target`; errors of broken content name it and say what to do."""
    with written_whole(target) as draft:
        try:
            yield draft
        except _BROKEN as error:
            if isinstance(error, OSError) and error.errno in _NO_ROOM:
                raise DataError(
                    f"{target.parent} has no space for the content of {name} ({error.strerror}). Free some space there."
                ) from error
            raise DataError(f"{name} cannot be unpacked ({error}). {way_out}.") from error


def _opened(archive: Path | BinaryIO) -> AbstractContextManager[BinaryIO]:
    return archive.open("rb") if isinstance(archive, Path) else nullcontext(archive)


def find_dataset_root(folder: Path) -> Path:
    """Return the only folder in an unpacked archive, else `folder` itself.

    Hidden files, macOS's and the settings that SplitLab keeps beside a dataset are ignored.
    """
    inside = [path for path in folder.iterdir() if not _IGNORED.match(path.name)]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


class _Unpacking:
    """Write members below a folder, within the limits."""

    def __init__(self, folder: Path, limits: Limits, archive_bytes: int, archive_name: str) -> None:
        self._folder = folder
        self._limits = limits
        self._max_bytes = min(limits.total_bytes, _FREE_BYTES + int(limits.ratio * archive_bytes))
        self._name = archive_name
        self._files = 0
        self._folders: set[PurePosixPath] = set()
        self._bytes = 0
        self._links: dict[PurePosixPath, str] = {}

    def write(self, member: _Member) -> None:
        place = self._place(member.name)
        is_folder = member.content is None and member.link_to is None
        self._folders.update((place, *place.parents) if is_folder else place.parents)
        self._files += not is_folder
        if self._files + len(self._folders) - 1 > self._limits.members:
            raise DataError(f"{self._name} has over {self._limits.members:,} files and folders. Pack fewer of them.")
        if member.link_to is not None:
            self._links[place] = member.link_to
            return
        path = self._folder / place
        try:
            if member.content is None:
                path.mkdir(parents=True, exist_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._copy(member, member.content, path)
        except (FileExistsError, NotADirectoryError) as error:
            raise self._refusal(member.name, "is in it twice. Remove one") from error

    def write_links(self) -> None:
        """Create the links at last, so that nothing is written through one; all must lead to something inside."""
        for place, target in self._links.items():
            if _leads_out(place, target) or not self._links.keys().isdisjoint(place.parents):
                raise self._refusal(str(place), "is a link that leads out of it. Pack what it leads to")
            path = self._folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                path.symlink_to(target)
            except (OSError, ValueError) as error:
                raise self._refusal(str(place), "is in it twice. Remove one") from error
        root = self._folder.resolve()
        for place in self._links:
            # Through other links, a target may be elsewhere than its words say.
            real = Path(os.path.realpath(self._folder / place))
            if not real.is_relative_to(root) or not real.exists():
                raise self._refusal(str(place), "is a link that leads out of it, or nowhere. Pack what it leads to")

    def _place(self, member_name: str) -> PurePosixPath:
        name = member_name.replace("\\", "/")
        place = PurePosixPath(name)
        if "\0" in name or place.is_absolute() or _DRIVE.match(name) or ".." in place.parts:
            raise self._refusal(member_name, "would lie outside the folder. Pack it with plain relative names")
        return place

    def _copy(self, member: _Member, content: IO[bytes], path: Path) -> None:
        written = 0
        # "x" refuses names that are equal on this file system only, such as a.txt and A.txt.
        with path.open("xb") as file:
            while chunk := content.read(_CHUNK_BYTES):
                written += len(chunk)
                self._bytes += len(chunk)
                self._refuse_excess(member.name, written)
                file.write(chunk)
        if written != member.size:
            raise self._refusal(member.name, f"has {written:,} bytes instead of {member.size:,}. Download it again")

    def _refuse_excess(self, member_name: str, written: int) -> None:
        if written > self._limits.file_bytes:
            raise self._refusal(member_name, f"is over {self._limits.file_bytes:,} bytes. Pack smaller files")
        if self._bytes > self._max_bytes:
            raise self._refusal(
                member_name, f"takes it over {self._max_bytes:,} bytes, too much for its size or this place. Pack less"
            )

    def _refusal(self, member_name: str, why: str) -> DataError:
        return DataError(f"{self._name}: its member {member_name[:200]!r} {why}.")


def _leads_out(place: PurePosixPath, target: str) -> bool:
    steps = posixpath.normpath(posixpath.join(str(place.parent), target)).split("/")
    return posixpath.isabs(target) or "\0" in target or steps[0] == ".."


@dataclass(frozen=True, slots=True)
class _Member:
    """A file in the archive, or a link, or else a folder."""

    name: str
    size: int
    content: IO[bytes] | None
    link_to: str | None = None


def _members(file: BinaryIO, name: str, limits: Limits) -> Iterator[_Member]:
    file.seek(0)
    start = file.read(4)
    file.seek(0)
    if start in _ZIP_STARTS:
        return _zip_members(file, name, limits)
    if start[:2] == _GZIP_START:
        return _tar_members(gzip.GzipFile(fileobj=file), name)
    return _tar_members(file, name)


def _tar_members(file: IO[bytes] | gzip.GzipFile, name: str) -> Iterator[_Member]:
    reader = _BoundedReader(file, name, _CHUNK_BYTES)
    with tarfile.open(fileobj=reader, mode="r:") as archive:
        for info in archive:
            if not (info.isreg() or info.isdir() or info.issym()) or info.issparse() or info.size < 0:
                raise DataError(
                    f"{name}: its member {info.name[:200]!r} is a hard link, a device or another special file. "
                    "Pack files and folders only."
                )
            if info.isdir() or info.issym():
                yield _Member(info.name, 0, None, info.linkname if info.issym() else None)
            elif content := archive.extractfile(info):
                yield _Member(info.name, info.size, content)
        _refuse_cut_tar(reader, archive.offset, name)


class _BoundedReader(io.RawIOBase):
    """Limit the size of single reads.

    zipfile and tarfile read file lists and long names in one piece, as large as the archive says they are.
    """

    def __init__(self, file: IO[bytes] | gzip.GzipFile, name: str, max_bytes: int) -> None:
        self._file = file
        self._name = name
        self._max_bytes = max_bytes

    def read(self, size: int = -1) -> bytes:
        found = self._file.read(size if 0 <= size <= self._max_bytes else self._max_bytes + 1)
        if size > self._max_bytes or len(found) > self._max_bytes:
            raise DataError(f"{self._name}: its list of files is too large. Pack the dataset again.")
        return found

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def _refuse_cut_tar(reader: _BoundedReader, end: int, name: str) -> None:
    # tarfile stops silently at a broken header; a complete archive ends with a block of zeros.
    reader.seek(end)
    block = reader.read(tarfile.BLOCKSIZE)
    if not block or block.strip(b"\0"):
        raise DataError(f"{name} is broken or cut short. Download or pack it again.")


def _zip_members(file: IO[bytes], name: str, limits: Limits) -> Iterator[_Member]:
    with zipfile.ZipFile(_BoundedReader(file, name, _MAX_ZIP_READ_BYTES)) as archive:
        if len(archive.filelist) > limits.members:
            raise DataError(f"{name} has over {limits.members:,} files and folders. Pack fewer of them.")
        for info in archive.filelist:
            _refuse_odd_zip_member(info, name)
            # Some Windows packers write a\b\ for a/b/.
            if info.orig_filename.endswith(("/", "\\")):
                yield _Member(info.orig_filename, 0, None)
                continue
            with archive.open(info) as content:
                if stat.S_ISLNK(info.external_attr >> 16):
                    target = content.read(_MAX_LINK_BYTES).decode(errors="replace")
                    yield _Member(info.orig_filename, 0, None, target)
                else:
                    yield _Member(info.orig_filename, info.file_size, content)


def _refuse_odd_zip_member(info: zipfile.ZipInfo, name: str) -> None:
    member = f"{name}: its member {info.filename[:200]!r}"
    if info.flag_bits & _ZIP_ENCRYPTED:
        raise DataError(f"{member} is encrypted. Pack it without a password.")
    if info.compress_type not in _ZIP_METHODS:
        raise DataError(f"{member} uses an unsupported compression. Pack it with plain zip.")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
        raise DataError(f"{member} is a device or another special file. Pack files and folders only.")
