import itertools
import math

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from splitlab.figures.training import _MOST_POINTS, _RUN_COLOURS, MOST_RUNS, keep_places, overlaid_curves

# Machado et al. 2009, of full strength, on linear colours.
COLOUR_VISION = {
    "usual": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def train(step, losses, speed=20.0):
    return {"kind": "train", "step": step, "losses": losses, "images_per_second": speed}


def evaluation(step, ap50):
    return {"kind": "evaluation", "step": step, "scores": {"mask": {"ap50": ap50, "ap70": None}}}


def run_of(steps, **losses):
    return [event for step in range(10, steps + 1, 10) for event in (train(step, losses), evaluation(step, step / 10))]


def drawn(*runs):
    named = {f"run{number}": events for number, events in enumerate(runs)}
    return overlaid_curves(named, {name: number for number, name in enumerate(named)})


def titles(figure):
    return [annotation.text for annotation in figure.layout.annotations]


def linear(colour):
    values = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def test_each_part_of_any_run_has_a_panel_and_what_nobody_measured_has_none():
    figure = drawn(run_of(30, box=2.0, mask=1.0), run_of(30, box=2.0, boundary=1.0))
    assert titles(figure) == ["mask AP50", "loss: mask", "loss: box", "loss: boundary", "images a second"]
    assert [trace.name for trace in figure.data if trace.showlegend] == ["run0", "run1"]


def test_eight_runs_at_most_are_drawn_and_no_two_look_alike():
    figure = drawn(*[run_of(20, box=1.0)] * (MOST_RUNS + 3))
    looks = {trace.name: (trace.line.color, trace.line.dash) for trace in figure.data}
    assert len(looks) == len(set(looks.values())) == MOST_RUNS


def test_a_run_keeps_its_look_when_another_is_taken_away():
    places = keep_places(["a", "b", "c"], {})
    assert places == {"a": 0, "b": 1, "c": 2}
    assert keep_places(["c", "d"], places) == {"c": 2, "d": 0}
    full = keep_places([str(number) for number in range(MOST_RUNS)], {})
    assert keep_places(["new", *list(full)[1:]], full)["new"] == 0


def test_a_long_run_is_thinned_to_means_and_ends_where_it_ended():
    events = [train(step, {"box": float(step % 2)}) for step in range(1, 30_001)]
    events += [evaluation(step, step / 300) for step in range(10, 30_001, 10)]
    figure = drawn(events)
    by_title = dict(zip(titles(figure), figure.data, strict=True))
    assert all(len(trace.x) <= _MOST_POINTS for trace in figure.data)
    assert set(by_title["loss: box"].y) == {0.5}
    assert by_title["mask AP50"].x[-1] == 30_000
    assert by_title["mask AP50"].y[-1] == 100.0


@pytest.mark.parametrize(
    "event",
    [
        {"step": 20},
        {"step": 20, "kind": 3},
        {"step": 20, "kind": "train", "losses": [1]},
        {"step": 20, "kind": "train", "losses": {"box": "much"}, "images_per_second": math.nan},
        {"step": 20, "kind": "evaluation", "scores": {"mask": 3}},
        {"step": 20, "kind": "evaluation", "scores": None},
    ],
)
def test_an_event_of_another_shape_is_passed_over(event):
    figure = drawn([train(10, {"box": 1.0}), event])
    assert [tuple(trace.x) for trace in figure.data] == [(10,), (10,)]


def test_a_name_is_shown_letter_for_letter():
    figure = overlaid_curves({"<b>bold</b>": run_of(10, box=1.0)}, {"<b>bold</b>": 0})
    assert figure.data[0].name == "&lt;b&gt;bold&lt;/b&gt;"


def test_runs_without_events_are_an_empty_figure():
    assert len(drawn([], []).data) == 0


@pytest.mark.parametrize("vision", COLOUR_VISION)
def test_the_colours_of_runs_stay_apart_with_any_colour_vision(vision):
    seen = np.clip([np.array(COLOUR_VISION[vision]) @ linear(colour) for colour in _RUN_COLOURS], 0, 1)
    shown = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    labs = rgb2lab(shown[None])[0]
    assert min(deltaE_ciede2000(one, other) for one, other in itertools.combinations(labs, 2)) > 18


@pytest.mark.parametrize("ground", ["#FFFFFF", "#14161F"])
def test_the_colours_of_runs_are_seen_on_light_and_dark(ground):
    luminance = [float(linear(colour) @ (0.2126, 0.7152, 0.0722)) for colour in (ground, *_RUN_COLOURS)]
    for other in luminance[1:]:
        assert (max(luminance[0], other) + 0.05) / (min(luminance[0], other) + 0.05) >= 2.7
