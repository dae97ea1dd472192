r"""The files of a dataset's folder, found by the paths that label files state.

Label files name photos as they lay on another machine: `images/a.jpg`, `..\media\a.jpg`, `https://host/u/7/a.jpg`,
`/home/me/a%20b.jpg`. A photo is the file whose path agrees with the stated one in the most parts, counted from the end.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from splitlab.data.dataset import EntryError, Problem, ProblemKind, entry_error
from splitlab.data.images import PHOTO_ENDINGS
from splitlab.errors import DataError

_MOST_FILES, _MOST_DEPTH = 2_000_000, 40
_MOST_LETTERS = 1000
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE = re.compile(r"[A-Za-z]:")
# Label Studio puts these before the names of uploaded photos.
_UPLOAD = re.compile(r"[0-9a-f]{8}-")


def folded(name: str) -> str:
    """Return a file's name or path as it is compared: without case, and in one of Unicode's forms.

    macOS writes the accents of names as characters of their own.
    """
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()


class Outside(StrEnum):
    """What to do with photos outside a dataset's folder, which links and paths may lead to."""

    REFUSED = "refused"
    FOLLOWED = "followed"


class PhotoIndex:
    """The files below a folder.

    Hidden files are left out. Links are followed within the folder, and out of it only if `outside` says so.

    Raises:
        DataError: the folder cannot be listed, or has over two million files.
    """

    def __init__(self, root: Path, outside: Outside = Outside.REFUSED) -> None:
        self.root = root
        self._outside = outside
        self._real_root = os.path.realpath(root)
        self._files: set[str] = set()
        self._left_out: set[str] = set()
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._has_links = False
        self._relative_of: dict[Path, str] = {}
        self._stems: dict[str, dict[str, list[str]]] = {}
        self._scan()

    def find(self, stated: str, near: Sequence[Path], label_file: Path) -> Path:
        """Return the photo that a label file names.

        A path that exists as written, relative to one of the folders in `near` or to the root, comes first; then the
        longest tail that only one file has, ignoring case; then the same for the decoded path (%20); then a photo of
        another ending, or without what Label Studio puts before a name. Of equally long tails, the one in the first of
        `near` is meant. If there is none, returns where it should be.

        Raises:
            EntryError: several files fit equally well; the path leads outside and no file inside has its name; or it
                is over 1,000 letters long.
        """
        found = self.look_up(stated, near, label_file)
        if found is not None:
            return found
        parts = _parts(stated)
        renamed = self._renamed(stated, [self._relative(folder) for folder in (*near, self.root)], label_file)
        if renamed is not None:
            return self.root / renamed
        if not parts or _leads_out(stated):
            what = f"'{stated}' points outside {self.root}, and no photo inside has its name: the photo is missing"
            raise entry_error(ProblemKind.PHOTO_MISSING, label_file, what, "Put it into the folder.")
        return (near[0] if near else self.root).joinpath(*parts)

    def look_up(self, stated: str, near: Sequence[Path], label_file: Path) -> Path | None:
        """Return the photo that a label file names, as `find`, or None if there is none.

        Raises:
            EntryError: several files fit equally well, the path leads outside, or is too long.
        """
        if len(stated) > _MOST_LETTERS:
            what = f"the path '{stated[:40]} …' is {len(stated):,} letters long"
            raise entry_error(ProblemKind.PHOTO_MISSING, label_file, what, "Give the photo a shorter name.")
        bases = [self._relative(folder) for folder in (*near, self.root)]
        for text in dict.fromkeys((stated, unquote(stated))):
            found = self._as_written(text, bases, label_file) or self._by_tail(text, bases, label_file)
            if found is not None:
                return self.root / found
        return self._followed(stated, near)

    def photos(self, folder: Path | None = None) -> list[Path]:
        """Return the files with a photo's ending in a folder (default: the root) and below, sorted by path.

        Of several links to one photo, only the first is returned.
        """
        start = "" if folder is None else self._relative(folder)
        prefix = f"{start}/" if start else ""
        names = sorted(name for name in self._files if name.startswith(prefix) and _is_photo(name))
        paths = [self.root / name for name in names]
        if not self._has_links:
            return paths
        return list({os.path.realpath(path): path for path in reversed(paths)}.values())[::-1]

    def files(self, ending: str) -> list[Path]:
        """Return the files with an ending such as ".xml", in any case, sorted by path."""
        return [self.root / name for name in sorted(self._files) if name.lower().endswith(ending)]

    def file(self, name: str) -> Path | None:
        """Return a file by its path relative to the root, in any case, or None if there is none.

        Raises:
            EntryError: it is a link that leads outside.
        """
        if name in self._files:
            return self.root / name
        self._refuse_left_out(name, self.root / name, ProblemKind.LABELS_UNREADABLE)
        alike = self._by_path.get(folded(name), [])
        return self.root / alike[0] if len(alike) == 1 else None

    def file_by_tail(self, name: str, least: int) -> Path | None:
        """Return the only file that shares the longest tail of a relative path, of `least` parts or more."""
        parts = folded(name).split("/")
        scores = {one: _equal_parts(folded(one).split("/"), parts) for one in self._by_name.get(parts[-1], ())}
        best = [one for one, score in scores.items() if score == max(scores.values()) and score >= least]
        return self.root / best[0] if len(best) == 1 else None

    def namesake(self, photo: Path, ending: str) -> Path | None:
        """Return the only file below the root that is called as a photo, if no other photo is.

        Called alike are `a.jpg`, `a.txt`, `a.jpg.txt`, and `0a1b2c3d-a.txt` of Label Studio.
        """
        stem = folded(_without_ending(photo.name))
        if len(self._by_stem.get(stem, ())) != 1:
            return None
        if ending not in self._stems:
            self._stems[ending] = _grouped(map(str, self.files(ending)), _called)
        alike = self._stems[ending].get(stem, [])
        return Path(alike[0]) if len(alike) == 1 else None

    def left_out(self, folder: Path) -> list[Problem]:
        """Return a problem for each link in a folder and below that leads outside."""
        prefix = self._relative(folder)
        names = [name for name in sorted(self._left_out) if not prefix or f"{name}/".startswith(f"{prefix}/")]
        return [
            _points_outside(name, self.root / name, self.root, ProblemKind.PHOTO_UNREADABLE).problem for name in names
        ]

    def folder(self, stated: str) -> Path | None:
        """Return the folder of photos that is named: as written, else by the longest tail that only one has.

        Only folders that hold photos themselves are found by their tail: `images/` may hold those of all parts.
        """
        parts = _parts(stated)
        if not parts:
            return None if _leads_out(stated) else self.root
        holding = {name.rpartition("/")[0] for name in self._files if _is_photo(name)}
        if any(f"{one}/".startswith(f"{'/'.join(parts)}/") for one in holding):
            return self.root.joinpath(*parts)
        for start in range(len(parts)):
            tail = [folded(part) for part in parts[start:]]
            fitting = [one for one in holding if folded(one).split("/")[-len(tail) :] == tail]
            if len(fitting) == 1:
                return self.root / fitting[0]
        return None

    def _scan(self) -> None:
        waiting: list[tuple[str, str, tuple[str, ...]]] = [(str(self.root), "", (self._real_root,))]
        while waiting:
            folder, prefix, above = waiting.pop()
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        below = self._take(entry, prefix, above)
                        if below is not None:
                            waiting.append((entry.path, f"{prefix}{entry.name}/", below))
            except OSError as error:
                if not prefix:
                    raise DataError(f"{folder}: cannot be listed ({error.strerror}). Check the path.") from error

    def _take(self, entry: os.DirEntry[str], prefix: str, above: tuple[str, ...]) -> tuple[str, ...] | None:
        """Keep a file; return the real folders above the content of a folder that should be listed."""
        if entry.name.startswith(".") or entry.name == "__MACOSX" or len(above) > _MOST_DEPTH:
            return None
        name, real = f"{prefix}{entry.name}", f"{above[-1]}{os.sep}{entry.name}"
        if entry.is_symlink():
            self._has_links = True
            real = os.path.realpath(entry.path)
            if self._outside == Outside.REFUSED and not self._is_inside(real):
                self._left_out.add(name)
                return None
        if _is_folder(entry):
            return None if real in above else (*above, real)
        if len(self._files) >= _MOST_FILES:
            raise DataError(f"{self.root} has over {_MOST_FILES:,} files. Give the folder of one dataset.")
        self._files.add(name)
        self._by_name[folded(entry.name)].append(name)
        return None

    def _is_inside(self, real: str) -> bool:
        return real == self._real_root or real.startswith(self._real_root.rstrip(os.sep) + os.sep)

    def _relative(self, folder: Path) -> str:
        if folder not in self._relative_of:
            text = os.path.relpath(os.path.normpath(folder), os.path.normpath(self.root))
            self._relative_of[folder] = "" if text == os.curdir else text.replace(os.sep, "/")
        return self._relative_of[folder]

    def _as_written(self, stated: str, bases: Sequence[str], label_file: Path) -> str | None:
        text = stated.replace("\\", "/")
        if _leads_out(text):
            return None
        for base in bases:
            name = os.path.normpath(f"{base}/{text}" if base else text)
            if name in self._files:
                return name
            self._refuse_left_out(name, label_file, ProblemKind.PHOTO_UNREADABLE)
        return None

    def _refuse_left_out(self, name: str, file: Path, kind: ProblemKind) -> None:
        if self._left_out and not self._left_out.isdisjoint(_with_parents(name)):
            raise _points_outside(name, file, self.root, kind)

    def _by_tail(self, stated: str, bases: Sequence[str], label_file: Path) -> str | None:
        parts = [folded(part) for part in _parts(stated)]
        return self._nearest(self._by_name.get(parts[-1], []), stated, bases, label_file) if parts else None

    def _renamed(self, stated: str, bases: Sequence[str], label_file: Path) -> str | None:
        """Find a photo of another ending, or without what Label Studio puts before its name."""
        parts = _parts(stated) or [""]
        stem = folded(_without_ending(parts[-1]))
        candidates = self._by_stem.get(stem) or self._by_stem.get(_UPLOAD.sub("", stem, count=1), [])
        return self._nearest(candidates, stated, bases, label_file)

    def _nearest(self, candidates: Sequence[str], stated: str, bases: Sequence[str], label_file: Path) -> str | None:
        """Return the file in the folder that is most like the stated one."""
        if len(candidates) <= 1:
            return candidates[0] if candidates else None
        above = [folded(part) for part in _parts(stated)[:-1]]
        scores = {name: _equal_parts(folded(name).split("/")[:-1], above) for name in candidates}
        best = [name for name, score in scores.items() if score == max(scores.values())]
        for base in bases:
            inside = [name for name in best if name.startswith(f"{base}/" if base else "")]
            real = {os.path.realpath(self.root / name) for name in inside}
            if len(real) == 1:
                return min(inside)
        shown = " and ".join(sorted(best)[:2])
        what = f"'{stated}' may be one of {len(best)} photos, such as {shown}"
        raise entry_error(ProblemKind.PHOTO_MISSING, label_file, what, "State its folder too, or rename one of them.")

    @cached_property
    def _by_path(self) -> dict[str, list[str]]:
        return _grouped(self._files, folded)

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        photos = [name for name in self._files if _is_photo(name)]
        return _grouped(photos, lambda name: folded(_without_ending(name.rpartition("/")[2])))

    def _followed(self, stated: str, near: Sequence[Path]) -> Path | None:
        """Return a photo outside the folder, if such photos are to be followed."""
        if self._outside == Outside.REFUSED or "\0" in stated:
            return None
        places = [folder / stated for folder in near or (self.root,)]
        return next((place for place in places if place.is_file()), None)


def _parts(stated: str) -> list[str]:
    """Return the parts of a path or URL that may exist in another place: what follows the last `..`."""
    text = stated.strip()
    if _URL.match(text) or text.startswith("/data/local-files/"):
        try:
            url = urlsplit(text)
            # Label Studio serves local files as /data/local-files/?d=path/to/photo.jpg.
            text = parse_qs(url.query).get("d", [unquote(url.path)])[0]
        except ValueError:
            text = text.partition("://")[2]
    text = _DRIVE.sub("", text.replace("\\", "/"), count=1) if _DRIVE.match(text) else text.replace("\\", "/")
    parts = [part for part in text.split("/") if part not in ("", ".") and "\0" not in part]
    last = max((place for place, part in enumerate(parts) if part == ".."), default=-1)
    return parts[last + 1 :]


def _leads_out(stated: str) -> bool:
    text = stated.strip().replace("\\", "/")
    return bool(text.startswith("/") or _DRIVE.match(text) or _URL.match(text) or _climbs(text) or "\0" in text)


def _climbs(text: str) -> bool:
    depth = 0
    for part in text.split("/"):
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            return True
    return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link to itself: reading the file will say so


def _points_outside(name: str, file: Path, root: Path, kind: ProblemKind) -> EntryError:
    way_out = f"To read such files, run: splitlab data read-as {root} --outside followed"
    return entry_error(kind, file, f"'{name}' points outside {root}", way_out)


def _with_parents(name: str) -> set[str]:
    parts = name.split("/")
    return {"/".join(parts[:end]) for end in range(1, len(parts) + 1)}


def _equal_parts(first: Sequence[str], second: Sequence[str]) -> int:
    count = 0
    for one, other in zip(reversed(first), reversed(second), strict=False):
        if one != other:
            break
        count += 1
    return count


def _grouped(names: Iterable[str], key: Callable[[str], str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        found[key(name)].append(name)
    return dict(found)


def _called(path: str) -> str:
    return _UPLOAD.sub("", folded(_without_ending(Path(path).stem)), count=1)


def _without_ending(name: str) -> str:
    return name.rpartition(".")[0] if _is_photo(name) else name


def _is_photo(name: str) -> bool:
    return name.lower().endswith(PHOTO_ENDINGS)
