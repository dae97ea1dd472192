"""The notebooks run from top to bottom, on a small stand-in for the embedded dataset."""

import json

import pytest

from splitlab.data.scenes.scene import CLASS_NAMES
from tests.conftest import write_tiny
from tests.docs.code_blocks import ROOT
from tests.docs.stand_ins import rename

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
SHORT = {"steps=120": "steps=2, image_size=64, evaluate_every=2"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs_from_top_to_bottom(path, tmp_path, monkeypatch):
    embedded = tmp_path / "workspace" / "data" / "embedded"
    write_tiny(embedded, {"train": 500, "val": 4})
    rename(embedded, CLASS_NAMES, "{subset}_{number:04d}.jpg")
    monkeypatch.setenv("SPLITLAB_CHECKPOINTS", str(ROOT / "checkpoints"))
    monkeypatch.chdir(tmp_path)
    names = {}
    for number, source in enumerate(code_cells(path), start=1):
        exec(compile(shortened(source), f"{path.name}, cell {number}", "exec"), names)  # noqa: S102 (our own cells)
    assert (tmp_path / "workspace/runs/first/scores.json").is_file()


def test_the_quick_start_has_ten_cells():
    assert len(code_cells(ROOT / "docs" / "notebooks" / "quick-start.ipynb")) == 10


def code_cells(path):
    return ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def shortened(source):
    """Train for two steps; a notebook whose training cannot be shortened so fails by its time."""
    for long, short in SHORT.items():
        source = source.replace(long, short)
    return source
