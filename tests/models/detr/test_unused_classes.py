"""Class numbers that mean no class: named by tables, never predicted, unless a class map gives them a meaning."""

import argparse

import numpy as np
import pytest
import torch

from splitlab.checkpoints.checkpoint import read_card
from splitlab.checkpoints.files import card_in_words
from splitlab.data.classes import TABLES, UNUSED
from splitlab.errors import CheckpointError
from splitlab.evaluation.class_map import by_name, of_counterparts
from splitlab.evaluation.predict import predict
from splitlab.models.contract import DetectSettings
from splitlab.models.detr.seg import DETRSeg
from splitlab.models.detr.sizes import SIZES, Norm
from splitlab.models.imports import import_checkpoint, names_in_words
from splitlab.models.registry import load_model
from tests.checkpoints import write_checkpoint
from tests.models.batches import still_model
from tests.models.detr.small import TINY, make_model

EVERYTHING = DetectSettings(min_score=0.0)
# Numbers of coco91 that mean no class, as the published code leaves them out.
COCO_GAPS = (0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83)


def write_detr(path, class_count, favourite=0):
    """A random DETR whose best class is always `favourite`, as its authors save it."""
    torch.manual_seed(class_count)
    model = DETRSeg(TINY, class_count, Norm.FROZEN)
    with torch.no_grad():
        model.detr.class_embed.bias[favourite] = 8.0
    torch.save({"model": model.state_dict(), "args": argparse.Namespace(dataset_file="voc")}, path)
    return path


@pytest.fixture
def tiny_size(monkeypatch):
    monkeypatch.setitem(SIZES, "detr-r18-small", TINY)


@pytest.mark.parametrize(
    ("count", "table", "other"),
    [(91, "coco91", ""), (80, "coco80", ""), (21, "voc21", ""), (20, "voc20-ids", "voc20 would fit as well")],
)
def test_a_class_count_of_a_table_brings_its_names_and_says_so(tiny_size, tmp_path, count, table, other):
    card = read_card(import_checkpoint(write_detr(tmp_path / "detr.pth", count), tmp_path / "mine"))
    assert tuple(card.class_names) == TABLES[table]
    (told,) = names_in_words(card)
    assert f"no class names, so its {count} class numbers are taken as {table}" in told
    assert other in told
    assert ("as well" in told) == bool(other)
    assert "--class-names" in told


def test_other_counts_are_numbered_and_this_is_told(tiny_size, tmp_path):
    card = read_card(import_checkpoint(write_detr(tmp_path / "detr.pth", 3), tmp_path / "mine"))
    assert card.class_names == ["class_0", "class_1", "class_2"]
    assert names_in_words(card)[0].startswith("The file holds no class names, so its 3 classes are numbers. Choose")


def test_a_table_that_would_fit_numbered_classes_is_told(tmp_path):
    numbered = read_card(write_checkpoint(tmp_path / "numbered", class_names=[str(number) for number in range(80)]))
    assert "so its 80 classes are numbers (coco80 would fit). Choose others with" in names_in_words(numbered)[0]


def test_names_that_are_given_come_before_the_table(tiny_size, tmp_path):
    file = write_detr(tmp_path / "detr.pth", 20)
    card = read_card(import_checkpoint(file, tmp_path / "mine", TABLES["voc20"]))
    assert tuple(card.class_names) == TABLES["voc20"]
    assert names_in_words(card) == []
    with pytest.raises(
        CheckpointError, match=r"detr\.pth: it has 20 class numbers, --class-names names 21; give as many"
    ):
        import_checkpoint(file, tmp_path / "other", TABLES["voc21"])
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(("count", "unused"), [(91, COCO_GAPS), (21, (0,)), (20, (0,))])
def test_a_number_that_means_no_class_is_not_predicted_even_where_it_scores_best(tiny_size, tmp_path, count, unused):
    folder = import_checkpoint(write_detr(tmp_path / "detr.pth", count), tmp_path / "mine")
    model, card = load_model(folder)
    assert model.unused_classes == card.unused_classes == unused
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        logits = model.detr(images).logits[-1]
        (found,) = model.detect(images, EVERYTHING)
        (maps,) = model.attention(images, EVERYTHING)
    assert (logits.argmax(-1) == 0).all()
    assert len(found.classes) == len(maps) == TINY.queries
    assert not set(found.classes.tolist()) & set(unused)
    used = torch.tensor([number for number in range(count) if number not in unused])
    expected = logits.softmax(-1)[0][:, used].amax(-1).sort(descending=True).values
    assert torch.allclose(found.scores, expected)


def test_a_card_shows_the_classes_that_can_be_predicted(tiny_size, tmp_path):
    card = read_card(import_checkpoint(write_detr(tmp_path / "detr.pth", 91), tmp_path / "mine"))
    assert card_in_words(card, {})["classes"].startswith("80: person, bicycle, ")
    assert UNUSED not in card.used_names
    assert len(card.used_names) == 80


def photo():
    return np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)


def test_a_class_map_gives_a_number_a_meaning_and_leaves_the_others_unused(tiny_size, tmp_path):
    model, card = load_model(import_checkpoint(write_detr(tmp_path / "detr.pth", 20), tmp_path / "mine"))
    own = by_name(card.class_names, TABLES["voc20"])
    in_order = of_counterparts(card.class_names, TABLES["voc20"], TABLES["voc20"])
    half = of_counterparts(card.class_names, ("cat",), ["cat", *[None] * 19])
    assert (own.unused, in_order.unused, half.unused) == ((0,), (), ())
    assert in_order.changes_nothing
    seen = {name: predict(model, [photo()], 64, EVERYTHING, classes)[0] for name, classes in
            {"own": own, "order": in_order, "half": half}.items()}  # fmt: skip
    assert len(seen["own"].classes) == TINY.queries
    assert set(seen["order"].classes.tolist()) == {0}  # "aeroplane", the number that scores best
    assert seen["half"].classes.tolist() == [0] * TINY.queries
    assert seen["own"].scores.max() < seen["order"].scores.min()


@pytest.mark.parametrize("build", [lambda: still_model("yolov5n-seg"), lambda: still_model("yolov8n-seg"), make_model])
def test_every_family_leaves_unused_numbers_out(build):
    model = build().eval()
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        (everything,) = model.detect(images, EVERYTHING)
        best = int(everything.classes[0])
        (without,) = model.detect(images, DetectSettings(min_score=0.0, unused=(best,)))
        model.unused_classes = (best,)
        (by_card,) = model.detect(images, EVERYTHING)
        (again,) = model.detect(images, DetectSettings(min_score=0.0, unused=()))
    assert len(without.classes) > 0
    assert best not in without.classes
    assert torch.equal(without.classes, by_card.classes)
    assert torch.equal(again.classes, everything.classes)
