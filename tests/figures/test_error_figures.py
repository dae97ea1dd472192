import json
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from skimage.color import rgb2lab

from splitlab.evaluation.curves import calibration, precision_recall_curves
from splitlab.evaluation.errors_by_kind import Confusion, confusion_of_pairs, confusion_pairs
from splitlab.evaluation.matches import ERRORS, MEANINGS, ErrorKind, overlaps_of_dataset
from splitlab.evaluation.scores import Estimate
from splitlab.figures.comparison_tables import SplitMistakes, mistakes_by_split
from splitlab.figures.errors import (
    _NOTHING,
    confusion_heatmap,
    error_cost_bars,
    error_count_bars,
    precision_recall_lines,
    reliability_diagram,
)
from splitlab.figures.palette import ERROR_COLOURS, FULL_HUE, WEAK_HUE, class_colour
from tests.evaluation.drawn import random_case

# How the eye without its middle, long or short cones sees linear RGB (Machado et al., 2009, severity 1).
SIGHTS = {
    "all cones": np.eye(3),
    "no middle cones": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "no long cones": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "no short cones": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
INK = "#1C2030"
NAMES = ("class 0", "class 1", "class 2")


@pytest.fixture(scope="module")
def overlaps():
    return overlaps_of_dataset(*random_case(5))


def plain(figure):
    """What the browser gets: a click brings back nothing else."""
    return json.loads(figure.to_json())


def seen(colour, sight):
    rgb = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    shown = (np.array(SIGHTS[sight]) @ linear).clip(0, 1)
    return rgb2lab(np.where(shown <= 0.0031308, 12.92 * shown, 1.055 * shown ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("sight", SIGHTS)
def test_kinds_of_error_are_told_apart_with_any_colour_vision(sight):
    for first, second in combinations(ERRORS, 2):
        apart = np.linalg.norm(seen(ERROR_COLOURS[first], sight) - seen(ERROR_COLOURS[second], sight))
        assert apart > 25, (first, second, apart)


def test_every_kind_has_a_colour_and_a_meaning_and_none_means_f_or_w():
    assert set(ERROR_COLOURS) == set(MEANINGS) == set(ErrorKind)
    assert not {FULL_HUE, WEAK_HUE} & set(ERROR_COLOURS.values())


def test_bars_hold_every_kind_of_every_model_and_negative_costs_keep_their_side():
    lost = {
        "30/0": {kind: float(rank) for rank, kind in enumerate(ERRORS)},
        "30/450": {kind: -1.0 if kind is ErrorKind.MISSED else 2.0 for kind in ERRORS},
    }
    figure = error_cost_bars(lost)
    assert [bar.name for bar in figure.data] == [kind.value for kind in ERRORS]
    drawn = {(model, bar.name): x for bar in figure.data for model, x in zip(bar.y, bar.x, strict=True)}
    assert drawn == {(model, kind.value): lost[model][kind] for model in lost for kind in ERRORS}
    assert figure.layout.barmode == "relative"
    assert plain(figure)["data"][0]["customdata"] == [["30/0", "misclassified"], ["30/450", "misclassified"]]


def test_counts_of_found_objects_are_no_errors():
    figure = error_count_bars({"30/0": dict.fromkeys(ErrorKind, 3)})
    assert ErrorKind.FOUND.value not in [bar.name for bar in figure.data]


def test_precision_recall_lines_have_the_classes_colours_and_tell_the_score(overlaps):
    curves = precision_recall_curves(overlaps, 3, [0.5])
    lines = precision_recall_lines(curves, NAMES).data
    assert [line.name for line in lines] == list(NAMES)
    assert [line.line.color for line in lines] == [class_colour(index) for index in range(3)]
    assert lines[0].customdata[0][0].startswith("with detections down to score ")
    assert any(told == "never reached" for line in lines for told, *_ in line.customdata)


def test_the_reliability_diagram_leaves_empty_bins_out(overlaps):
    measured = calibration([image.above(0.3) for image in overlaps])
    bars, line = reliability_diagram(measured.bins).data
    assert len(bars.x) == (measured.bins["detections"] > 0).sum() < len(measured.bins)
    assert sum(count for _, count in bars.customdata) == measured.bins["detections"].sum()
    assert (list(line.x), list(line.y)) == ([0, 1], [0, 1])


def test_a_click_on_a_cell_brings_back_the_key_of_its_images(overlaps):
    confusion = confusion_of_pairs(confusion_pairs(overlaps), 3)
    figure = plain(confusion_heatmap(confusion, NAMES, INK))
    cells = figure["data"][1]
    assert {tuple(cell) for cell in cells["customdata"]} == set(confusion.images)
    names = [*NAMES, _NOTHING]
    for x, y, (row, column), text in zip(cells["x"], cells["y"], cells["customdata"], cells["text"], strict=True):
        assert (names[column], names[row]) == (x, y)
        assert text == f"{confusion.counts[row, column]:,}"


def test_right_cells_are_shaded_by_share_and_wrong_ones_the_other_way():
    counts = np.array([[6, 3, 1], [0, 5, 5], [3, 1, 0]])
    images = {(int(row), int(column)): (1,) for row, column in np.argwhere(counts)}
    shades = np.array(confusion_heatmap(Confusion(counts, images), ("cat", "dog"), INK).data[0].z)
    np.testing.assert_allclose(shades, [[0.6, -1, -0.5], [0, 0.5, -1], [0, 0, 0]])


def test_mistakes_are_drawn_against_f_and_w_with_their_intervals():
    models = [
        SplitMistakes("30/0", "yolo", 30, 0, Estimate(0.10, 0.05, 0.15, 112), Estimate(0.81, 0.79, 0.83, 104)),
        SplitMistakes("30/450", "yolo", 30, 450, Estimate(0.02, 0.00, 0.05, 111), Estimate(0.83, 0.82, 0.85, 110)),
        SplitMistakes("blind", "yolo", 10, 0, Estimate(None, None, None, 0), Estimate(None, None, None, 0)),
    ]
    by_full, by_weak, iou_by_full, _ = mistakes_by_split(models).data
    assert (list(by_full.x), list(by_weak.x)) == ([30, 30], [0, 450])
    assert list(by_weak.y) == [0.10, 0.02]
    assert list(iou_by_full.y) == [0.81, 0.83]
    assert list(by_weak.error_y.array) == pytest.approx([0.05, 0.03])
    assert list(by_weak.error_y.arrayminus) == pytest.approx([0.05, 0.02])
    assert list(by_weak.text) == ["30/0", "30/450"]


def test_figures_of_nothing_are_drawn_all_the_same():
    nothing = calibration([])
    assert len(reliability_diagram(nothing.bins).data[0].x) == 0
    assert not precision_recall_lines(pd.DataFrame(columns=["class_index", "recall", "precision", "score"]), NAMES).data
    assert len(mistakes_by_split([]).data) == 4
    assert len(confusion_heatmap(confusion_of_pairs(confusion_pairs([]), 3), NAMES, INK).data[1].x) == 0


@pytest.mark.parametrize("models", [1, 4])
def test_the_legend_of_the_bars_has_room_of_its_own_for_a_row_for_each_kind(models):
    lost = {str(model): dict.fromkeys(ERRORS, 1.0) for model in range(models)}
    for figure in (error_cost_bars(lost), error_count_bars(lost)):
        legend = figure.layout.legend
        # Against the container, plotly keeps the room free that the rows take; against the plot, rows cover bars.
        assert (legend.yref, legend.y, legend.yanchor) == ("container", 1, "top")
        rows = 20 * len(ERRORS)
        assert legend.maxheight >= rows
        assert figure.layout.height - rows - figure.layout.margin.b >= 44 * models
