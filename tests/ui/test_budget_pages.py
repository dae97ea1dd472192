"""Home, Plan a budget, Equiscore and Cost against AP: what they answer, and what they say where they cannot."""

import pytest

from splitlab.budget.results import MEASURED, ResultRow, results_table
from tests.ui.opened import open_page, texts


def test_home_answers_at_once_and_again_when_the_hours_move():
    app = open_page("home")
    assert "With 80 hours, label **659** images with masks and **3,413** with boxes" in texts(app)
    assert len(app.get("plotly_chart")) == 1
    app.slider(key="hours").set_value(30).run()
    assert "With 30 hours" in texts(app)
    assert "659" not in texts(app)


def test_a_plan_answers_with_a_split_its_interval_and_what_to_label_next():
    app = open_page("plan")
    assert "Label **659** images with masks and **3,413** with boxes: expect AP **50.4** (49.3 to 51.4)" in texts(app)
    assert "from **426** to **899**" in texts(app)
    assert not app.get("doc_string")  # a bare expression in a page's script is shown with its documentation
    assert not app.info  # no published split did better for these hours
    app.button_group(key="mode").set_value("score I need").run()
    app.number_input(key="score_VOC2012_YOLOv5_ap70").set_value(50.0).run()
    assert "expect AP **50.0**" in texts(app)
    app.number_input(key="score_VOC2012_YOLOv5_ap70").set_value(99.0).run()
    assert "out of reach" in app.error[0].value


def test_a_dearer_mask_moves_the_plan_towards_boxes():
    app = open_page("plan", prices="own")
    app.number_input(key="own_mask").set_value(1200.0).run()
    assert not app.exception
    best = app.dataframe[0].value.iloc[0]
    assert int(best["from"].split("/")[0].replace(",", "")) < 300


def test_prices_may_be_given_for_an_object():
    app = open_page("plan", prices="own")
    app.selectbox(key="own_per").set_value("an object").run()
    app.number_input(key="objects_2.8").set_value(10.0).run()
    assert not app.exception
    assert "Label **" in texts(app)


def test_a_plan_by_measured_runs_says_what_it_borrows():
    app = open_page("plan")
    app.selectbox(key="source").set_value("pets detr-lite0-few, measured").run()
    app.number_input(key="hours_planned").set_value(10.0).run()
    assert not app.exception
    assert any("based on one split" in warning.value for warning in app.warning)


def test_the_points_of_an_equiscore_fit_travel_in_the_link():
    app = open_page("equiscore", points_a="400-5000,999-1")
    assert "Fitted k = 0.93" in texts(app)


def test_labels_beyond_the_images_there_are_get_a_sentence():
    app = open_page("plan")
    app.number_input(key="have_full").set_value(20_000).run()
    assert not app.exception
    assert "more than the 10731" in app.error[0].value


def test_the_equiscore_page_touches_the_papers_curve_at_equal_halves():
    app = open_page("equiscore")
    assert "Cheapest on this curve: **584** masks and **3,671** boxes, 77.7 hours" in texts(app)
    assert "50% of it on masks" in texts(app)
    app.button_group(key="law").set_value("fitted").run()
    assert not app.exception
    app.button_group(key="law").set_value("mine").run()
    app.slider(key="k_a").set_value(5.0).run()
    assert not app.exception
    app.selectbox(key="curve").set_value(app.selectbox(key="curve").options[1]).run()
    assert "The number of images decides" in texts(app)
    assert not app.exception


def test_the_images_that_decide_the_cheapest_point_are_in_the_link():
    app = open_page("equiscore", pool_10731="4200")
    assert "The number of images decides" in texts(app)
    assert app.number_input(key="pool_10731").value == 4200
    app.selectbox(key="curve").set_value(app.selectbox(key="curve").options[1]).run()
    assert app.number_input(key="pool_2975").value == 2975


def test_a_picked_split_shows_its_score_and_what_beats_it():
    app = open_page("cost_against_ap")
    assert app.metric[0].value == "49.9"
    assert "Scored on val of VOC2012, 1,449 images." in texts(app)
    assert "Nothing beats 400/5,000" in texts(app)
    app.selectbox(key="pick_full").set_value(1464).run()
    app.selectbox(key="pick_weak").set_value(0).run()
    assert app.metric[0].value == "49.9"
    assert "What beats 1,464/0" in texts(app)
    better = app.dataframe[0].value
    assert (better["labelling cost, hours"] <= 97.5).all()
    assert (better["AP70"] >= 49.9).all()
    splits = zip(better["images with masks, |F|"], better["images with boxes only, |W|"], strict=True)
    assert {(400, 5000), (800, 3000)} <= set(splits)


@pytest.mark.parametrize("metric", ["ap50", "ap50_95"])
def test_cityscapes_has_its_own_metrics_and_first_pick(metric):
    app = open_page("cost_against_ap")
    app.selectbox(key="dataset").set_value("Cityscapes").run()
    app.button_group(key="metric_Cityscapes").set_value(metric).run()
    assert not app.exception
    assert app.metric[0].value == {"ap50": "55.2", "ap50_95": "31.8"}[metric]


def test_with_no_group_shown_the_page_says_what_to_turn_on():
    app = open_page("cost_against_ap")
    app.button_group(key="groups").set_value([]).run()
    assert "turn on" in texts(app)
    assert not app.exception


def test_measured_models_of_another_dataset_can_be_picked():
    app = open_page("cost_against_ap", dataset="pets")
    assert all("measured" in name for name in app.selectbox(key="pick_model").options)
    app.selectbox(key="pick_model").set_value("yolov5n-lite0-seg (measured)").run()
    app.selectbox(key="pick_full").set_value(240).run()
    assert float(app.metric[0].value) > 60
    assert "Scored on val of pets, 119 images." in texts(app)
    assert not app.exception


def test_models_that_were_trained_in_two_ways_are_picked_apart(monkeypatch):
    rows = [
        ResultRow(MEASURED, "shapes", "yolo", 30, 0, 1.0, ap50=ap, ap70=ap, settings=settings, run=settings)
        for ap, settings in ((20.0, "short"), (40.0, "long"))
    ]
    monkeypatch.setattr("splitlab.app.cost.page.measured", lambda _: results_table(rows))
    app = open_page("cost_against_ap", dataset="shapes")
    found = app.selectbox(key="pick_model").options
    assert found == ["yolo (measured, long)", "yolo (measured, short)"]
    app.selectbox(key="pick_model").set_value(found[1]).run()
    assert app.metric[0].value == "20.0"


def test_where_the_labels_there_are_do_already_the_page_says_so_and_shows_the_rest():
    app = open_page("plan", mode="score I need", have_full="400", have_weak="5000")
    app.number_input(key="score_VOC2012_YOLOv5_ap70").set_value(40.0).run()
    assert not app.exception
    assert "No more labels are needed than the existing **400/5,000**" in texts(app)
    assert "The existing labels already reach the score" in texts(app)
    assert {expander.label for expander in app.expander} >= {"How far to trust it"}
    assert len(app.get("plotly_chart")) == 2


def test_labels_already_paid_for_are_told_apart_from_those_to_make():
    app = open_page("plan", have_full="400", have_weak="5000", hours_planned="10")
    assert "Label **150** more images with masks and **1** more with boxes, **550/5,001** in total" in texts(app)


def test_the_images_that_end_a_plan_are_said_wherever_they_end_it():
    app = open_page("plan", hours_planned="80", images_10731="3000")
    told = texts(app)
    assert "Limited by the hours and the images: all but 3 of 3,000 images get a label" in told
    assert "**200/2,800** (**43.0** hours) gives **44.2**" in told
    assert "Images without a label: 3." in told
    gains = app.dataframe[0].value.set_index("label")
    assert gains["AP per hour"].idxmax() == "masks"
    assert gains.loc["boxes, then masks", "hours"] > 7.9
    assert "each way to spend" not in told


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"images_10731": "1"}, "Limited by the images: masks on the only image leave 79.9 hours unspent."),
        ({"images_10731": "1000", "have_full": "1000"}, "all 1,000 images already have masks"),
        ({"images_10731": "1000", "have_full": "200", "have_weak": "800"}, "masks replace boxes"),
        ({"images_10731": "4072"}, "Limited by the hours: they are just enough to label all 4,072 images."),
        ({}, "Limited by the hours: 6,659 of 10,731 images stay without a label."),
    ],
)
def test_a_plan_says_what_limits_it(parameters, told):
    app = open_page("plan", hours_planned="80" if len(parameters) < 3 else "10", **parameters)
    assert not app.error
    assert told in texts(app)


def test_home_says_that_an_extreme_costs_less_where_the_images_end():
    app = open_page("home", hours="190")
    assert "200/10,531 (124.8 hours) gives" in texts(app)
    assert "every image has a label before the hours are spent" in texts(app)


def test_the_best_measured_split_for_the_same_hours_stands_beside_the_advice(monkeypatch):
    scores = {50: (42.6, 49.2, 49.4, 53.0), 100: (54.4, 55.4, 56.0, 60.0), 400: (63.0, 55.2, 57.1, 56.1)}
    rows = [
        ResultRow(MEASURED, "shapes", "yolo", full, weak, 1.0, ap70=ap, seed=0, settings="short", run=f"{full}-{weak}")
        for full, line in scores.items()
        for weak, ap in zip((0, 100, 200, 400), line, strict=True)
    ]
    monkeypatch.setattr("splitlab.app.widgets.budget_choices.measured", lambda _: results_table(rows))
    app = open_page("plan", source="shapes yolo, measured", hours_planned="26.6", images_1000="800")
    assert "The best measured split for these hours is 400/0: it scored 63.0 for 26.6 hours." in texts(app)
    assert "Beside 399 masks, boxes are expected to lower the score" in texts(app)
    falls = [warning.value for warning in app.warning if "more boxes lower the score" in warning.value]
    assert len(falls) == 1
    assert "at 400 masks: 63.0 with 0 boxes, 56.1 with 400" in falls[0]


def test_measured_models_are_planned_by_as_they_were_trained(monkeypatch):
    rows = [
        ResultRow(
            MEASURED, "shapes", "yolo", full, weak, 1.0, ap50=ap, ap70=ap, settings=settings, run=f"{full}-{settings}"
        )
        for full, weak, ap, settings in (
            (30, 0, 20.0, "short"),
            (480, 0, 30.0, "short"),
            (30, 450, 60.0, "long"),
            (0, 9, 5.0, "short"),
        )
    ]
    monkeypatch.setattr("splitlab.app.widgets.budget_choices.measured", lambda _: results_table(rows))
    app = open_page("plan", source="shapes yolo, measured, short", hours_planned="3")
    options = [name for name in app.selectbox(key="source").options if name.startswith("shapes")]
    assert options == ["shapes yolo, measured, short", "shapes yolo, measured, long"]
    assert "from 2 measured results" in texts(app)


def test_models_without_any_score_are_not_planned_by_and_others_go_by_the_score_they_have(monkeypatch):
    rows = [
        ResultRow(MEASURED, "boxes", "yolo", 30, 0, 1.0, run="no masks in val"),
        *(
            ResultRow(MEASURED, "shapes", "yolo", full, weak, 1.0, ap50=ap, run=f"{full}")
            for full, weak, ap in ((30, 0, 20.0), (480, 0, 30.0), (30, 450, 25.0))
        ),
    ]
    monkeypatch.setattr("splitlab.app.widgets.budget_choices.measured", lambda _: results_table(rows))
    app = open_page("plan", source="shapes yolo, measured")
    assert not any(name.startswith("boxes") for name in app.selectbox(key="source").options)
    assert app.selectbox(key="plan_metric_shapes").value == "ap50"
    assert "from 3 measured results" in texts(app)


def test_points_taken_out_of_an_equiscore_fit_can_be_taken_in_again():
    app = open_page("equiscore", points_a="1464-0")
    assert "no split to fit" in app.warning[0].value
    assert [chart.key for chart in app.get("plotly_chart")] == ["equiscore_chart", "turning_line"]
    assert "Fitted k = " in texts(app)


def test_a_plan_knows_the_images_of_an_atlas_and_says_where_it_guesses(monkeypatch):
    monkeypatch.setattr(
        "splitlab.app.widgets.sources.atlas_images", lambda _: {"pets, test part": 360, "street, test part": 30}
    )
    app = open_page("plan", source="pets yolov5n-lite0-seg, measured")
    assert not app.error
    assert app.number_input(key="images_360").value == 360
    assert "this is an estimate" not in texts(app)
    app = open_page("plan", source="street yolov5n-lite0-seg, measured")  # whose splits label more than 30
    assert "this is an estimate" in texts(app)
    rows = [ResultRow(MEASURED, "mine", "yolo", full, 150, 1.0, ap70=full, run=f"{full}") for full in (30, 60)]
    monkeypatch.setattr("splitlab.app.widgets.budget_choices.measured", lambda _: results_table(rows))
    app = open_page("plan", source="mine yolo, measured")
    assert app.number_input(key="images_1000").value == 1000
    assert "this is an estimate" in texts(app)


def test_a_plan_by_one_split_says_what_is_missing_and_is_no_error():
    app = open_page("plan", source="pets detr-lite0-few, measured")
    assert not app.error
    assert "Train a second one" in texts(app)


def test_hours_that_pay_for_nothing_more_leave_the_rest_of_the_page():
    app = open_page("plan", prices="own", own_per="an object", own_mask="600", **{"objects_2.8": "50"})
    assert [error.value for error in app.error if "do not pay" in error.value]
    assert "Each split left out in turn" in texts(app)
