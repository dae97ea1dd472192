import dataclasses
import json
import shutil

import numpy as np
import pytest

from splitlab.checkpoints.checkpoint import Card, read_card, write_card
from splitlab.errors import CheckpointError, DataError, SettingsError
from splitlab.evaluation import compare_models
from splitlab.evaluation.compare_models import _cache_path, see, stored_detections
from splitlab.evaluation.comparison import CompareSettings, Seen, compare, short_names
from splitlab.evaluation.matches import ErrorKind
from splitlab.figures.compare_report import report_html
from splitlab.figures.comparison_tables import model_table
from splitlab.runs.run_folder import RunFolder
from splitlab.training.experiment import carry_out, prepare_run
from tests.evaluation.drawn import dataset, found, label

LEFT, RIGHT = (5, 5, 45, 45), (55, 55, 95, 95)
HALF = (5, 5, 45, 33)


@pytest.fixture(scope="module")
def run(tiny_spec, tiny_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    run = prepare_run(folder, tiny_spec.changed(steps=2), tiny_folder.parent)
    carry_out(run, tiny_folder.parent)
    return run


@pytest.fixture
def checkpoint(run, tmp_path):
    """The weights without their run, so that the model has to look for itself."""
    return shutil.copytree(run.weights, tmp_path / "checkpoint")


def no_model(*_):
    pytest.fail("the model was asked again")


def card(name="one", full=30, weak=0, classes=("cat", "dog")):
    return Card(name, "yolov5n-seg", 64, list(classes), "test", "", "", full, weak, 0, name, 1, {})


def equal(first, second):
    return all(
        np.array_equal(one.boxes, other.boxes)
        and np.array_equal(one.scores, other.scores)
        and np.array_equal(one.classes, other.classes)
        and one.masks == other.masks
        for one, other in zip(first, second, strict=True)
    )


def test_a_model_looks_at_a_data_set_once(checkpoint, tiny, tmp_path, monkeypatch):
    told = []
    first = list(see(checkpoint, tiny.val, tmp_path / "kept", lambda *words: told.append(words)).detections)
    assert [words[1:] for words in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    monkeypatch.setattr(compare_models, "load_model", no_model)
    assert equal(first, list(see(checkpoint, tiny.val, tmp_path / "kept").detections))


def test_other_weights_or_other_labels_are_looked_at_anew(checkpoint, tiny, tmp_path):
    path = _cache_path(checkpoint, tiny.val, tmp_path)
    assert path != _cache_path(checkpoint, dataclasses.replace(tiny.val, source_hash="0" * 64), tmp_path)
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    assert path != _cache_path(checkpoint, tiny.val, tmp_path)


def test_a_runs_own_detections_are_taken_unless_they_are_of_other_labels(run, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(compare_models, "load_model", no_model)
    found_by_run = list(see(run.weights, tiny.val, tmp_path).detections)
    assert sum(len(image.masks) for image in found_by_run) == len(json.loads(run.detections_path.read_text()))
    fewer = dataclasses.replace(tiny.val, images=tiny.val.images[:2])
    assert stored_detections(run.weights, fewer, tmp_path) is None


def test_detections_are_made_again_where_the_card_says_other_masks(run, tiny, tmp_path):
    copied = RunFolder.open(shutil.copytree(run.path, tmp_path / "run"))
    cut = list(see(copied.weights, tiny.val, tmp_path / "kept").detections)
    scores = read_card(copied.weights).scores
    whole = {**scores, "mask": {**scores["mask"], "cut_to_box": False}}
    write_card(copied.weights, dataclasses.replace(read_card(copied.weights), scores=whole))
    assert stored_detections(copied.weights, tiny.val, tmp_path / "kept") is None
    again = list(see(copied.weights, tiny.val, tmp_path / "kept").detections)
    assert all((one.boxes == other.boxes).all() for one, other in zip(cut, again, strict=True))
    assert not equal(cut, again)


@pytest.mark.parametrize("content", ["", "{}", '[{"image_id": 99}]', "[" * 100_000])
def test_a_broken_file_of_detections_is_made_again(content, checkpoint, tiny, tmp_path):
    path = _cache_path(checkpoint, tiny.val, tmp_path / "kept")
    path.parent.mkdir()
    path.write_text(content)
    see(checkpoint, tiny.val, tmp_path / "kept")
    assert isinstance(json.loads(path.read_text()), list)


def test_the_folder_of_detections_does_not_grow_for_ever(checkpoint, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(compare_models, "_KEPT_FILES", 3)
    for number in range(3):
        (tmp_path / f"old{number}.json").write_text("[]")
        see(checkpoint, dataclasses.replace(tiny.val, source_hash=str(number)), tmp_path)
    assert len(list(tmp_path.glob("*.json"))) == 3
    assert _cache_path(checkpoint, dataclasses.replace(tiny.val, source_hash="2"), tmp_path).is_file()


def test_a_stopped_look_leaves_nothing_behind(checkpoint, tiny, tmp_path):
    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        see(checkpoint, tiny.val, tmp_path / "kept", stop)
    assert not (tmp_path / "kept").exists()


def test_a_model_of_other_classes_is_refused_by_name(checkpoint, tmp_path):
    with pytest.raises(CheckpointError, match=r"square.*cat"):
        see(checkpoint, dataset([label(LEFT)]), tmp_path)


def test_a_comparison_names_whether_masks_are_cut():
    data = dataset([label(LEFT)], [])
    seen = {"yolo": card(), "detr": dataclasses.replace(card("two"), model="detr-r50")}
    models = {name: Seen(one, name, [found((LEFT, 0.9, 0)), found()]) for name, one in seen.items()}
    comparison = compare(models, data, CompareSettings())
    assert model_table(comparison)["masks"].tolist() == ["cut to box", "not cut"]
    assert "<td>not cut</td>" in report_html(comparison)


def test_a_comparison_tells_mistakes_their_cost_and_where_models_differ():
    truth = dataset([label(LEFT)], [label(LEFT), label(RIGHT, 1)])
    right = [found((LEFT, 0.9)), found((LEFT, 0.8), (RIGHT, 0.7, 1))]
    wrong = [found((LEFT, 0.9)), found((HALF, 0.8, 1), (RIGHT, 0.1, 1))]
    models = {"right": Seen(card(), "a", right), "wrong": Seen(card("two", 0, 30), "b", wrong)}
    comparison = compare(models, truth, CompareSettings(min_score=0.25))
    good, bad = comparison.models
    assert good.measured.scores["mask"]["ap50"] == pytest.approx(100)
    assert good.mistakes.counts[ErrorKind.FOUND] == 3
    assert bad.mistakes.counts[ErrorKind.MISCLASSIFIED] == 1
    assert bad.mistakes.counts[ErrorKind.MISSED] == 1  # the dog's score is too low to be looked at
    assert bad.mistakes.class_confusion.value == pytest.approx(0.5)
    assert good.mistakes.class_confusion.value == 0
    assert bad.measured.ap_cost.lost[ErrorKind.MISCLASSIFIED] > 0
    assert bad.mistakes.confusion.images[0, 1] == (11,)
    assert [image.image_id for image in comparison.ranking] == [11, 10]


def test_detections_of_another_data_set_are_refused():
    with pytest.raises(DataError, match="detections of 1 images"):
        compare({"one": Seen(card(), "", [found()])}, dataset([], []), CompareSettings())
    with pytest.raises(SettingsError, match="min_score"):
        CompareSettings(min_score=1.5)


def test_models_go_by_their_splits_and_by_more_where_that_is_not_enough():
    cards = [card("a", 30, 450), card("b", 480, 0), card("c", 480, 0), card("c", 480, 0)]
    assert short_names(cards) == ["30/450", "480/0 (b)", "480/0 (c) [3]", "480/0 (c) [4]"]
