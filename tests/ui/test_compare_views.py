"""Compare masks and Errors by split between models: swipe, who sees what, presets; and what their links hold."""

import base64
import json
from itertools import product

import pytest

from splitlab.app.widgets.sources import checkpoint_choices
from splitlab.workspace import Workspace
from tests.checkpoints import write_checkpoint
from tests.ui.opened import looked_at, open_page, texts

DATA_IMAGES = "images of a data set"
CHECKPOINTS = ["tiny-4-6", "tiny-12-0"]


def swipe_data(app):
    (element,) = app.get("bidi_component")
    return json.loads(element.proto.json)


def layer(side):
    return base64.b64decode(side["layer"].removeprefix("data:image/svg+xml;base64,")).decode()


def test_a_link_names_checkpoints_data_and_image_even_where_nothing_was_chosen(workspace):
    app = open_page("compare_masks", look_at=DATA_IMAGES)
    assert sorted(app.query_params["models"]) == sorted(CHECKPOINTS)
    assert app.query_params["data"] == "tiny"
    assert app.query_params["image"] == "1"


def test_models_of_drawn_scenes_come_after_those_of_photos(tmp_path, monkeypatch):
    monkeypatch.setenv("SPLITLAB_CHECKPOINTS", str(tmp_path))
    for dataset in ("pets", "embedded", "cows"):
        write_checkpoint(tmp_path / f"of-{dataset}", dataset=dataset)
    assert list(checkpoint_choices(Workspace.here())) == ["of-cows", "of-pets", "of-embedded"]


def test_a_link_opens_the_checkpoints_it_names_in_its_order(workspace):
    app = open_page("compare_masks", look_at=DATA_IMAGES, models=CHECKPOINTS[::-1])
    assert app.multiselect(key="models").value == CHECKPOINTS[::-1]


def test_what_is_chosen_by_hand_stays_and_is_in_the_link(workspace):
    app = open_page("compare_masks", look_at=DATA_IMAGES, models=CHECKPOINTS)
    app.multiselect(key="models").set_value(["tiny-12-0"]).run()
    app.slider(key="score").set_value(0.1).run()
    assert app.multiselect(key="models").value == ["tiny-12-0"]
    assert app.query_params["models"] == "tiny-12-0"


def test_classes_of_a_checkpoint_that_is_added_later_are_shown_and_those_switched_off_stay_off(tmp_path, monkeypatch):
    monkeypatch.setenv("SPLITLAB_CHECKPOINTS", str(tmp_path))
    for name, class_names in (("of-pets", ["cat", "dog"]), ("of-street", ["cat", "car"])):
        write_checkpoint(tmp_path / name, class_names=class_names)
    app = open_page("compare_masks", models="of-pets")
    app.multiselect(key="models").set_value(["of-pets", "of-street"]).run()
    assert app.button_group(key="classes").value == ["cat", "dog", "car"]
    assert "classes" not in app.query_params  # all of them: the link says nothing
    app.button_group(key="classes").set_value(["cat"]).run()
    app.multiselect(key="models").set_value(["of-pets"]).run()
    app.multiselect(key="models").set_value(["of-pets", "of-street"]).run()
    assert app.button_group(key="classes").value == ["cat", "car"]
    assert app.query_params["classes"] == ["cat", "car"]


def test_an_old_link_with_labels_falls_back_to_the_first_checkpoints(workspace):
    app = open_page("compare_masks", look_at=DATA_IMAGES, models="tiny 4/6 (tiny-4-6)")
    assert sorted(app.multiselect(key="models").value) == sorted(CHECKPOINTS)


def test_the_swipe_shows_the_two_sides_that_the_link_names(workspace):
    app = open_page(
        "compare_masks", look_at=DATA_IMAGES, view="swipe", left="truth", right="tiny-12-0", score="0.05", image="3"
    )
    shown = swipe_data(app)
    assert shown["left"]["title"] == "ground truth"
    assert shown["right"]["title"].startswith("tiny 12/0")
    assert ">disc</text>" in layer(shown["left"])
    app.selectbox(key="left").set_value("tiny-4-6").run()
    assert not app.exception
    assert app.query_params["left"] == "tiny-4-6"
    assert swipe_data(app)["left"]["title"].startswith("tiny 4/6")


@pytest.mark.parametrize(("gone", "left", "right"), [(0, "photo", "tiny-12-0"), (1, "tiny-4-6", "photo")])
def test_where_one_side_of_the_swipe_goes_the_other_is_not_shown_twice(workspace, gone, left, right):
    app = open_page("compare_masks", models=CHECKPOINTS, view="swipe", left=CHECKPOINTS[0], right=CHECKPOINTS[1])
    app.multiselect(key="models").set_value([CHECKPOINTS[1 - gone]]).run()
    assert (app.selectbox(key="left").value, app.selectbox(key="right").value) == (left, right)
    assert (app.query_params["left"], app.query_params["right"]) == (left, right)


def test_a_link_that_names_one_side_of_the_swipe_leaves_another_for_the_other(workspace):
    for side, other in (("left", "right"), ("right", "left")):
        for name in CHECKPOINTS:
            app = open_page("compare_masks", models=CHECKPOINTS, view="swipe", **{side: name})
            assert app.selectbox(key=side).value == name
            assert app.selectbox(key=other).value != name


def test_one_model_is_swiped_against_the_bare_photo(workspace):
    app = open_page("compare_masks", models="tiny-4-6", view="swipe")
    assert [swipe_data(app)[side]["title"] for side in ("left", "right")][1] == "photo"


def test_only_objects_that_so_many_models_see_are_drawn(workspace):
    app = open_page("compare_masks", look_at=DATA_IMAGES, score="0.95")
    assert '"square"' in app.get("plotly_chart")[0].proto.spec or '"disc"' in app.get("plotly_chart")[0].proto.spec
    app.button_group(key="seen").set_value(["all"]).run()
    assert not app.exception
    assert "toself" not in app.get("plotly_chart")[0].proto.spec.split('"template"')[0]
    app.button_group(key="seen").set_value(["all", "none"]).run()
    assert "toself" in app.get("plotly_chart")[0].proto.spec.split('"template"')[0]


def test_counts_over_the_dataset_lead_to_their_images(workspace):
    app = looked_at("errors")
    app.slider(key="counted_from").set_value(0.95).run()
    assert "Of 4 labelled objects" in texts(app)
    button = app.button(key="seen none")
    assert button.label == "by none: **4**"
    button.click().run()
    assert not app.exception
    assert app.selectbox(key="kind").value == "seen by none"
    assert "4 in 4 images" in texts(app)
    app.selectbox(key="truth").set_value("disc").run()
    assert "2 in 2 images" in texts(app)
    app.button(key="seen all").click().run()
    assert "No image has such" in texts(app)


def test_presets_of_drawn_scenes_are_not_offered_on_photos(tmp_path, monkeypatch):
    monkeypatch.setenv("SPLITLAB_CHECKPOINTS", str(tmp_path))
    for dataset, full, weak in product(("pets", "embedded"), (3, 5), (4,)):
        write_checkpoint(tmp_path / f"{dataset}-{full}", dataset=dataset, full=full, weak=weak)
    offered = {button.key for button in open_page("compare_masks").button}
    assert "preset pets YOLO" in offered
    assert "preset embedded YOLO" not in offered


def test_a_preset_picks_splits_that_are_here_and_a_figure_says_what_is_missing(workspace):
    app = open_page("compare_masks", models="tiny-4-6")
    app.button(key="preset tiny YOLO").click().run()
    assert app.multiselect(key="models").value == CHECKPOINTS
    assert "Missing: **200/10k, 400/5k, 800/3k, 1464/0**" in texts(app)
    assert "--full 200 --weak 10531" in app.code[0].value
    app.button_group(key="figure").set_value("Fig. 4").run()
    assert "paper-detr-voc" in app.code[0].value
