import numpy as np
import pytest

from splitlab.evaluation.matches import ErrorKind, overlaps_of_image
from splitlab.evaluation.scores import Estimate
from splitlab.figures.comparison_tables import SplitMistakes, observations_in_words
from splitlab.figures.mask_panels import DrawnObject, Panel, mask_panels
from splitlab.figures.object_pictures import drawn_detections, drawn_errors, drawn_truth, object_picture
from splitlab.figures.palette import ERROR_COLOURS, class_colour
from tests.evaluation.drawn import SIDE, found, image, label, rectangle

NAMES = ("cat", "dog")
HERE, THERE = (5, 5, 45, 45), (55, 55, 95, 95)
PHOTO = np.full((SIDE, SIDE, 3), 90, np.uint8)


def drawn(kind=None, name="cat", box=HERE):
    return DrawnObject(0, name, 0.5, tuple(map(float, box)), rectangle(*box), kind)


def test_detections_are_drawn_from_a_score_up_and_best_first():
    objects = drawn_detections(found((HERE, 0.3), (THERE, 0.9, 1), (HERE, 0.1)), NAMES, 0.3)
    assert [(one.class_name, round(one.score, 2)) for one in objects] == [("dog", 0.9), ("cat", 0.3)]


def test_the_truth_is_drawn_without_crowds_and_scores():
    (truth,) = drawn_truth(image(label(HERE), label(THERE, crowd=True)), NAMES)
    assert (truth.class_name, truth.score, truth.label) == ("cat", None, "cat")


def test_errors_are_drawn_with_their_kinds_and_what_was_missed():
    labels, seen = image(label(HERE), label(THERE)), found((HERE, 0.9, 1))
    wrong, missed = drawn_errors(labels, seen, overlaps_of_image(labels, seen), NAMES)
    assert (wrong.kind, wrong.class_name) == (ErrorKind.MISCLASSIFIED, "dog")
    assert (missed.kind, missed.label) == (ErrorKind.MISSED, "missed: cat")
    assert missed.colour == ERROR_COLOURS[ErrorKind.MISSED]


def test_a_panel_tells_a_missed_object_apart_by_its_line_and_the_legend_by_kind():
    panels = [Panel("one", [drawn(), drawn(ErrorKind.MISSED, box=THERE)]), Panel("two", [drawn(ErrorKind.MISSED)])]
    traces = [trace for trace in mask_panels(PHOTO, panels).data if trace.type == "scatter"]
    lines = [trace for trace in traces if trace.mode == "lines"]
    assert [line.line.dash for line in lines] == ["solid", "dash", "dash"]
    assert [line.name for line in lines if line.showlegend] == ["cat", "missed"]


def test_names_that_look_like_markup_are_shown_letter_for_letter():
    hostile = "<a href='http://x.y'>"
    figure = mask_panels(PHOTO, [Panel(hostile, [drawn(name=hostile)])])
    scatters = [trace for trace in figure.data if trace.type == "scatter"]
    shown = [figure.layout.annotations[0].text, *(str(text) for trace in scatters for text in (trace.name, trace.text))]
    assert not any("<a" in text for text in shown)


def test_a_picture_shows_the_colour_inside_and_only_an_outline_of_what_was_missed():
    inside, outside = (38, 35), (90, 90)
    filled = object_picture(PHOTO, [drawn()], SIDE)
    assert filled[outside].tolist() == [90, 90, 90]
    assert filled[inside].tolist() != [90, 90, 90]
    assert object_picture(PHOTO, [drawn(ErrorKind.MISSED)], SIDE)[inside].tolist() == [90, 90, 90]
    assert object_picture(PHOTO, [drawn(name="\0\n猫" * 40)], 2 * SIDE).shape == (2 * SIDE, 2 * SIDE, 3)
    assert class_colour(0) == drawn().colour


def split(name, full, weak, confusion, iou, spread=0.01, trained="yolo"):
    return SplitMistakes(
        name,
        trained,
        full,
        weak,
        Estimate(confusion, confusion - spread, confusion + spread, 50),
        Estimate(iou, iou - spread, iou + spread, 50),
    )


def test_intervals_without_width_decide_nothing():
    models = [split("30/0", 30, 0, 0.0, 0.80, spread=0.0), split("30/450", 30, 450, 0.4, 0.81)]
    (_, boxes), _ = observations_in_words(models)
    assert boxes.endswith("not enough evidence.")


def test_observations_compare_models_that_differ_in_one_size_alone():
    models = [
        split("30/0", 30, 0, 0.12, 0.80),
        split("30/450", 30, 450, 0.03, 0.81),
        split("480/0", 480, 0, 0.05, 0.87),
    ]
    (_, boxes), (_, masks) = observations_in_words(models)
    assert boxes == (
        "Here, at |F| = 30, 30/0 misclassifies 12.0% (95 %: 11.0% to 13.0%) of the objects it localises and "
        "30/450 misclassifies 3.0% (95 %: 2.0% to 4.0%) of the objects it localises. The "
        "intervals do not overlap, which supports the observation."
    )
    assert "at |W| = 0, the objects found by 30/0 have a mean mask IoU of 0.800" in masks
    assert "480/0" in masks


@pytest.mark.parametrize("models", [[], [split("30/0", 30, 0, 0.1, 0.8)]])
def test_observations_ask_for_models_that_could_show_them(models):
    assert [told for _, told in observations_in_words(models)] == [
        "To check this, select two models that were trained alike, with equal |F|.",
        "To check this, select two models that were trained alike, with equal |W|.",
    ]


def test_models_of_other_networks_or_settings_show_nothing_of_a_split():
    models = [split("30/0", 30, 0, 0.12, 0.80), split("30/450", 30, 450, 0.03, 0.81, trained="detr")]
    assert observations_in_words(models)[0][1].endswith("with equal |F|.")


def test_what_goes_the_other_way_is_said_to_be_against_the_observation():
    models = [split("30/0", 30, 0, 0.03, 0.87), split("480/0", 480, 0, 0.05, 0.80), split("30/450", 30, 450, 0.12, 0.8)]
    (_, boxes), (_, masks) = observations_in_words(models)
    assert boxes.endswith("The intervals do not overlap, which contradicts the observation.")
    assert masks.endswith("The intervals do not overlap, which contradicts the observation.")


def test_intervals_that_overlap_settle_nothing():
    models = [split("30/0", 30, 0, 0.12, 0.8, 0.2), split("30/450", 30, 450, 0.03, 0.8, 0.2)]
    assert observations_in_words(models)[0][1].endswith(
        "The intervals overlap, so these images alone are not enough evidence."
    )
