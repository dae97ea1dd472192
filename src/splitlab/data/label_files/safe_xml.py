"""XML from outside, without a DOCTYPE."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from splitlab.data.dataset import EntryError, unreadable

_AGAIN = "Export the labels again."
_CHUNK_BYTES = 1_000_000


def parse_xml(raw: bytes, path: Path) -> Element:
    """Parse the content of an XML file; `path` names it in messages.

    Raises:
        EntryError: it is not XML, or has a DOCTYPE.
    """
    builder = TreeBuilder()
    parser = _parser(path)
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    _feed(parser, raw, path, is_last=True)
    return builder.close()


def iter_children(path: Path, max_bytes: int) -> Iterator[tuple[int, Element]]:
    """Yield the elements right below the root of an XML file and their line numbers; only one is kept in memory.

    Raises:
        EntryError: the file cannot be read or is too large, is not XML, or has a DOCTYPE. Elements before the place of
            the error have been yielded.
    """
    parser = _parser(path)
    children = _Children(parser)
    try:
        with path.open("rb") as file:
            read = 0
            while chunk := file.read(_CHUNK_BYTES):
                read += len(chunk)
                if read > max_bytes:
                    raise unreadable(path, f"is larger than {max_bytes:,} bytes", "Export fewer images at a time.")
                yield from children.fed(chunk, path, is_last=False)
            yield from children.fed(b"", path, is_last=True)
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise unreadable(path, what, "Check the path and its permissions.") from error


class _Children:
    """Builds the elements right below the root, and forgets each once it is taken."""

    def __init__(self, parser: expat.XMLParserType) -> None:
        self._parser = parser
        self._depth = 0
        self._line = 0
        self._builder = TreeBuilder()
        self._done: deque[tuple[int, Element]] = deque()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data

    def fed(self, chunk: bytes, path: Path, *, is_last: bool) -> Iterator[tuple[int, Element]]:
        """Parse a chunk, and yield the elements that end in it."""
        broken = None
        try:
            _feed(self._parser, chunk, path, is_last=is_last)
        except EntryError as error:
            broken = error
        while self._done:
            yield self._done.popleft()
        if broken:
            raise broken

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 2:
            self._line = self._parser.CurrentLineNumber
            self._builder = TreeBuilder()
        if self._depth > 1:
            self._builder.start(tag, attributes)

    def _end(self, tag: str) -> None:
        if self._depth > 1:
            self._builder.end(tag)
        if self._depth == 2:
            self._done.append((self._line, self._builder.close()))
        self._depth -= 1

    def _data(self, text: str) -> None:
        if self._depth > 1:
            self._builder.data(text)


def _parser(path: Path) -> expat.XMLParserType:
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse_doctype(*_declared: object) -> NoReturn:
        # Only a DOCTYPE can declare entities, and a few of them can expand to gigabytes.
        raise unreadable(path, "has a DOCTYPE, which no label file has", _AGAIN)

    parser.StartDoctypeDeclHandler = refuse_doctype
    return parser


def _feed(parser: expat.XMLParserType, chunk: bytes, path: Path, *, is_last: bool) -> None:
    try:
        parser.Parse(chunk, is_last)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise unreadable(path, f"is not valid XML ({error})", _AGAIN) from error
