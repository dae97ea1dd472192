"""The fenced code blocks of the README and the docs, and the commands in them."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The reference is made from the code; its examples are the commands' own.
PAGES = [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "reference")]
# A fence without a language holds commands; what is not meant to be typed says so.
COMMANDS = ("", "sh")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SETTING = re.compile(r"[A-Z_]+=\S*")
BETWEEN = ("&&", ";", "|", "&")


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, the line it starts on, its language, and what is in it."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def place(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """One command of a block: its words, and the variables set before it."""

    place: str
    words: tuple[str, ...]
    variables: dict[str, str]

    def __str__(self):
        return f"{self.place}: {shlex.join(self.words)}"


def pages_with(*languages):
    """Say which pages have a block of one of these languages; the paths below the root."""
    return [str(page.relative_to(ROOT)) for page in PAGES if {b.language for b in blocks_of(page)} & set(languages)]


def blocks_of(page):
    text = page.read_text()
    return [Block(page, text[: found.start()].count("\n") + 1, *found.groups()) for found in FENCE.finditer(text)]


def commands_of(page):
    blocks = [block for block in blocks_of(page) if block.language in COMMANDS]
    return [command for block in blocks for line in lines_of(block) for command in split_line(line, block.place)]


def lines_of(block):
    return block.text.replace("\\\n", " ").splitlines()


def split_line(line, place):
    """Split at && and its like; comments go."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found, words = [], []
    for word in [*lexer, ";"]:
        if word not in BETWEEN:
            words.append(word)
            continue
        if words:
            first = next((at for at, text in enumerate(words) if not SETTING.fullmatch(text)), len(words))
            found.append(Command(place, tuple(words[first:]), dict(text.split("=", 1) for text in words[:first])))
        words = []
    return found
