import base64
import re
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pytest

from splitlab.app.widgets.swipe import _SWIPE_HEIGHT, _SWIPE_WIDTH, _layer_source, _swipe_width
from splitlab.evaluation.matches import ErrorKind
from splitlab.figures.mask_panels import DrawnObject, Panel, label_points, mask_panels
from splitlab.figures.palette import ERROR_COLOURS, class_colour
from splitlab.geometry import mask_to_rle

HEIGHT, WIDTH = 60, 80
SVG = "{http://www.w3.org/2000/svg}"


def drawn(name="cat", kind=None, hole=False):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[10:40, 20:60] = True
    mask[20:30, 30:40] = not hole
    return DrawnObject(1, name, 0.87, (20, 10, 60, 40), mask_to_rle(mask), kind)


def layer(*objects):
    source = _layer_source(objects, HEIGHT, WIDTH)
    return ElementTree.fromstring(base64.b64decode(source.removeprefix("data:image/svg+xml;base64,")))  # noqa: S314


def numbers(path):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*", path.get("d"))]


def test_a_layer_holds_the_outlines_colours_and_labels_of_the_panel():
    found = drawn(hole=True)
    panel = next(
        trace
        for trace in mask_panels(np.zeros((HEIGHT, WIDTH, 3), np.uint8), [Panel("m", [found])]).data
        if trace.type == "scatter" and trace.fill == "toself"
    )
    path, text = layer(found)
    assert path.get("fill") == path.get("stroke") == panel.line.color == class_colour(1)
    assert path.get("d").count("Z") == 2
    points = np.array(numbers(path)).reshape(-1, 2)
    assert sorted(set(points[:, 0])) == pytest.approx(sorted(set(np.round(panel.x[~np.isnan(panel.x)], 1))))
    assert text.text == "cat 0.87"


def test_a_missed_object_is_dashed_and_in_its_errors_colour():
    path, text = layer(drawn(kind=ErrorKind.MISSED))
    assert path.get("stroke-dasharray")
    assert path.get("stroke") == ERROR_COLOURS[ErrorKind.MISSED]
    assert text.text.startswith("missed: cat")


@pytest.mark.parametrize(
    "name", ["</text><script>alert(1)</script>", '"><image href="http://x"/>', "a\x00b\x1bc\ud800"]
)
def test_a_hostile_name_stays_a_name(name):
    root = layer(drawn(name))
    assert {element.tag for element in root.iter()} == {f"{SVG}svg", f"{SVG}path", f"{SVG}text"}
    assert root[1].text.replace("?", "") == f"{name} 0.87".translate({0: None, 27: None, 0xD800: None})


def test_a_layer_without_objects_is_empty():
    assert len(layer()) == 0


@pytest.mark.parametrize(("height", "width"), [(4000, 100), (100, 4000), (30, 40)])
def test_a_picture_to_swipe_over_fits_a_screen(height, width):
    shown = _swipe_width(np.zeros((height, width, 3), np.uint8))
    assert shown <= _SWIPE_WIDTH
    assert shown * height / width <= _SWIPE_HEIGHT + height / width


def test_labels_of_one_place_stand_below_one_another():
    points = label_points([drawn(), drawn(), drawn("a much longer name")], 2.0)
    assert all(abs(one[1] - other[1]) >= 2 for one, other in combinations(points, 2))
    assert {x for x, _ in points} == {40}
