"""Label prices on pages: presets with sources, typed prices, money, the same on all pages; and mix or masks only."""

import pytest

from tests.ui.opened import open_page, texts

PRICED = ("plan", "equiscore", "data", "train")


def charts(app):
    return [chart.key for chart in app.get("plotly_chart")]


@pytest.mark.parametrize("page", PRICED)
def test_each_page_begins_with_the_paper_s_prices_and_names_the_sources_of_others(page, embedded):
    app = open_page(page)
    control = app.selectbox(key="prices")
    assert control.value == "paper"
    assert control.options[0] == "paper, VOC2012, 6.3:1"
    assert sum("(second-hand)" in option for option in control.options) == 3
    control.set_value("verify").run()
    assert not app.exception
    told = texts(app)
    assert "2 s per object (Oehme Front.AI'26" in told
    assert "2026, second-hand)" in told
    assert "7 s per box (Papadopoulos ICCV'17, 2017)" in told


def test_prices_of_an_object_are_multiplied_by_the_objects_that_the_dataset_has(embedded):
    app = open_page("data", prices="sam")
    (objects,) = (field for field in app.number_input if field.key.startswith("objects_"))
    assert objects.label == "Objects in an image"
    assert f"masks {14 * objects.value:,.1f} s, boxes {7 * objects.value:,.1f} s" in texts(app)
    plan = open_page("plan", prices="sam", source="pets yolov5n-lite0-seg, measured")
    assert "a guess" in plan.number_input(key="objects_3").label


def test_own_prices_begin_with_those_that_were_shown():
    app = open_page("equiscore", prices="welabeldata")
    app.selectbox(key="prices").set_value("own").run()
    assert app.number_input(key="own_mask").value == 0.85
    assert app.number_input(key="own_box").value == 0.06
    assert app.selectbox(key="own_unit").value == "money"
    assert app.selectbox(key="own_per").value == "an object"


def test_the_slider_of_the_ratio_turns_typed_prices_and_the_answer():
    app = open_page("equiscore")
    assert "By the law, at your price ratio of 6.3, mix: that pays above 4.0 (4k)" in texts(app)
    app.slider(key="price_ratio").set_value(2.0).run()
    assert not app.exception
    assert app.selectbox(key="prices").value == "own"
    assert app.number_input(key="own_box").value == 38.1
    assert app.number_input(key="own_mask").value == pytest.approx(76.2)
    told = texts(app)
    assert "### Draw masks only: **1,464** images, 31.0 hours" in told
    assert "at your price ratio of 2.0, draw masks only: mixing begins to pay above 4.0 (4k)" in told
    app.number_input(key="own_mask").set_value(381.0).run()
    assert app.slider(key="price_ratio").value == 10.0
    assert "### Cheapest on this curve" in texts(app)


def test_the_page_says_whether_masks_alone_were_ever_trained():
    app = open_page("equiscore")
    assert "Masks alone on 1,464 images scored 49.9; the curve is at 50." in texts(app)
    app.selectbox(key="curve").set_value(app.selectbox(key="curve").options[2]).run()
    assert "above 6.0 (4k)" in texts(app)
    assert "No model here was trained on 1,464 masks alone" in texts(app)


def test_a_plan_compares_with_masks_alone_by_the_law_and_by_the_surface():
    app = open_page("plan", prices="sam", mode="score I need")
    app.number_input(key="score_VOC2012_YOLOv5_ap70").set_value(50.0).run()
    told = texts(app)
    assert "Label **1,586** images with masks and **160** with boxes" in told
    assert "AP70 about 50), at your price ratio of 2.0, draw masks only: mixing begins to pay above 4.0" in told
    assert "By the AP surface, boxes begin to pay above a price ratio of 1.9" in told
    assert "costs_by_ratio" in charts(app)
    app.selectbox(key="source").set_value("pets detr-lite0-few, measured").run()
    assert not app.exception
    assert "By the equiscore law" not in texts(app)
    assert "By the AP surface" in texts(app)


def test_a_plan_takes_money_and_says_what_the_labels_cost():
    app = open_page("plan")
    assert "money I have" not in app.button_group(key="mode").options
    app.number_input(key="money_hour").set_value(16.0).run()
    assert "New labels take 80.0 hours (1,280 in money, at 16 an hour)" in texts(app)
    app.button_group(key="mode").set_value("money I have").run()
    app.number_input(key="money").set_value(640.0).run()
    assert "New labels take 40.0 hours (640 in money, at 16 an hour)" in texts(app)


def test_prices_in_money_are_counted_at_a_stated_rate():
    app = open_page("plan", prices="google")
    assert "(640 in money, at 8 an hour)" in texts(app)
    # 0.2185 USD for a mask, 2.8 objects, 8 USD an hour.
    assert "Per image: masks 275.3 s, boxes 70.6 s." in texts(app)


def test_a_link_to_a_preset_of_the_dataset_itself_or_to_none_shows_the_paper_s():
    for name in ("voc2012", "nobody", ""):
        assert open_page("plan", prices=name).selectbox(key="prices").value == "paper"


@pytest.mark.parametrize("page", PRICED)
def test_prices_chosen_on_one_page_are_those_of_the_others(page, by_app, embedded):
    app = open_page(page, prices="own", own_box="5", own_mask="20", money_hour="12")
    for other in (*(name for name in PRICED if name != page), page):
        app.query_params.clear()
        app.switch_page(f"pages/{other}.py").run()
        assert not app.exception
        assert app.query_params["prices"] in ("own", ["own"])
        assert app.number_input(key="own_mask").value == 20
        assert app.number_input(key="own_box").value == 5
        assert app.number_input(key="money_hour").value == 12


def test_a_price_that_was_left_as_it_began_is_the_same_on_other_pages(by_app, embedded):
    app = open_page("plan", prices="own", own_mask="60")
    for other in ("equiscore", "data", "plan"):
        app.query_params.clear()
        app.switch_page(f"pages/{other}.py").run()
        assert (app.number_input(key="own_mask").value, app.number_input(key="own_box").value) == (60, 38.1)
        assert "own_box" not in app.query_params


def test_a_link_to_something_else_on_a_page_leaves_the_prices_and_one_with_prices_wins(by_app, embedded):
    app = open_page("plan", prices="sam")
    app.query_params.clear()
    app.query_params["data"] = "embedded"
    app.switch_page("pages/train.py").run()
    assert app.selectbox(key="prices").value == "sam"
    app.query_params.clear()
    app.query_params["prices"] = "verify"
    app.switch_page("pages/equiscore.py").run()
    assert app.selectbox(key="prices").value == "verify"
    app.query_params.clear()
    app.switch_page("pages/plan.py").run()
    assert app.selectbox(key="prices").value == "verify"


def test_the_link_is_short_while_nothing_is_chosen_and_back_to_it_takes_the_prices_back():
    app = open_page("plan")
    assert "prices" not in app.query_params
    app.selectbox(key="prices").set_value("sam").run()
    app.run()
    assert app.query_params["prices"] in ("sam", ["sam"])
    del app.query_params["prices"]  # as the browser's Back
    app.run()
    assert app.selectbox(key="prices").value == "paper"
    app.selectbox(key="prices").set_value("own").run()
    app.number_input(key="own_mask").set_value(20.0).run()
    app.run()
    del app.query_params["own_mask"]
    app.run()
    assert app.number_input(key="own_mask").value == 239.7


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "many", "0", ""])
def test_a_price_in_a_link_that_cannot_be_is_left_out(text):
    app = open_page("equiscore", prices="own", own_mask=text)
    assert app.number_input(key="own_mask").value == 239.7
