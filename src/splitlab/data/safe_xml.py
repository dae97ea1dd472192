"""XML from outside: small files without a DOCTYPE."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from splitlab.data.dataset import unreadable

_AGAIN = "Export the labels again."


def parse_xml(raw: bytes, path: Path) -> Element:
    """Parse the content of an XML file; `path` names it in messages.

    Raises:
        EntryError: it is not XML, or has a DOCTYPE.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data

    def refuse_doctype(*_declared: object) -> NoReturn:
        # Only a DOCTYPE can declare entities, and a few of them can expand to gigabytes.
        raise unreadable(path, "has a DOCTYPE, which no label file has", _AGAIN)

    parser.StartDoctypeDeclHandler = refuse_doctype
    try:
        parser.Parse(raw, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise unreadable(path, f"is not valid XML ({error})", _AGAIN) from error
    return builder.close()
