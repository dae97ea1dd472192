"""The index of a hub: which checkpoints a folder offers, what they are, and which files they must be."""

from __future__ import annotations

import unicodedata
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from splitlab.errors import CheckpointError
from splitlab.runs.atomic_files import write_json
from splitlab.runs.checkpoint import Card, list_checkpoints, read_card
from splitlab.runs.checkpoint_files import MOST_BYTES, FileFacts, facts_of
from splitlab.runs.checkpoint_names import checked_name
from splitlab.runs.plain_json import plain_json
from splitlab.runs.scores import CUT, METRICS, SCORED_ON

INDEX_NAME, FORMAT = "index.json", 1
MAX_INDEX_BYTES, MOST_ENTRIES = 10_000_000, 1000
SUMMARY_SCORES = (*METRICS, CUT)


@dataclass(frozen=True)
class HubEntry:
    """A checkpoint that a hub offers.

    Attributes:
        name: of its folder in the hub, and here once it was got.
        card: what it is, in short: see `summary_of`.
        files: of `model.safetensors` and `card.json`.
    """

    name: str
    card: Card
    files: dict[str, FileFacts]

    def __post_init__(self) -> None:
        checked_name(self.name)
        texts = (self.card.name, self.card.model, self.card.dataset, self.card.data_licence, *self.card.class_names)
        if any(unicodedata.category(letter) == "Cc" for text in texts for letter in text):
            raise CheckpointError(f"'{self.name}' has control characters on its card, which a terminal would obey.")
        if set(self.files) != set(MOST_BYTES):
            raise CheckpointError(f"'{self.name}' has other files than {' and '.join(MOST_BYTES)}.")
        for name, most in MOST_BYTES.items():
            if self.files[name].bytes > most:
                raise CheckpointError(f"'{self.name}' has a {name} of {self.files[name].bytes:,} bytes, over {most:,}.")

    @property
    def bytes(self) -> int:
        """The size of all its files."""
        return sum(facts.bytes for facts in self.files.values())


def summary_of(card: Card) -> Card:
    """Return a card without what only its owner needs: training settings, scores class by class, class maps."""
    scores = {
        kind: {name: value for name, value in card.scores[kind].items() if name in SUMMARY_SCORES}
        for kind in ("mask", "box")
        if card.scores
    }
    if SCORED_ON in card.scores:
        scores[SCORED_ON] = card.scores[SCORED_ON]
    return replace(card, trained_by={}, scores=scores, class_maps=[])


def make_index(folder: Path) -> dict[str, Any]:
    """Look at the checkpoints in a folder; return its index.

    Raises:
        CheckpointError: there is none, one is not whole, or has a name that no other machine could use.
    """
    folders = list_checkpoints(folder)
    if not folders:
        raise CheckpointError(f"{folder} holds no checkpoints: folders with a model.safetensors and a card.json.")
    if len(folders) > MOST_ENTRIES:
        raise CheckpointError(f"{folder} holds over {MOST_ENTRIES:,} checkpoints. Spread them over several hubs.")
    entries = [HubEntry(found.name, summary_of(read_card(found)), facts_of(found)) for found in folders]
    return {"format": FORMAT, "checkpoints": [asdict(entry) for entry in entries]}


def write_index(folder: Path) -> Path:
    """Write the index of a folder of checkpoints into it; return its path.

    Raises:
        CheckpointError: see `make_index`.
        RunError: it cannot be written.
    """
    path = folder / INDEX_NAME
    write_json(path, make_index(folder))
    return path


def parse_index(content: bytes, where: str) -> dict[str, HubEntry]:
    """Read an index that anybody may have written; return its entries by name.

    Raises:
        CheckpointError: it is broken, of another format, or asks for what no honest index does.
    """
    try:
        entries = _entries(plain_json(content))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, CheckpointError) as error:
        raise CheckpointError(
            f"{where} is no index of checkpoints ({error}). Whoever keeps it can make it anew: "
            "splitlab checkpoint index."
        ) from error
    return {entry.name: entry for entry in entries}


def _entries(index: dict[str, Any]) -> list[HubEntry]:
    if index["format"] != FORMAT:
        raise CheckpointError(f"it is of format {str(index['format'])[:20]}, this version reads {FORMAT}")
    items = index["checkpoints"]
    if len(items) > MOST_ENTRIES:
        raise CheckpointError(f"it has over {MOST_ENTRIES:,} checkpoints")
    entries = [_entry(item) for item in items]
    if len({entry.name for entry in entries}) < len(entries):
        raise CheckpointError("it has a name twice")
    return entries


def _entry(item: dict[str, Any]) -> HubEntry:
    files = {name: FileFacts(**facts) for name, facts in item["files"].items()}
    return HubEntry(checked_name(item["name"]), Card(**item["card"]), files)
