import numpy as np
import plotly.graph_objects as go
import pytest
from plotly.subplots import make_subplots

from splitlab.budget.published import published_results
from splitlab.budget.results import MEASURED, ResultRow, by_common_seeds, results_table
from splitlab.figures.cost_against_ap import cost_against_ap, row_key
from splitlab.figures.mask_panels import DrawnObject, Panel, _columns_of, mask_outlines, mask_panels
from splitlab.figures.palette import class_colour, full_ramp, translucent
from splitlab.figures.training import training_curves
from splitlab.geometry import mask_to_rle


@pytest.fixture(scope="module")
def table():
    return published_results()


def drawn_keys(figure):
    return [row[0] for trace in figure.data if trace.customdata is not None for row in trace.customdata]


@pytest.mark.parametrize(("dataset", "metric"), [("VOC2012", "ap70"), ("VOC2012", "ap50"), ("Cityscapes", "ap50_95")])
def test_every_row_that_has_the_metric_is_drawn_once(table, dataset, metric):
    rows = table[table["dataset"] == dataset]
    keys = drawn_keys(cost_against_ap(rows, metric))
    expected = rows[rows[metric].notna()].apply(row_key, axis=1)
    assert sorted(keys) == sorted(expected)


def test_models_of_one_f_are_joined_from_few_boxes_to_many(table):
    figure = cost_against_ap(table[table["dataset"] == "VOC2012"], "ap70")
    line = next(trace for trace in figure.data if trace.name == "YOLOv5, |F| = 400")
    assert line.mode == "lines+markers"
    assert list(line.y) == [38.6, 43.0, 47.6, 49.9, 52.8]


def test_each_line_is_labelled_where_it_has_the_fewest_boxes_and_needs_no_legend(table):
    figure = cost_against_ap(table[table["dataset"] == "VOC2012"], "ap70")
    texts = {
        (text, round(x, 1), y)
        for trace in figure.data
        if trace.mode == "markers+text"
        for text, x, y in zip(trace.text, trace.x, trace.y, strict=True)
    }
    assert {("|F| = 200", 13.3, 34.5), ("400", 26.6, 38.6), ("<b>YOLOv5</b>", 195.6, 58.8)} <= texts
    assert {("|F| = 400", 37.2, 21.0), ("1,464", 108.1, 33.4), ("<b>DETR</b>", 195.6, 44.9)} <= texts
    listed = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert listed[0] == "LACI (weak or semi)"
    assert len(listed) == 8


def test_the_score_axis_says_which_images_were_scored(table):
    axis = cost_against_ap(table[table["dataset"] == "Cityscapes"], "ap50").layout.yaxis.title.text
    assert axis == "mask AP at IoU 0.50<br>val of Cityscapes, 500 images"
    assert cost_against_ap(table, "ap50").layout.yaxis.title.text == "mask AP at IoU 0.50"


def test_published_marks_are_open_and_measured_ones_filled(table):
    measured = results_table([ResultRow(MEASURED, "pets", "yolov5n-seg", 30, 450, 6.8, ap70=80.0, run="r")])
    for figure, is_open in ((cost_against_ap(table, "ap70"), True), (cost_against_ap(measured, "ap70"), False)):
        marks = [trace.marker.symbol for trace in figure.data if trace.customdata is not None]
        assert {symbol.endswith("-open") for symbol in marks} == {is_open}


def test_several_seeds_are_one_mark_with_a_bar_and_one_seed_has_none():
    scores = {0: 78.0, 1: 80.0, 2: 85.0}
    rows = [
        ResultRow(MEASURED, "pets", "yolov5n-seg", 30, 450, 6.8, ap70=ap, seed=seed, run=f"r{seed}")
        for seed, ap in scores.items()
    ]
    alone = ResultRow(MEASURED, "pets", "yolov5n-seg", 480, 0, 32.0, ap70=90.0, seed=0, run="alone")
    figure = cost_against_ap(by_common_seeds(results_table([*rows, alone])), "ap70")
    marks, one_seed = (trace for trace in figure.data if trace.customdata is not None)
    assert one_seed.error_y.array is None
    by_score = dict(zip(marks.y, zip(marks.error_y.array, marks.error_y.arrayminus, strict=True), strict=True))
    # The mark is seed 0, which both splits have; the bar is the mean of all three, a deviation each way.
    assert by_score == {78.0: pytest.approx((3 + 13**0.5, 13**0.5 - 3))}
    assert sum("78.0 (77.4 to 84.6)" in text for text in marks.text) == 1


def test_a_pick_is_ringed_at_its_place(table):
    row = table[(table["method"] == "YOLOv5") & (table["full"] == 800) & (table["weak"] == 3000)].iloc[0]
    ring = cost_against_ap(table, "ap70", picked=row_key(row)).data[-1]
    assert (ring.name, list(ring.y)) == ("your pick", [50.2])


def test_a_known_misprint_is_told_on_hover(table):
    figure = cost_against_ap(table, "ap70")
    texts = [text for trace in figure.data if trace.text is not None for text in trace.text]
    assert sum("prints 122.7 h" in text for text in texts) == 1


def test_larger_f_is_darker_and_classes_keep_their_colour():
    ramp = full_ramp([800, 200, 400, 200])
    brightness = [sum(map(float, ramp[full][4:-1].split(","))) for full in (200, 400, 800)]
    assert brightness == sorted(brightness, reverse=True)
    assert class_colour(1) == class_colour(1) != class_colour(2)
    assert translucent("#ff8000", 0.5) == "rgba(255,128,0,0.5)"


def disc(hole=False):
    y, x = np.mgrid[:50, :60]
    distance = np.hypot(x - 30, y - 25)
    return mask_to_rle((distance < 15) & (distance > (6 if hole else -1)))


def test_outlines_follow_the_mask_and_a_hole_is_a_second_line():
    x, y = mask_outlines(disc())
    radii = [np.hypot(a - 30.5, b - 25.5) for a, b in zip(x, y, strict=True)]
    assert max(radii) < 16
    assert min(radii) > 13
    assert x[0] == x[-1]
    assert np.isnan(mask_outlines(disc(hole=True))[0]).sum() == 1


@pytest.mark.parametrize("count", [1, 2, 4])
def test_each_model_gets_a_panel_and_all_move_together(count):
    photo = np.zeros((50, 60, 3), np.uint8)
    found = DrawnObject(0, "cat", 0.87, (15, 10, 45, 40), disc())
    figure = mask_panels(photo, [Panel(f"model {number}", [found]) for number in range(count)])
    assert [note.text for note in figure.layout.annotations] == [f"model {number}" for number in range(count)]
    assert sum(trace.type == "image" for trace in figure.data) == count
    filled = [trace for trace in figure.data if trace.type == "scatter" and trace.fill == "toself"]
    assert [trace.text for trace in filled] == ["cat, score 0.87"] * count
    assert sum(bool(trace.showlegend) for trace in filled) == 1
    axes = [axis for axis in figure.layout if axis.startswith("xaxis")]
    assert all(figure.layout[axis].matches == "x" for axis in axes)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_panels_hold_nothing_that_plotly_refuses(count):
    found = [DrawnObject(0, "<b>", 0.87, (15, 10, 45, 40), disc()), DrawnObject(1, "", None, (0, 0, 1, 1), disc())]
    panels = [Panel("<i>", found), *[Panel("other", [])] * (count - 1)]
    figure = mask_panels(np.zeros((50, 60, 3), np.uint8), panels)
    assert go.Figure(figure.to_dict()).to_dict() == figure.to_dict()
    plotted = make_subplots(
        -(-count // _columns_of(count)), _columns_of(count), horizontal_spacing=0.01, vertical_spacing=0.06
    )
    for name in [f"{letter}axis{number or ''}" for letter in "xy" for number in (0, *range(2, count + 1))]:
        assert figure.layout[name].domain == pytest.approx(plotted.layout[name].domain)


def test_a_panel_without_objects_is_drawn():
    assert len(mask_panels(np.zeros((5, 5, 3), np.uint8), [Panel("nothing", [])]).data) == 2


def test_curves_show_losses_ap_and_speed():
    scores = {"mask": {"ap50": 50.0, "ap70": 30.0, "ap75": None, "ap50_95": 20.0}}
    events = [
        {"kind": "train", "step": 10, "losses": {"box": 0.1, "mask": 0.2}, "images_per_second": 20.0},
        {"kind": "evaluation", "step": 10, "scores": scores},
    ]
    figure = training_curves(events, steps=20)
    assert [trace.name for trace in figure.data][:2] == ["box", "mask"]
    assert figure.layout.xaxis.range == (0, 20)
    assert training_curves([], steps=5) is not None
