"""Stopwatch: the order of the labels, what a browser may send, the results of one and of a class, and their prices."""

import dataclasses
import math
from collections import Counter

import numpy as np
import pytest

from splitlab.app.stopwatch.series import MARK, YOU, Marking, Series, Target
from splitlab.app.stopwatch.targets import LEAST_SIDE, targets_of_dataset
from splitlab.budget.stopwatch import BOX, OUTLINE, TimedLabel
from splitlab.budget.timed_files import labels_as_csv
from splitlab.data.dataset import ImageLabels
from splitlab.data.open_dataset import open_dataset
from splitlab.errors import BudgetError, DataError
from splitlab.figures.stopwatch import ALL, times_chart
from splitlab.geometry import mask_to_rle, rle_to_mask
from splitlab.workspace import Workspace
from tests.ui.opened import go_to, metrics, open_page, texts

pytestmark = pytest.mark.usefixtures("by_app")

STATE = "stopwatch state"
SQUARE = [[10, 10], [30, 10], [30, 30], [10, 30]]


def target(number=0, **truth):
    return Target(f"object {number}", "data:,", 100, 80, "cat", (20.0, 20.0), **truth)


def with_truth():
    mask = np.zeros((80, 100), bool)
    mask[10:30, 10:30] = True
    return target(box=(10.0, 10.0, 30.0, 30.0), mask=mask_to_rle(mask))


def finished(boxes=(6.0, 7.0, 8.0), outlines=(50.0, 60.0, 75.0)):
    """A series at its end, with these times."""
    targets = tuple(target(number) for number in range(len(boxes)))
    labels = [
        TimedLabel(YOU, kind, each.item, seconds, 0.9)
        for kind, times in ((BOX, boxes), (OUTLINE, outlines))
        for each, seconds in zip(targets, times, strict=True)
    ]
    return Series("series 9", targets, labels=tuple(labels)).ended()


def message(series, **fields):
    task = series.tasks[0]
    points = {BOX: [[10, 10], [30, 30]], OUTLINE: SQUARE, MARK: [[20, 20]]}[task.kind]
    return {"task": task.id, "seconds": 5.0, "points": points} | fields


def test_each_object_is_drawn_once_in_each_kind_and_half_of_them_first_as_a_box():
    series = Series("series", tuple(target(number) for number in range(10)))
    order = []
    while series.tasks:
        order.append((series.tasks[0].target.item, series.tasks[0].kind))
        series = series.after(message(series))
    assert len(set(order)) == len(order) == 20
    assert Counter(kind for _, kind in order[:10]) == {BOX: 5, OUTLINE: 5}
    assert [(label.item, label.kind) for label in series.labels] == order


def test_a_label_like_the_truth_has_an_iou_of_one_and_half_of_it_half():
    series = Series("series", (with_truth(), with_truth()))
    series = series.after(message(series, points=[[30, 30], [10, 10]]))  # drawn from the lower right corner
    series = series.after(message(series))
    series = series.after(message(series, points=[[10, 10], [20, 10], [20, 30], [10, 30]]))
    series = series.after(message(series, points=[[10, 10], [20, 30]]))
    assert [label.iou for label in series.labels] == pytest.approx([1, 1, 0.5, 0.5], abs=0.05)


def test_without_ground_truth_a_label_has_no_iou():
    series = Series("series", (target(),))
    assert series.after(message(series)).labels == (TimedLabel(YOU, BOX, "object 0", 5.0),)


def test_a_skipped_object_is_not_counted():
    series = Series("series", (target(),))
    after = series.after({"task": series.tasks[0].id, "skip": True, "seconds": 9.0})
    assert (after.done, after.labels) == (1, ())


@pytest.mark.parametrize("sent", [None, "x", [], {}, {"task": "series 1"}, {"task": 0}, {"task": ["series 0"]}])
def test_a_message_for_no_task_or_for_another_one_changes_nothing(sent):
    series, marking = Series("series", (target(),)), Marking("photos", (target(),))
    assert series.after(sent) == series
    assert marking.after(sent) == marking


@pytest.mark.parametrize(
    "wrong",
    [
        {"seconds": None}, {"seconds": "5"}, {"seconds": math.nan}, {"seconds": -1}, {"seconds": 10**400},
        {"seconds": 3601}, {"points": None}, {"points": []}, {"points": [[1, 2]]}, {"points": [[1, 2]] * 1001},
        {"points": [[1, 2], [3]]}, {"points": [[1, 2], "34"]}, {"points": [[1, 2], [math.inf, 4]]},
        {"points": [[1, 2], [10**400, 4]]}, {"points": {"0": [1, 2]}},
    ],
)  # fmt: skip
def test_what_is_no_label_is_refused(wrong):
    series = Series("series", (target(),))
    with pytest.raises(BudgetError, match=r"again|time"):
        series.after(message(series, **wrong))


def test_an_outline_that_would_take_long_to_draw_is_refused():
    wide = dataclasses.replace(with_truth(), width=8000, height=6000)
    series = Series("series", (wide,), kinds=(OUTLINE,))
    with pytest.raises(BudgetError, match="too long"):
        series.after(message(series, points=[[0, 0], [8000, 6000]] * 500))


def test_points_outside_are_moved_into_the_photo():
    series = Series("series", (with_truth(),))
    assert series.after(message(series, points=[[-50, -50], [500, 500]])).labels[0].iou == pytest.approx(400 / 8000)


def test_marked_objects_of_all_photos_become_targets_with_their_points():
    marking = Marking("photos", (target(1), target(2)))
    marking = marking.after(message(marking, points=[[5, 6], [7, 8]]))
    marking = marking.after(message(marking, points=[[1, 2]]))
    assert not marking.tasks
    assert [(each.item, each.point) for each in marking.marked] == [
        ("object 1 #1", (5, 6)), ("object 1 #2", (7, 8)), ("object 2 #1", (1, 2)),
    ]  # fmt: skip


def test_the_objects_of_a_dataset_are_large_enough_each_in_its_own_image_with_a_point_inside(embedded):
    train = open_dataset("embedded", Workspace.here().data).train
    found = targets_of_dataset(train, 6, 0)
    assert len({each.item.split(" #")[0] for each in found}) == 6
    for each in found:
        assert rle_to_mask(each.mask)[int(each.point[1]), int(each.point[0])]
        assert min(each.box[2] - each.box[0], each.box[3] - each.box[1]) >= LEAST_SIDE * each.width
    assert found == targets_of_dataset(train, 6, 0)
    assert [each.item for each in found] != [each.item for each in targets_of_dataset(train, 6, 1)]


def test_a_broken_photo_is_passed_over_and_a_dataset_without_objects_is_refused(embedded, tmp_path):
    train = open_dataset("embedded", Workspace.here().data).train
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    broken = dataclasses.replace(train.images[0], path=tmp_path / "broken.jpg")
    some = dataclasses.replace(train, images=(broken, *train.images[1:4]))
    assert all(str(broken.image_id) != each.item.split(" #")[0] for each in targets_of_dataset(some, 4, 0))
    empty = dataclasses.replace(train, images=(ImageLabels("1", tmp_path / "1.jpg", 9, 9, ()),))
    with pytest.raises(DataError, match="Choose another dataset"):
        targets_of_dataset(empty, 4, 0)


def test_the_page_begins_with_ten_objects_and_waits_for_the_first_label(embedded):
    app = open_page("stopwatch")
    series = app.session_state[STATE]
    assert (len(series.targets), series.done) == (10, 0)
    assert "From 3 labels of a kind on" in texts(app)
    app.button[0].click().run()
    assert not app.exception
    assert app.session_state[STATE].targets != series.targets


def test_settings_are_locked_while_objects_are_labelled_and_the_labels_survive_reruns(embedded):
    app = open_page("stopwatch")
    series = app.session_state[STATE]
    app.session_state[STATE] = series.after(message(series))
    app.run()
    assert app.selectbox(key="timed").disabled
    assert app.number_input(key="timed_objects").disabled
    app.run()
    assert len(app.session_state[STATE].labels) == 1
    next(button for button in app.button if button.label == "Start again").click().run()
    assert app.session_state[STATE].labels == ()


def test_the_times_become_the_prices_of_all_pages(embedded):
    app = open_page("stopwatch")
    app.session_state[STATE] = finished()
    app.run()
    assert metrics(app)["Box, mean seconds"] == "7.0 s"
    assert metrics(app)["Boxes for one outline"] == "8.8 : 1"
    assert "3 labels, IoU 0.90 with the ground truth" in texts(app)
    assert "80 hours on VOC2012 (2.8 objects in an image) are best spent on" in texts(app)
    next(button for button in app.button if button.label.startswith("Use these prices")).click().run()
    assert not app.exception
    go_to(app, "plan")
    assert app.selectbox(key="prices").value == "own"
    assert app.selectbox(key="own_per").value == "an object"
    assert app.number_input(key="own_box").value == pytest.approx(7.02)
    assert app.number_input(key="own_mask").value == pytest.approx(62.09)
    assert app.query_params["own_per"] == "an object"


def test_without_three_labels_of_both_kinds_the_page_says_what_is_missing(embedded):
    app = open_page("stopwatch")
    app.session_state[STATE] = dataclasses.replace(finished(), labels=finished().labels[:4])
    app.run()
    assert "Prices need 3 boxes and 3 masks by one person" in texts(app)


def test_sample_photos_are_marked_first():
    app = open_page("stopwatch", timed="sample photos")
    marking = app.session_state[STATE]
    assert [task.kind for task in marking.tasks] == [MARK, MARK]
    for _ in marking.photos:
        marking = marking.after(message(marking))
    app.session_state[STATE] = marking
    app.run()
    assert not app.exception
    assert isinstance(app.session_state[STATE], Series)
    assert len(app.session_state[STATE].targets) == 2


def test_own_photos_say_what_to_do():
    assert "You mark the objects first" in texts(open_page("stopwatch", timed="own photos"))


def files_of(students):
    rng, files = np.random.default_rng(0), []
    for number in range(students):
        times = (rng.lognormal(2, 0.3, 10), rng.lognormal(4, 0.4, 10))
        labels = [
            TimedLabel(f"student {number}", kind, str(item), seconds)
            for kind, drawn in zip((BOX, OUTLINE), times, strict=True)
            for item, seconds in enumerate(drawn)
        ]
        files.append(("splitlab-stopwatch.csv", labels_as_csv(labels).encode(), "text/csv"))
    return files


def test_a_class_of_thirty_is_one_chart_and_bad_files_are_named():
    app = open_page("stopwatch", who="a class")
    assert "Each student labels about ten objects" in texts(app)
    hostile = ("<script>.csv", b"annotator,kind\n<b>,1", "text/csv")
    app.get("file_uploader")[0].set_value([*files_of(30), hostile]).run()
    assert not app.exception
    assert "300 labels of 30 people" in texts(app)
    assert len(app.get("plotly_chart")) == 1
    assert r"\<script\>.csv does not begin with the columns" in app.warning[0].value


def test_the_chart_of_a_class_fits_on_a_screen_and_has_a_row_for_all():
    labels = [
        TimedLabel(f"student {number}", kind, str(item), seconds + item)
        for number in range(30)
        for kind, seconds in ((BOX, 5.0), (OUTLINE, 50.0))
        for item in range(3)
    ]
    chart = times_chart(labels)
    assert chart.layout.height < 540
    assert [len(trace.y) for trace in chart.data] == [31, 31]
    assert ALL in chart.data[0].y[-1]


def test_names_in_a_chart_are_no_markup():
    labels = [TimedLabel("<b>x</b>", BOX, "<i>y</i>", 5.0 + item) for item in range(3)]
    chart = times_chart(labels)
    assert {name for trace in chart.data for name in trace.y} == {"&lt;b&gt;x&lt;/b&gt;"}
    assert chart.data[0].hovertext[0] == "&lt;i&gt;y&lt;/i&gt;"
