"""Where labels stand so that none lies on another."""

from __future__ import annotations

from collections.abc import Sequence

# (left, right, top): what labels drawn before take of a line.
Taken = tuple[float, float, float]

# Of the letters' size.
LINE_HEIGHT = 1.25
_LETTER_WIDTH = 0.6


def free_line(taken: Sequence[Taken], left: float, right: float, y: float, height: float) -> float:
    """Move a label down until no label drawn before lies in its way.

    Args:
        taken: by labels drawn before, all of this height.
        left: where the label begins.
        right: where it ends.
        y: its line, counted downwards.
        height: of a line, in the unit of the others.
    """
    for start, end, line in sorted(taken, key=lambda label: label[2]):
        if left < end and start < right and abs(line - y) < height:
            y = line + height
    return y


def free_lines(wanted: Sequence[tuple[float, float]], texts: Sequence[str], size: float) -> list[float]:
    """Return a line for each of some centred labels, as far down as it must be to be read.

    Args:
        wanted: centre and line of each, in the order they are drawn.
        texts: theirs; how wide a text is can only be guessed from its letters.
        size: of the letters, in the same unit.
    """
    taken: list[Taken] = []
    for (x, y), text in zip(wanted, texts, strict=True):
        half = len(text) * size * _LETTER_WIDTH / 2
        taken.append((x - half, x + half, free_line(taken, x - half, x + half, y, LINE_HEIGHT * size)))
    return [line for _, _, line in taken]
