"""Which candidates are chosen, on cases worked out by hand; `ultralytics/` compares the choice with its own NMS."""

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from splitlab.checkpoints.checkpoint import Card
from splitlab.cli.main import app
from splitlab.evaluation.predict import evaluate_model
from splitlab.models.contract import Detections, DetectSettings, SegmentationModel
from splitlab.models.yolov5.decode import Candidates, best_detections


def one_image(scores, boxes, nms_free=False):
    count = len(scores)
    return Candidates(
        torch.tensor([boxes]).float(),
        torch.tensor([scores]),
        torch.ones(1, count, 2),
        torch.ones(1, 2, 4, 4),
        nms_free,
    )


# Two boxes far apart; the first may be a cat or a dog, the second is a dog.
APART = one_image([[0.6, 0.4], [0.1, 0.9]], [[0, 0, 10, 10], [50, 50, 60, 60]])


@pytest.mark.parametrize(
    ("best_class_only", "expected"),
    [(False, [(0.9, 1), (0.6, 0), (0.4, 1)]), (True, [(0.9, 1), (0.6, 0)])],
    ids=["scored", "shown"],
)
def test_a_box_answers_for_every_class_where_it_is_scored_and_for_one_where_it_is_shown(best_class_only, expected):
    (found,) = best_detections(APART, DetectSettings(min_score=0.25, best_class_only=best_class_only))
    assert found.scores.tolist() == pytest.approx([score for score, _ in expected])
    assert found.classes.tolist() == [label for _, label in expected]


def test_two_boxes_of_different_classes_stay_where_each_answers_for_one():
    candidates = one_image([[0.6, 0.4], [0.3, 0.5]], [[0, 0, 10, 10], [0, 0, 10, 10]])
    (found,) = best_detections(candidates, DetectSettings(min_score=0.25, best_class_only=True))
    assert found.classes.tolist() == [0, 1]


def test_of_two_classes_that_score_alike_a_box_answers_for_one():
    candidates = one_image([[0.5, 0.5]], [[0, 0, 10, 10]])
    (found,) = best_detections(candidates, DetectSettings(min_score=0.25, best_class_only=True))
    assert len(found.classes) == 1


class _SettingsTold(SegmentationModel):
    """A model that finds nothing and remembers how it was asked."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.told = []

    def loss(self, batch):
        raise NotImplementedError

    def outputs(self, images):
        raise NotImplementedError

    def detect(self, images, settings):
        self.told.append(settings)
        nothing = torch.zeros(0)
        return [Detections(nothing.view(0, 4), nothing, nothing.long(), nothing.view(0, 4, 4)) for _ in images]


def test_scores_take_every_class_of_a_box(tiny):
    model = _SettingsTold()
    evaluate_model(model, tiny.val, 64, lambda _: None)
    assert {settings.best_class_only for settings in model.told} == {False}


def test_predict_on_the_command_line_shows_one_class_a_box(tmp_path, monkeypatch):
    model = _SettingsTold()
    card = Card("c", "yolov5n-seg", 64, ["a"], "tiny", "0", "none", 1, 1, 0, "0", 1, {})
    monkeypatch.setattr("splitlab.models.registry.load_model", lambda folder: (model, card))
    cv2.imwrite(str(tmp_path / "photo.png"), np.zeros((64, 64, 3), np.uint8))
    words = ["predict", str(tmp_path), str(tmp_path / "photo.png"), "--min-score", "0.3"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert model.told == [DetectSettings(min_score=0.3, best_class_only=True)]
