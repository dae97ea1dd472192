"""Runs on some classes of a data set, with masks of some, with a few masks, and with none."""

import json

import numpy as np
import pytest

from splitlab.atlas.tables import measured_results
from splitlab.checkpoints.checkpoint import read_card, read_weights
from splitlab.checkpoints.scores import read_scores
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.split import draw_split
from splitlab.errors import DataError, SettingsError
from splitlab.geometry import mask_to_rle
from splitlab.models.registry import load_model
from splitlab.runs.run_folder import State
from splitlab.training.experiment import carry_out, evaluate_run, prepare_run
from splitlab.training.few_shot import BACKBONE, background_images, class_scores, plan_few_shot, start_weights
from splitlab.training.start import as_run_sees, open_run_data
from tests.conftest import write_tiny


@pytest.fixture(scope="module")
def squares(tiny_spec, tmp_path_factory):
    """A base model that knows squares alone."""
    folder = tmp_path_factory.mktemp("base")
    run = prepare_run(folder / "base", tiny_spec.changed(classes="square", full=3, weak=2, steps=2), folder)
    assert carry_out(run, folder) == State.DONE
    return run


def settings(tiny_spec, **changes):
    drawn = ("data", "full", "weak", "seed", "drawn", "background")
    told = {name: value for name, value in tiny_spec.to_json().items() if name not in drawn}
    return told | {"steps": 2, "evaluate_every": 2, "f_size": 1, **changes}


def shots(tiny_spec, tiny, masks, **changes):
    # Of another seed than the base model, so that its class rows begin elsewhere.
    return plan_few_shot(tiny_spec.data.source, tiny, masks, 1, settings(tiny_spec, **changes))


def test_a_run_on_some_classes_knows_no_other_and_is_scored_again_from_its_folder_alone(squares):
    assert load_model(squares.weights)[1].class_names == ["square"]
    scores = read_scores(squares.scores_path)
    assert list(scores["mask"]["per_class"]) == ["square"]
    assert evaluate_run(squares, squares.path) == scores
    train = open_run_data(squares.spec(), squares.path).train
    assert read_card(squares.weights).data_hash == train.source_hash
    assert set(json.loads(squares.split_path.read_text())["full"]) <= {image.image_id for image in train.images}


def test_its_scores_stand_under_another_name_than_the_whole_data_sets(squares):
    (row,) = measured_results([], squares.path.parent).to_dict("records")
    assert row["dataset"].endswith("(square)")


def test_the_split_of_a_run_on_some_classes_is_not_that_of_the_whole(tiny_spec, tiny, tmp_path):
    whole = draw_split(tiny.train, 3, 2, 0)
    with pytest.raises(Exception, match="does not belong to the current labels"):
        prepare_run(tmp_path / "run", tiny_spec.changed(classes="square"), tmp_path, whole)


def test_a_class_that_is_not_there_is_refused_before_there_is_a_run(tiny_spec, tmp_path):
    for setting in ("classes", "mask_classes"):
        with pytest.raises(DataError, match="no class 'cat'"):
            prepare_run(tmp_path / "run", tiny_spec.changed(**{setting: "disc,cat"}), tmp_path)
    assert not (tmp_path / "run").exists()


def test_few_shot_starts_from_a_model_of_other_classes_and_says_what_is_new(squares, tiny_spec, tiny, tmp_path):
    spec, split = shots(tiny_spec, tiny, 1, classes="disc", start_from=str(squares.weights), learning_rate=1e-9)
    assert (spec.data.full, spec.data.drawn, spec.data.classes, spec.data.background) == (1, "few-shot 1", "disc", True)
    showing = len(as_run_sees(tiny, "disc", "").train.images)
    assert spec.data.weak == len(tiny.train.images) - 1
    assert background_images(tiny, spec, split) == len(tiny.train.images) - showing > 0
    run = prepare_run(tmp_path / "run", spec, tmp_path, split)
    said = []
    assert carry_out(run, tmp_path, tell=said.append) == State.DONE
    assert said[0].startswith("Starts with ")
    assert said[0].endswith("from base. Class rows start from random weights for disc.")
    given, taken = read_weights(squares.weights), read_weights(run.weights)
    coefficients = slice(6, 38)  # of the first anchor, behind box, objectness and the one class
    for level in range(3):
        name = f"model.24.m.{level}.weight"
        assert np.allclose(given[name][coefficients], taken[name][coefficients], atol=1e-3)
        assert not np.allclose(given[name][5], taken[name][5], atol=1e-3)
    assert set(class_scores(read_scores(run.scores_path), "ap70")) == {"disc", "all"}


def test_zero_shot_runs_feeds_no_mask_loss_and_gives_the_masks_it_gives(squares, tiny_spec, tiny, tmp_path):
    spec, split = shots(tiny_spec, tiny, 0, classes="disc", start_from=str(squares.weights))
    assert (spec.data.full, spec.data.drawn) == (0, "zero-shot")
    run = prepare_run(tmp_path / "run", spec, tmp_path, split)
    assert carry_out(run, tmp_path) == State.DONE
    losses = [event["losses"] for event in run.events() if event["kind"] == "train"]
    assert losses
    assert all(parts["mask"] == 0 < parts["box"] for parts in losses)
    assert isinstance(read_scores(run.scores_path)["mask"]["ap70"], float)


def test_background_images_are_left_out_where_a_run_does_not_want_them(tiny_spec, tiny):
    spec, split = shots(tiny_spec, tiny, 1, classes="disc", background=False)
    assert spec.data.weak == len(as_run_sees(tiny, "disc", "").train.images) - 1
    assert (spec.data.background, background_images(tiny, spec, split)) == (False, 0)


def test_all_classes_need_no_view_and_others_are_written_in_the_data_sets_order(tiny_spec, tiny):
    assert shots(tiny_spec, tiny, 1)[0].data.classes == ""
    assert shots(tiny_spec, tiny, 1, classes=" disc, square")[0].data.classes == "square,disc"


def test_the_papers_images_are_refused_elsewhere(tiny_spec, tiny):
    with pytest.raises(DataError, match="no class 'aeroplane'"):
        shots(tiny_spec, tiny, "paper")


def test_the_backbone_alone_is_for_models_whose_backbone_ships(tmp_path):
    assert start_weights(BACKBONE, "yolov5n-lite0-seg") == ""
    assert start_weights(str(tmp_path), "yolov5n-seg") == str(tmp_path)
    with pytest.raises(SettingsError, match="yolov5x-cls"):
        start_weights(BACKBONE, "yolov5x-seg")


def scramble_squares(folder):
    labels = json.loads((folder / "instances_train.json").read_text())
    rng = np.random.default_rng(0)
    for label in labels["annotations"]:
        if label["category_id"] == 1:
            label["segmentation"] = mask_to_rle(rng.random((64, 64)) > 0.5)
    (folder / "instances_train.json").write_text(json.dumps(labels))


@pytest.mark.parametrize("model", ["yolov5n-seg", "yolo11n-seg", "detr-lite0-few"])
def test_masks_of_other_classes_change_no_bit_of_what_is_learnt(model, tiny_spec, tmp_path):
    """The whole way: two data sets that differ in the masks of squares alone teach equal weights."""
    stages = {"mask_steps": 1} if model.startswith("detr") else {}
    learnt = {}
    for name in ("true", "scrambled"):
        folder = tmp_path / name
        write_tiny(folder, {"train": 8, "val": 2})
        if name == "scrambled":
            scramble_squares(folder)
        for masks in ("disc", ""):
            spec = tiny_spec.changed(
                data=str(folder),
                model=model,
                full=4,
                weak=4,
                steps=2,
                evaluate_every=2,
                mask_classes=masks,
                **stages,
            )
            run = prepare_run(tmp_path / f"{name}-run-{masks}", spec, tmp_path)
            assert carry_out(run, tmp_path) == State.DONE
            learnt[name, masks] = (run.weights / "model.safetensors").read_bytes()
    assert learnt["true", "disc"] == learnt["scrambled", "disc"]
    assert learnt["true", ""] != learnt["scrambled", ""]


def test_a_partly_supervised_run_says_that_its_cost_is_less(tiny_spec, tmp_path):
    run = prepare_run(tmp_path / "runs" / "run", tiny_spec.changed(steps=1, mask_classes="disc"), tmp_path)
    carry_out(run, tmp_path)
    (row,) = measured_results([], run.path.parent).to_dict("records")
    assert "only disc have masks" in row["note"]


def test_labels_with_masks_of_one_class_may_stand_in_f_where_only_those_are_asked_for(tiny_spec, tmp_path):
    folder = tmp_path / "partly"
    write_tiny(folder, {"train": 8, "val": 2})
    labels = json.loads((folder / "instances_train.json").read_text())
    for label in labels["annotations"]:
        if label["category_id"] == 1:
            del label["segmentation"]
    (folder / "instances_train.json").write_text(json.dumps(labels))
    assert sum(image.can_be_full for image in read_coco_folder(folder).train.images) == 4
    spec = tiny_spec.changed(data=str(folder), full=6, weak=2, steps=1)
    with pytest.raises(Exception, match="more than the 4 images of"):
        prepare_run(tmp_path / "no", spec, tmp_path)
    run = prepare_run(tmp_path / "run", spec.changed(mask_classes="disc"), tmp_path)
    assert carry_out(run, tmp_path) == State.DONE
