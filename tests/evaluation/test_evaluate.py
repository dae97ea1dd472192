from dataclasses import replace

import pytest

from splitlab.errors import DataError
from splitlab.evaluation.predict import evaluate_model
from splitlab.models.registry import build_model


def test_every_image_is_looked_at_and_the_model_is_left_as_it_was(tiny):
    model = build_model("yolov5n-seg", 2, 64).train()
    counted = []
    scores, detections = evaluate_model(model, tiny.val, 64, counted.append)
    assert counted == [1, 2, 3, 4]
    assert len(detections) == len(tiny.val.images)
    assert model.training
    assert scores["mask"]["ap50"] is not None


def test_a_photo_of_another_size_than_its_labels_say_is_named(tiny):
    wrong = replace(tiny.val, images=(replace(tiny.val.images[0], height=99),))
    with pytest.raises(DataError, match="its labels say 64 x 99"):
        evaluate_model(build_model("yolov5n-seg", 2, 64), wrong, 64, lambda _done: None)
