"""The anchors a run starts with, on its card and in its checkpoint."""

import numpy as np
import pytest
import torch

from splitlab.checkpoints.checkpoint import Card, save_checkpoint
from splitlab.models.registry import build_model, load_model
from splitlab.training.experiment import carry_out, prepare_run
from splitlab.training.start import starting_model


def test_fitted_anchors_are_in_the_checkpoint_and_on_its_card(tiny_spec, tmp_path, monkeypatch):
    flat = np.stack([np.linspace(120, 450, 60), np.linspace(4, 15, 60)], axis=1)
    monkeypatch.setattr("splitlab.training.start.box_sizes", lambda *_: flat)
    run = prepare_run(tmp_path / "run", tiny_spec.changed(anchors="auto", f_size="auto", steps=2), tmp_path)
    said = []
    carry_out(run, tmp_path, tell=said.append)
    (start,) = [event for event in run.events() if event["kind"] == "start"]
    assert start["anchors"]["best_possible_recall"] == 1
    model, card = load_model(run.weights)
    assert model.anchor_sizes.flatten().tolist() == pytest.approx(np.ravel(start["anchors"]["anchors"]), rel=1e-3)
    assert card.trained_by["anchors"] == start["anchors"]
    assert card.trained_by["f_size"] == "auto"
    assert card.trained_by["images_of_f"] == start["images_of_f"] == 2
    assert said == ["The initial anchors match 0.0% of 60 boxes, the fitted ones 100.0%."]


def test_anchors_that_serve_are_yolov5s_own_in_pixels_whatever_the_image_size(tiny_spec, monkeypatch):
    monkeypatch.setattr("splitlab.training.start.box_sizes", lambda *_: np.full((60, 2), 40.0))
    model, note = starting_model(tiny_spec.changed(anchors="auto"), ["a"], [])
    assert model.anchor_sizes[[0, -1]].tolist() == [[10, 13], [373, 326]]
    assert note["anchors"]["of_standard"] == 1


@pytest.mark.parametrize("anchors", ["paper", "auto"])
@pytest.mark.parametrize(("image_size", "scale"), [(64, 1.0), (128, 2.0)])
def test_a_run_that_starts_from_a_checkpoint_finds_boxes_as_large_as_the_checkpoint_did(
    tiny_spec, tmp_path, monkeypatch, image_size, scale, anchors
):
    own = torch.linspace(20, 60, 18).view(9, 2)
    base = build_model("yolov5n-seg", 1, 64)
    base.set_anchor_sizes(own)
    (tmp_path / "base").mkdir()
    card = Card("base", "yolov5n-seg", 64, ["a"], "tiny", "", "", 4, 6, 0, "", 2, {})
    save_checkpoint(tmp_path / "base", {name: value.numpy() for name, value in base.state_dict().items()}, card)
    monkeypatch.setattr("splitlab.training.start.box_sizes", lambda *_: np.full((60, 2), 40.0 * scale))
    spec = tiny_spec.changed(start_from=str(tmp_path / "base"), image_size=image_size, anchors=anchors)
    model, note = starting_model(spec, ["a"], [])
    assert torch.allclose(model.anchor_sizes, own * scale, rtol=2e-3)
    assert "base" in note["start_from"]
