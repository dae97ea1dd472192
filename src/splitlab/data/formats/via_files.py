"""The files that VGG Image Annotator writes, each read into photos with regions."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from splitlab.data.dataset import Problem, unreadable
from splitlab.data.label_files.entries import ODD_ENTRY, as_json, text
from splitlab.data.reading import read_bounded
from splitlab.errors import DataError
from splitlab.io import plain_json

_MAX_BYTES, _PEEKED_BYTES = 200_000_000, 65_536
_PROJECT, _ATTRIBUTES = "_via_img_metadata", "_via_attributes"
_CSV_START = b"filename,"
_CSV_SHAPE, _CSV_CLASS = "region_shape_attributes", "region_attributes"


@dataclass(frozen=True, slots=True)
class ViaPhoto:
    """What a file says of one photo: its path or URL, and its regions as VIA's JSON has them."""

    name: str
    where: str
    regions: list[Any] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ViaFile:
    """One file of VIA.

    Attributes:
        path: of the file.
        rank: 0 for a project, 1 for an export to JSON, 2 for one to CSV; a folder often has the same labels in several.
        photos: all that it lists.
        options: the values that each region attribute may have, where the project says so.
        problems: entries that cannot be read.
    """

    path: Path
    rank: int
    photos: list[ViaPhoto]
    options: dict[str, list[str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def is_via(said: bytes) -> bool:
    """Return whether the beginning (and end) of a file are of VIA, also of VIA 3, which `read_via_file` refuses."""
    is_csv = said.lstrip(b"\xef\xbb\xbf#").startswith(_CSV_START) and _CSV_SHAPE.encode() in said
    is_json = b'"_via_' in said or (b'"regions"' in said and b'"filename"' in said and b'"size"' in said)
    return is_csv or is_json or _is_version_3(said)


def read_via_file(path: Path) -> ViaFile | None:
    """Read a file of VIA, or return None if it is of something else.

    Raises:
        EntryError: the file cannot be read, or is not JSON.
        DataError: it is of VIA 3.
    """
    raw = read_bounded(path, _MAX_BYTES)
    if path.suffix.lower() == ".csv":
        return _read_csv(raw, path) if is_via(raw[:_PEEKED_BYTES]) else None
    content = as_json(raw, path)
    if not isinstance(content, dict):
        return None
    if isinstance(content.get("project"), dict) and "vid_list" in content["project"]:
        raise DataError(
            f"{path}: is of VIA 3, whose projects cannot be read. Export it there as COCO JSON, and give that file in "
            "its place."
        )
    if isinstance(content.get(_PROJECT), dict):
        return _read_photos(content[_PROJECT], path, 0, _options(content.get(_ATTRIBUTES)))
    if any(isinstance(one, dict) and "regions" in one and "filename" in one for one in content.values()):
        return _read_photos(content, path, 1, {})
    return None


def _is_version_3(said: bytes) -> bool:
    return b'"vid_list"' in said and b'"data_format_version"' in said


def _read_photos(entries: dict[str, Any], path: Path, rank: int, options: dict[str, list[str]]) -> ViaFile:
    photos: list[ViaPhoto] = []
    problems: list[Problem] = []
    for key, entry in entries.items():
        where = f"entry {key[:80]!r}"
        try:
            regions = entry["regions"]
            # Version 1 numbers the regions: {"0": {...}, "1": {...}}.
            listed = list(regions.values()) if isinstance(regions, dict) else list(regions)
            photos.append(ViaPhoto(text(entry["filename"]), where, listed))
        except ODD_ENTRY as error:
            what = f"{where} cannot be read ({type(error).__name__}: {str(error)[:200]})"
            problems.append(unreadable(path, what, "It needs filename and regions.").problem)
    return ViaFile(path, rank, photos, options, problems)


def _options(attributes: Any) -> dict[str, list[str]]:
    """Return the declared region attributes; those of free text have no options."""
    declared = attributes.get("region") if isinstance(attributes, dict) else None
    found: dict[str, list[str]] = {}
    for name, one in declared.items() if isinstance(declared, dict) else ():
        options = one.get("options") if isinstance(one, dict) else None
        found[name] = list(options) if isinstance(options, dict) else []
    return found


def _read_csv(raw: bytes, path: Path) -> ViaFile:
    """Read an export to CSV: a line for each region, or one without a region for a photo that has none."""
    try:
        said = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise unreadable(path, "is not UTF-8 text", "Export the labels again.") from error
    photos: dict[str, ViaPhoto] = {}
    problems: list[Problem] = []
    with _long_fields():
        rows = csv.DictReader(io.StringIO(said.removeprefix("#"), newline=""))
        try:
            for row in rows:
                where = f"line {rows.line_num:,}"
                try:
                    _add_row(row, photos)
                except ODD_ENTRY as error:
                    what = f"{where} cannot be read ({type(error).__name__}: {str(error)[:200]})"
                    problem = unreadable(path, what, "Export it again.").problem
                    photo = photos.get(str(row.get("filename")))
                    (photo.problems if photo else problems).append(problem)
        except csv.Error as error:
            what = f"line {rows.line_num + 1:,} is not CSV ({error}); what follows is not read"
            problems.append(unreadable(path, what, "Export it again.").problem)
    return ViaFile(path, 2, list(photos.values()), problems=problems)


def _add_row(row: dict[str, Any], photos: dict[str, ViaPhoto]) -> None:
    name = text(row["filename"])
    if not name:
        raise ValueError("it has no filename")
    photo = photos.setdefault(name, ViaPhoto(name, f"photo {name[:80]!r}"))
    shape, attributes = (plain_json(row[key] or "{}") for key in (_CSV_SHAPE, _CSV_CLASS))
    if shape:
        photo.regions.append({"shape_attributes": shape, "region_attributes": attributes})


@contextmanager
def _long_fields() -> Iterator[None]:
    # By default, a field has at most 131,072 letters; an outline may be longer.
    before = csv.field_size_limit(_MAX_BYTES)
    try:
        yield
    finally:
        csv.field_size_limit(before)
