import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from splitlab.errors import DataError
from splitlab.evaluation import detections as stored_detections
from splitlab.evaluation.detections import read_detections
from splitlab.evaluation.scores import coco_results, evaluate_detections
from tests.evaluation.drawn import dataset, found, label, random_case

BOX = (0, 0, 40, 40)


def entry(**changes):
    (good,) = coco_results(dataset([label(BOX)]), [found((BOX, 0.9, 1))])
    return {**good, **changes}


def read(tmp_path, content):
    path = tmp_path / "detections.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_detections(path, dataset([label(BOX)], []))


@pytest.mark.parametrize("seed", range(3))
def test_what_a_run_stores_is_read_back(tmp_path, seed):
    truth, detections = random_case(seed)
    path = tmp_path / "detections.json"
    path.write_text(json.dumps(coco_results(truth, detections)))
    for stored, given in zip(read_detections(path, truth), detections, strict=True):
        assert (stored.height, stored.width, stored.masks) == (given.height, given.width, given.masks)
        np.testing.assert_allclose(stored.boxes, given.boxes, atol=0.01)
        np.testing.assert_allclose(stored.scores, given.scores, atol=1e-5)
        assert stored.classes.tolist() == given.classes.tolist()
    assert evaluate_detections(truth, read_detections(path, truth)) == evaluate_detections(truth, detections)


def test_images_without_detections_have_empty_ones(tmp_path):
    first, second = read(tmp_path, [entry()])
    assert (len(first.masks), len(second.masks)) == (1, 0)
    assert second.boxes.shape == (0, 4)


def test_the_hundred_best_of_an_image_are_kept_best_first(tmp_path):
    first, _ = read(tmp_path, [entry(score=number / 200) for number in range(150)])
    assert first.scores.tolist() == pytest.approx([number / 200 for number in range(149, 49, -1)])


@pytest.mark.parametrize(
    "changes",
    [
        {"image_id": 99},
        {"image_id": [10]},
        {"category_id": 3},
        {"category_id": [1]},
        {"score": float("nan")},
        {"score": 1.5},
        {"score": "much"},
        {"bbox": [0, 0, 40]},
        {"bbox": [0, 0, float("inf"), 40]},
        {"bbox": [0, 0, -1, 40]},
        {"bbox": [0, 0, 1e300, 40]},
        {"bbox": None},
        {"segmentation": [[0, 0, 1, 1, 2, 2]]},
        {"segmentation": {"size": [100, 100], "counts": "short"}},
        {"segmentation": {"size": [100, 100], "counts": [10000]}},
        {"segmentation": {"size": [100, 100]}},
        {"segmentation": {"size": [10**6, 10**6], "counts": entry()["segmentation"]["counts"]}},
        {"segmentation": None},
    ],
    ids=str,
)
def test_an_entry_that_is_no_detection_of_the_data_set_is_named(tmp_path, changes):
    with pytest.raises(DataError, match=r"entry 1 is not a detection on dataset 'test'.*Evaluate the run again"):
        read(tmp_path, [entry(), entry(**changes)])


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, '{"a": 1}', "3", "\x00\xff"], ids=lambda text: text[:4])
def test_a_file_that_is_no_list_is_refused(tmp_path, content):
    with pytest.raises(DataError, match=r"Evaluate the run again|COCO results file"):
        read(tmp_path, content)


@pytest.mark.parametrize("content", [["no entry"], [None], [[1]]])
def test_a_list_of_something_else_is_refused(tmp_path, content):
    with pytest.raises(DataError, match="entry 0 is not a detection"):
        read(tmp_path, content)


def test_a_missing_or_endless_file_is_refused(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="Evaluate the run first"):
        read_detections(tmp_path / "none.json", dataset([]))
    with pytest.raises(DataError, match="Evaluate the run first"):
        read_detections(tmp_path, dataset([]))
    monkeypatch.setattr(stored_detections, "_LEAST_MAX_BYTES", 1_000_000)
    with pytest.raises(DataError, match="larger than 1 MB"):
        read(tmp_path, " " * 1_000_001)


def test_the_image_size_is_the_data_sets_and_not_the_files(tmp_path):
    path = tmp_path / "detections.json"
    path.write_text(json.dumps([entry()]))
    truth = dataset([label(BOX)])
    wider = replace(truth, images=(replace(truth.images[0], width=200),))
    with pytest.raises(DataError, match="compressed RLE of 100 x 200 pixels"):
        read_detections(path, wider)


def test_errors_are_analysed_and_drawn_without_torch():
    modules = (
        "class_map asked_class_map comparison curves detections disagreement errors_by_kind known_classes matches "
        "scores"
    )
    program = (
        f"import sys\nfor name in {modules.split()!r}: __import__('splitlab.evaluation.' + name)\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
