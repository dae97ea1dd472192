import argparse
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from splitlab.checkpoints.checkpoint import read_card
from splitlab.cli import main as cli
from splitlab.models.foreign.tree import ForeignObject
from splitlab.models.foreign.yolov5 import RunOptions, _read_options
from splitlab.models.imports import import_checkpoint
from tests.models.foreign_files import save_as_the_authors_do
from tests.models.test_foreign_yolov5 import tiny

# The command of the authors' README, as their file keeps it.
PUBLISHED = {
    "weights": "yolov5x-cls.pt",
    "cfg": "models/segment/yolov5x-seg.yaml",
    "data": "/content/yolov5/data/voc_seg/voc-seg-fw-800-3000.yaml",
    "hyp": {"lr0": 0.01},
    "epochs": 75,
    "batch_size": 16,
    "imgsz": 512,
    "seed": 3,
    "patience": 0,
    "f_size": 2,
}


def read(**changes):
    return _read_options({"opt": PUBLISHED | changes})


def split(data, f_size=2):
    found = read(data=f"data/{data}.yaml", f_size=f_size)
    return found.dataset, found.full, found.weak


def test_the_card_of_an_authors_run_says_its_split_its_batch_and_its_epochs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = save_as_the_authors_do(tmp_path / "best.pt", tiny(), names={0: "cat", 1: "dog", 2: "cow"}, opt=PUBLISHED)
    card = read_card(import_checkpoint(file, tmp_path / "mine"))
    assert (card.dataset, card.split_name, card.seed, card.image_size) == ("VOC2012", "800/3000", 3, 512)
    told = {name: card.trained_by[name] for name in ("f_size", "batch_size", "epochs", "patience", "data", "weights")}
    assert told == {
        "f_size": 2, "batch_size": 16, "epochs": 75, "patience": 0,
        "data": "voc-seg-fw-800-3000", "weights": "yolov5x-cls",
    }  # fmt: skip
    assert card.trained_by["iterations"] == 30_000  # as their README says of this command
    shown = CliRunner().invoke(cli.app, ["checkpoint", "show", "mine"], catch_exceptions=False).stdout
    assert "unknown, of 75 epochs, 30,000 iterations" in shown
    assert json.loads((tmp_path / "mine" / "card.json").read_text())["full"] == 800


@pytest.mark.parametrize(
    ("data", "f_size", "expected"),
    [
        ("voc-seg-fw-800-3000", 2, ("VOC2012", 800, 3000)),
        ("voc-seg-fw-800", 2, ("VOC2012", 800, 9931)),
        # The authors train 800/0 with the data file of 800/9931 and without --f-size.
        ("voc-seg-fw-800", -1, ("VOC2012", 800, 0)),
        ("voc-seg-fw-800-3000", -1, ("VOC2012", 800, 0)),
        ("voc-seg", -1, ("VOC2012", 1464, 0)),
        ("voc-seg-few-shot", 1, ("VOC2012", 17, 10_408)),
        ("Cityscapes-seg-fw-1475-1000", 4, ("Cityscapes", 1475, 1000)),
        ("Cityscapes-seg", -1, ("Cityscapes", 2975, 0)),
        ("cells-seg-fw-30-450", 4, ("cells", 30, 450)),
        ("cells", 4, ("cells", 0, 0)),
    ],
)
def test_the_split_is_in_the_name_of_the_data_file_and_in_f_size(data, f_size, expected):
    assert split(data, f_size) == expected


@pytest.mark.parametrize("data", ["voc-seg-fw-5000-3000", "voc-seg-fw-800-99999", "voc-seg-fw-٣-5", "x" * 999])
def test_a_split_that_cannot_be_is_unknown(data):
    assert split(data)[1:] == (0, 0)


def test_a_file_of_other_code_says_no_split_whatever_its_data_file_is_called():
    options = {name: value for name, value in PUBLISHED.items() if name != "f_size"}
    found = _read_options({"opt": argparse.Namespace(**options).__dict__})
    assert (found.dataset, found.full, found.weak) == ("voc-seg-fw-800-3000", 0, 0)
    assert found.settings["epochs"] == 75
    assert "iterations" not in found.settings


@pytest.mark.parametrize("odd", [True, -7, 10**400, 2.5, float("nan"), "2", None, [2], {"a": 1}, np.zeros(3)])
@pytest.mark.parametrize("name", ["epochs", "batch_size", "f_size", "patience", "seed", "imgsz"])
def test_a_count_that_is_none_is_unknown(name, odd):
    found = read(**{name: odd})
    assert name not in found.settings
    assert name != "seed" or found.seed == 0
    assert name != "imgsz" or found.image_size == 640


@pytest.mark.parametrize("odd", [7, None, ["a"], {"a": "b"}, np.zeros(3), ForeignObject("pathlib.PosixPath", {})])
def test_a_path_that_is_no_text_is_unknown(odd):
    found = read(data=odd, weights=odd)
    assert (found.dataset, found.full, found.weak) == ("unknown", 0, 0)
    assert not {"data", "weights"} & found.settings.keys()


def test_more_mask_images_than_the_batch_holds_are_no_f_size():
    found = read(f_size=17)
    assert (found.full, "f_size" in found.settings) == (0, False)


@pytest.mark.parametrize("tree", [None, [], {}, {"opt": None}, {"opt": [1]}, {"opt": "x"}, {"opt": {}}])
def test_a_file_without_options_gives_none(tree):
    assert _read_options(tree) == RunOptions()


def test_half_a_letter_in_a_file_leaves_a_card_that_can_be_read(tmp_path):
    file = save_as_the_authors_do(
        tmp_path / "a.pt", tiny(), names={0: "c\ud800", 1: "dog", 2: "cow"}, opt={"data": "\udc00x"}
    )
    card = read_card(import_checkpoint(file, tmp_path / "mine"))
    assert (card.class_names[0], card.dataset) == ("c\ufffd", "\ufffdx")
