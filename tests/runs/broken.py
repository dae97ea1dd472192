"""Ways in which a file breaks: bits flip, ends are lost, blocks are zero, a value is another."""

import json
import random
from pathlib import Path

VALUES = (None, True, -1, 0, 2.5, 10**30, "", "x", "\ud800", [], {}, [[[]]], [None], {"a": 1})
WORDS = ("NaN", "Infinity", "-1e999", "1" * 5000, "[" * 5000, '"\\ud800"', "\0")


def flip_bits(content: bytes, chance: random.Random) -> bytes:
    broken = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 3, 20))):
        broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
    return bytes(broken)


def cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def zero(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content))
    return content[:start] + bytes(min(512, len(content) - start)) + content[start + 512 :]


def other_value(content: bytes, chance: random.Random) -> bytes:
    """Change, take out or garble one value of a JSON file, wherever it stands; of a file of lines, in one of them."""
    lines = content.splitlines(keepends=True)
    jsonl = len(lines) > 1 and lines[0].endswith(b"}\n")
    row = chance.randrange(len(lines)) if jsonl else 0
    try:
        tree = json.loads(lines[row] if jsonl else content)
    except (ValueError, RecursionError):
        return flip_bits(content, chance)
    text = json.dumps(_changed(tree, chance)).replace('"GARBLE"', chance.choice(WORDS)).encode()
    return b"".join([*lines[:row], text + b"\n", *lines[row + 1 :]]) if jsonl else text


def _changed(tree, chance: random.Random):
    places = list(_places(tree, ()))
    if not places:
        return chance.choice(VALUES)
    *way, last = chance.choice(places)
    inside = tree
    for key in way:
        inside = inside[key]
    what = chance.randrange(4)
    if what == 0:
        del inside[last]
    elif what == 1:
        inside[last] = "GARBLE"
    else:
        inside[last] = chance.choice(VALUES)
    return tree


def _places(tree, way):
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*way, key)
        yield from _places(value, (*way, key))


FAULTS = (flip_bits, cut, zero, other_value, other_value)


def break_file(path: Path, chance: random.Random) -> str:
    """Break a file; return how."""
    content = path.read_bytes()
    fault = chance.choice(FAULTS) if content else other_value
    path.write_bytes(fault(content or b"{}", chance))
    return fault.__name__
