"""What a page showed is there again when somebody comes back to it, and a link that names a value gets it."""

import pytest

from tests.ui.opened import go_to, open_page, texts

BUDGET_PAGES = {
    "cost_against_ap": {"dataset": "Cityscapes"},
    "plan": {"hours_planned": "20", "have_full": "40", "source": "Cityscapes YOLOv5, published"},
    "equiscore": {"law": "mine", "k_a": "2", "points_a": "400-5000,800-3000"},
    "stopwatch": {"timed": "sample photos", "timed_objects": "5"},
    "few_shot": {"metric": "box AP70"},
    "paper": {"verdicts": "holds", "against": "paper"},
    "data": {"data": "embedded", "way": "classes in proportion", "full_embedded_classes in proportion": "7"},
    "train": {"data": "embedded", "full_embedded": "3", "weak_embedded": "5", "steps_embedded_quick": "9", "seed": "4"},
}


pytestmark = pytest.mark.usefixtures("by_app")


def told(app):
    return {name: value if isinstance(value, str) else list(value) for name, value in app.query_params.items()}


@pytest.mark.parametrize("page", BUDGET_PAGES)
def test_a_page_that_is_come_back_to_has_its_controls_and_says_them_in_the_link(page, embedded):
    app = open_page(page, **BUDGET_PAGES[page])
    before, shown = told(app), texts(app)
    assert set(BUDGET_PAGES[page]) <= {*before, "data", "against"}
    go_to(app, "cost_against_ap" if page != "cost_against_ap" else "equiscore")
    go_to(app, page)
    assert told(app) == before
    assert texts(app) == shown


def test_a_link_that_names_what_a_control_begins_with_gets_it():
    app = open_page("cost_against_ap", dataset="Cityscapes")
    go_to(app, "equiscore")
    app.query_params["dataset"] = "VOC2012"
    app.switch_page("pages/cost_against_ap.py").run()
    assert app.selectbox(key="dataset").value == "VOC2012"


def test_home_hands_its_hours_to_the_plan_by_its_door_and_by_the_side_bar():
    app = open_page("home")
    app.slider(key="hours").set_value(120).run()
    (door,) = [link.proto for link in app.get("page_link") if link.proto.page == "plan"]
    assert "hours_planned=120" in door.query_string
    go_to(app, "plan")
    assert app.number_input(key="hours_planned").value == 120
    assert "score" not in told(app)


def test_home_s_hours_win_over_what_the_plan_was_left_with_and_a_plan_without_new_hours_stays():
    app = open_page("plan", mode="score I need")
    app.switch_page("pages/home.py").run()
    app.slider(key="hours").set_value(100).run()
    go_to(app, "plan")
    assert app.number_input(key="hours_planned").value == 100
    app.number_input(key="hours_planned").set_value(33.0).run()
    app.query_params["hours_planned"] = "33"
    app.run()
    app.query_params.clear()
    app.switch_page("pages/home.py").run()
    go_to(app, "plan")
    assert app.number_input(key="hours_planned").value == 33


@pytest.mark.parametrize("lesson", ["1", "3"])
def test_a_lesson_that_was_opened_by_a_click_is_in_the_link(lesson):
    app = open_page("lessons")
    app.query_params["lesson"] = lesson
    app.run()
    assert told(app)["lesson"] == lesson


def test_the_list_of_lessons_is_a_place_of_its_own():
    app = open_page("lessons", lesson="2", screen="2")
    go_to(app, "equiscore")
    go_to(app, "lessons")
    assert app.title[0].value == "Lessons"
